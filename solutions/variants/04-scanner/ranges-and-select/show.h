/* show - lines and a bar, by write(2); main alone calls these functions */

#ifndef SHOW_H
#define SHOW_H

extern const char usage_text[];

/* An open port, on stdout. */
void show_open(int port);

/* A bar on stderr, if that is a terminal; ten times a second at most. */
void show_bar(int percent);

/* Takes the bar away. */
void show_nothing_more(void);

#endif
