#!/usr/bin/env bash
# glibc: with AI_ADDRCONFIG, getaddrinfo(3) does not find 127.0.0.1 where there is only loopback.
#
# One would guess that a numeric address needs no look at the machine's interfaces, or that loopback counts as an address of
# its family. glibc asks the kernel by AF_NETLINK which families the machine has, loopback left out, and answers
# EAI_NONAME: so a correct client fails in a container or a grader's namespace that has nothing but loopback. Where netlink
# can't be asked (a filter of system calls that refuses the family) glibc assumes both families, and it works.
#
# glibc 2.36 (Debian 12). Source: getaddrinfo(3) at AI_ADDRCONFIG ("loopback … not considered"); check_pf.c.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch libc6=2.36-9+deb12u14

cat >"$tmp/ask.c" <<'C'
#include <netdb.h>
#include <stdio.h>
int main(int argc, char *argv[])
{
	struct addrinfo hints = {0}, *found;
	int error;
	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = argc > 1 ? AI_ADDRCONFIG : 0;
	error = getaddrinfo("127.0.0.1", NULL, &hints, &found);
	puts(error == 0 ? "found" : error == EAI_NONAME ? "EAI_NONAME" : argv[0]);
	return 0;
}
C
gcc -o "$tmp/ask" "$tmp/ask.c"

# ask WORD...: in a network namespace of its own, which has loopback alone.
ask() {
	unshare --user --map-root-user --net sh -c 'ip link set lo up; exec "$@"' sh \
		"$tmp/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$tmp/lib/x86_64-linux-gnu" "$tmp/ask" "$@"
}

"$tmp/lib/x86_64-linux-gnu/libc.so.6" | head -n 1
expect "127.0.0.1, loopback alone" found "$(ask)"
expect "127.0.0.1, loopback alone, AI_ADDRCONFIG" EAI_NONAME "$(ask config)"
