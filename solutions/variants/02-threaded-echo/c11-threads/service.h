/* service - what a guest gets */

#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

/* The main function of a guest's thread; guest: its struct guest. */
int service_run(void *guest);

/* Whether each portion is reported; set before the first thread. */
extern bool service_verbose;

#endif
