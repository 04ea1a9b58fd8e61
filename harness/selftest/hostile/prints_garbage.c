/*
 * Says what would clear a terminal, name its window, turn text round and end
 * an XML section; then every byte there is.
 */
#include <stdio.h>

int
main(void)
{
	static const char words[] = "\033[2J\033]0;owned\007\033[31m\r\b"
				    "\342\200\256desrever\302\233K]]></x>\n";

	fputs(words, stdout);
	fputs(words, stderr);
	for (int byte = 0; byte < 256; byte++) {
		putchar(byte);
		putc(byte, stderr);
	}
	return 1;
}
