/* place - where a socket is or should be: an address and a port, as text */

#ifndef PLACE_H
#define PLACE_H

#include <netdb.h>

enum { PLACE_SIZE = 64 }; /* room for "[ADDRESS]:PORT" */

/*
 * Reads -a, -p and -h of a program. Returns the place, which is never freed;
 * ends the program where there is none in the arguments.
 */
const struct addrinfo *place_from(int argc, char *argv[], const char *program);

/* Writes an address for people. Returns text. */
const char *place_name(const struct sockaddr *address, char text[PLACE_SIZE]);

#endif
