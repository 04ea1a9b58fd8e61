#!/usr/bin/env bash
# gcc and glibc: -pthread makes POSIX functions known to a program that asks for none.
#
# One would guess that -pthread concerns threads and linking, and that -std=c11 without a feature macro hides
# sigaction(2) and getopt(3) either way. gcc defines _REENTRANT for -pthread, and glibc's features.h takes that for
# _POSIX_C_SOURCE 199506L. So a source that lacks its `#define _POSIX_C_SOURCE 200809L` compiles in every course
# that passes -pthread, until somebody builds it without, or calls a newer function: then it is an implicit declaration.
#
# gcc 12.2, glibc 2.36 (Debian 12). Source: features.h, at "_REENTRANT"; `gcc -pthread -dM -E`.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch cpp-12=12.2.0-14+deb12u1 libc6-dev=2.36-9+deb12u14

# declares NAME OPTION...: whether the headers declare a function under -std=c11.
declares() {
	local name=$1
	shift
	printf '#include <signal.h>\n#include <stdio.h>\n#include <unistd.h>\n' |
		"$tmp/usr/bin/x86_64-linux-gnu-cpp-12" -std=c11 "$@" -nostdinc \
			-isystem "$tmp/usr/lib/gcc/x86_64-linux-gnu/12/include" -isystem "$(gcc -print-file-name=include)" \
			-isystem "$tmp/usr/include/x86_64-linux-gnu" -isystem "$tmp/usr/include" \
			-isystem /usr/include/x86_64-linux-gnu -isystem /usr/include |
		grep -qw "$name" && echo declared || echo hidden
}

"$tmp/usr/bin/x86_64-linux-gnu-cpp-12" --version | head -n 1
expect "sigaction, -std=c11" hidden "$(declares sigaction)"
expect "sigaction, -std=c11 -pthread" declared "$(declares sigaction -pthread)"
expect "dprintf, of POSIX.1-2008, -std=c11 -pthread" hidden "$(declares dprintf -pthread)"
