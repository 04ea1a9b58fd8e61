/*
 * text - what may stand in a line that people will see
 */

#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>

/*
 * Whether text is UTF-8 without control characters. Those could clear the
 * reader's terminal, or end a line of a file before its time.
 */
bool text_is_plain(const char *text);

#endif
