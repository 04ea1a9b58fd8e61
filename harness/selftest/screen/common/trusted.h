/* A trusted header: what it does is none of the student's tricks. */
#ifndef TRUSTED_H
#define TRUSTED_H

#include <stdio.h>

__attribute__((section(".text.trusted"), unused)) static void
trusted_note(int fd)
{
	fprintf(stderr, "%d\n", fd);
}

#endif
