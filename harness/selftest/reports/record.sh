#!/usr/bin/env bash
# Records the reports beside it anew: builds each program below this directory, runs it under the tools that have
# something to say of it, and keeps what they print. Run by hand after a change of compiler; then look at the
# differences before the golden descriptions are renewed (pytest with LABKIT_GOLDEN=write).
#
# With --assertions only those are recorded in which an assertion of the tool fails, each under its version's name, and
# added to those of other versions: what they say differs, and some versions have none.
#
# Addresses and process numbers differ from run to run; paths are put as /lab.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

tsan=(bad-unlock destroy-locked destroy-race destroyed-lock free-race heap-race lock-order named-threads
	null-pointer read-lock shared-argument shared-descriptor signal-errno signal-unsafe thread-leak thread-local
	two-locks unlocked-counter use-after-free canary)
asan=(bad-arguments bad-free buffer-overflow double-free endless-recursion global-overflow memory-leak null-pointer
	overlap stack-buffer stack-use-after-return stack-use-after-scope undefined-behaviour use-after-free zero-bytes)
helgrind=(bad-unlock bogus-lock destroy-locked foreign-unlock heap-race lock-order lone-signal missing-unlock relock
	self-deadlock shared-argument unlocked-counter wait-unlocked)

# compile CC FLAG...: builds the program in the current directory.
compile() {
	local files=(*.c)
	"$1" -std=c11 -D_DEFAULT_SOURCE -g -pthread -w "${@:2}" -ffile-prefix-map="$PWD=/lab" -o echo_server "${files[@]}"
}

# keep FILE: stdin, without the paths of this machine, becomes the report of the program at hand.
keep() {
	sed "s|$PWD|/lab|g" >report
	[[ ! -s report ]] || cp report "$here/$name/$1"
}

# enter NAME TOOL: a fresh directory with a copy of the program, which becomes the current one.
enter() {
	name=$1
	mkdir -p "$scratch/$2-$name"
	cd "$scratch/$2-$name"
	cp "$here/$name"/*.c .
	[[ $name != canary ]] || cp "$here/../../native/canary.c" .
}

# record_assertions: what these tools say, by their versions.
record_assertions() {
	local cc name version
	for name in joined-twice joined-detached; do
		for cc in gcc clang; do
			version=$("$cc" -dumpversion)
			enter "$name" "tsan-$cc"
			compile "$cc" -O1 -fsanitize=thread
			TSAN_OPTIONS="log_path=log:$options" setarch -R timeout 10 ./echo_server >output 2>&1 || true
			cat log.* 2>/dev/null | keep "assertion-tsan-$cc-${version%%.*}.txt"
			enter "$name" "asan-$cc"
			compile "$cc" -O1 -fsanitize=address,undefined
			timeout 10 ./echo_server 2>&1 >output | keep "assertion-asan-$cc-${version%%.*}.txt" || true
		done
	done
	enter empty-barrier helgrind
	compile gcc -O1
	version=$(valgrind --version)
	timeout 20 valgrind -q --tool=helgrind --vgdb=no --xml=yes --xml-file=report.xml --log-file=report.log \
		./echo_server >output 2>&1 || true
	keep "assertion-${version#*-}.xml" <report.xml
	keep "assertion-${version#*-}.log" <report.log
}

options=io_sync=0:halt_on_error=0:exitcode=66:report_bugs=1:report_thread_leaks=1
options+=:detect_deadlocks=1:second_deadlock_stack=1:history_size=4:atexit_sleep_ms=100
if [[ ${1-} == --assertions ]]; then
	record_assertions
	exit
fi
for name in "${tsan[@]}"; do
	for cc in gcc clang; do
		enter "$name" "tsan-$cc"
		compile "$cc" -O1 -fsanitize=thread
		TSAN_OPTIONS="log_path=log:$options" setarch -R timeout 10 ./echo_server >output 2>&1 || true
		cat log.* | keep "tsan-$cc.txt"
	done
done

for name in "${asan[@]}"; do
	for cc in gcc clang; do
		enter "$name" "asan-$cc"
		compile "$cc" -O0 -fsanitize=address,undefined
		ASAN_OPTIONS=detect_stack_use_after_return=1:exitcode=66 UBSAN_OPTIONS=print_stacktrace=1 \
			timeout 10 ./echo_server 2>&1 >output | grep -vE '^(=>| ) ?0x[0-9a-f]{12}:' | keep "asan-$cc.txt" || true
	done
done

for name in "${helgrind[@]}"; do
	enter "$name" helgrind
	compile gcc -O1
	# Killed outright, Helgrind leaves its XML open; asked to end, it says who holds what.
	[[ $name == relock ]] && how=KILL || how=TERM
	timeout -s "$how" 4 valgrind -q --tool=helgrind --free-is-write=yes --history-level=none --fair-sched=try \
		--max-threads=2000 --vgdb=no --xml=yes --xml-file=report.xml ./echo_server >output 2>&1 || true
	keep helgrind.xml <report.xml
done
