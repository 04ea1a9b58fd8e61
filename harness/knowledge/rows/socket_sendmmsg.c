/* sendmmsg, recvmmsg: a byte through a pair of AF_UNIX */
#include "row.h"

#include <sys/socket.h>
#include <sys/uio.h>

static int ends[2];

static void
before(void)
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}

static void
say(void)
{
	struct iovec part = {.iov_base = "x", .iov_len = 1};
	struct mmsghdr message = {
	    .msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

	must(sendmmsg(ends[1], &message, 1, 0) == 1);
}

static void
hear(void)
{
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct mmsghdr message = {
	    .msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

	must(recvmmsg(ends[0], &message, 1, 0, NULL) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
