/* What main and the launches know of each other. */
#ifndef CONTROL_H
#define CONTROL_H

#include <pthread.h>
#include <time.h>

struct rocket {
	int number, delay, countdown; /* delay: thousandths of a tick */
	pthread_t thread;
};

/* What the command line says; only read once threads run. */
extern struct control {
	int count, seed, tick_ms, verbose;
	int (*launch)(struct rocket *rockets);
} control;

int rocket_start(struct rocket *rocket);
void rocket_join(struct rocket *rocket);

/* Both return how many rockets they launched. */
int launch_together(struct rocket *rockets);
int launch_in_order(struct rocket *rockets);

double seconds_since_launch(void);

#endif
