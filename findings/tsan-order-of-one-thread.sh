#!/usr/bin/env bash
# ThreadSanitizer: two orders of two locks in one thread, before there is another one, are called a potential deadlock.
#
# One would guess that an inversion needs two threads that can meet. The deadlock detector keeps one graph of locks for the
# whole process and knows neither threads nor time in it: orders that a thread has taken while it was alone, or after it
# has joined all others, count. So a correct server whose main fills its tables before it starts a thread is accused.
#
# gcc 12.2 (libtsan2); the same with clang 14's. Source: sanitizer_deadlock_detector.h; seen by running it.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch libtsan2=12.2.0-14+deb12u1

cat >"$tmp/alone.c" <<'C'
#include <pthread.h>
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static void both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}
int main(void)
{
	both(&a, &b);
	both(&b, &a);
	return 0;
}
C
gcc-12 -g -fsanitize=thread -o "$tmp/alone" "$tmp/alone.c"
said=$(LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu setarch -R "$tmp/alone" 2>&1 || true)
echo "libtsan2 12.2.0-14+deb12u1"
expect "one thread, two orders" "lock-order-inversion (potential deadlock)" \
	"$(grep -om1 'lock-order-inversion (potential deadlock)' <<<"$said" || echo nothing)"
