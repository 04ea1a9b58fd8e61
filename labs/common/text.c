#define _POSIX_C_SOURCE 200809L

#include "text.h"

#include <stddef.h>

/*
 * How many bytes the first character of text has, and in *code its number;
 * 0 if it is not UTF-8 (RFC 3629): a stray byte, one cut short, one longer
 * than it need be, half of a surrogate pair, or past the last character.
 */
static size_t
first_character(const unsigned char *text, unsigned long *code)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = text[0] < 0x80 ? 1
	    : (text[0] >> 5) == 0x06 ? 2
	    : (text[0] >> 4) == 0x0e ? 3
	    : (text[0] >> 3) == 0x1e ? 4
				     : 0;

	*code = size > 1 ? text[0] & (0x7fu >> size) : text[0];
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80) /* also at the end, at '\0' */
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[size] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return size;
}

bool
text_is_plain(const char *text)
{
	const unsigned char *next = (const unsigned char *)text;
	unsigned long code;

	while (*next != '\0') {
		size_t size = first_character(next, &code);

		/* U+0080 to U+009F are control characters too. */
		if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return false;
		next += size;
	}
	return true;
}
