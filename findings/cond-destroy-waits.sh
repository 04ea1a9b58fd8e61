#!/usr/bin/env bash
# glibc: pthread_cond_destroy sleeps for ever where a thread still waits for the condition.
#
# One would guess EBUSY: the manual page that comes with glibc's own documentation, pthread_cond_destroy(3), lists
# it among the errors ("some threads are currently waiting on cond"). POSIX leaves it undefined. Since 2.25 the function marks the
# condition and waits, without a time-out, until the last waiter has left. So a server that destroys its conditions at the
# stop, before it has woken and joined its threads, hangs in a call that looks as if it could not block.
#
# glibc 2.36 and glibc-doc 2.36 (Debian 12). Source: nptl/pthread_cond_destroy.c; its comment names the case.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch libc6=2.36-9+deb12u14 glibc-doc=2.36-9+deb12u14

cat >"$tmp/destroy.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int waits;
static void *wait_for_it(void *unused)
{
	pthread_mutex_lock(&lock);
	waits = 1;
	for (;;)
		pthread_cond_wait(&cond, &lock);
	return unused;
}
int main(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, wait_for_it, NULL);
	for (int ready = 0; !ready;) {
		pthread_mutex_lock(&lock); /* it is free again only when the thread waits */
		ready = waits;
		pthread_mutex_unlock(&lock);
	}
	alarm(3);
	printf("status %d\n", pthread_cond_destroy(&cond));
	return 0;
}
C
gcc -pthread -o "$tmp/destroy" "$tmp/destroy.c"
libs=$tmp/lib/x86_64-linux-gnu
came() {
	"$libs/ld-linux-x86-64.so.2" --library-path "$libs" "$tmp/destroy" 2>/dev/null || echo "ended by signal $(($? - 128))"
}
page=$(find "$tmp/usr/share/man" -name 'pthread_cond_destroy.3*' | head -n 1)
"$libs/ld-linux-x86-64.so.2" --version | head -n 1
expect "the manual page names EBUSY" yes "$(zgrep -q EBUSY "$page" && echo yes || echo no)"
expect "destroying a condition that a thread waits for" "ended by signal 14" "$(came)"
