/*
 * A queue for each client, one sender that never waits. Whoever does not read
 * loses the place when the queue is full; whoever reads gets everything.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MESSAGES = 2000,
	SIZE = 1000,       /* of a message */
	BOUND = 64 * SIZE, /* what may wait for one client */
};

struct client {
	const char *name;
	int server_end, client_end;
	char outbox[BOUND];
	size_t waiting; /* bytes in the outbox */
	int cut_off;
	int received; /* bytes */
};

/* Memory only: it can't wait. In a server this is done under the lock. */
static void
post(struct client *client, const char *message)
{
	if (client->waiting + SIZE > BOUND)
		client->cut_off = 1;
	if (client->cut_off)
		return;
	memcpy(client->outbox + client->waiting, message, SIZE);
	client->waiting += SIZE;
}

/*
 * What the socket takes now; the rest stays. In a server the bytes are taken
 * out of the outbox under the lock, and sent without it.
 */
static void
deliver(struct client *client)
{
	ssize_t n = send(
	    client->server_end, client->outbox, client->waiting, MSG_DONTWAIT);

	if (n <= 0)
		return; /* full: later */
	client->waiting -= (size_t)n;
	memmove(client->outbox, client->outbox + n, client->waiting);
}

static void
read_available(struct client *client)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(client->client_end, bytes, sizeof(bytes),
		    MSG_DONTWAIT)) > 0)
		client->received += (int)n;
}

int
main(void)
{
	static struct client anna = {.name = "anna"}, boris = {.name = "boris"};
	struct client *clients[] = {&anna, &boris};
	char message[SIZE] = "";
	int pair[2];

	for (int i = 0; i < 2; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			return 1;
		clients[i]->server_end = pair[0];
		clients[i]->client_end = pair[1];
	}
	for (int i = 0; i < MESSAGES; i++) {
		for (int j = 0; j < 2; j++) {
			post(clients[j], message);
			deliver(clients[j]);
		}
		read_available(&anna); /* boris does not */
	}
	for (int i = 0; i < 2; i++)
		printf("%s: received %d messages, %s\n", clients[i]->name,
		    clients[i]->received / SIZE,
		    clients[i]->cut_off ? "cut off" : "still there");
}
