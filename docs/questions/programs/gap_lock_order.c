/*
 * Two transfers between the same two accounts, in opposite directions. So that
 * they can't wait for each other, both lock the account with the smaller number
 * first.
 */

#include <pthread.h>
#include <stdio.h>

struct account {
	int number;
	pthread_mutex_t lock;
	int money; /* guarded by lock */
};

static void
transfer(struct account *from, struct account *to, int money)
{
	struct account *first, *second;

	/* GAP */
	second = first == from ? to : from;

	pthread_mutex_lock(&first->lock);
	pthread_mutex_lock(&second->lock);
	printf("%d -> %d: locked %d, then %d\n", from->number, to->number,
	    first->number, second->number);
	from->money -= money;
	to->money += money;
	pthread_mutex_unlock(&second->lock);
	pthread_mutex_unlock(&first->lock);
}

int
main(void)
{
	static struct account accounts[] = {
	    {.number = 7, .lock = PTHREAD_MUTEX_INITIALIZER, .money = 10},
	    {.number = 3, .lock = PTHREAD_MUTEX_INITIALIZER, .money = 10},
	};

	transfer(&accounts[0], &accounts[1], 5);
	transfer(&accounts[1], &accounts[0], 5);
}
