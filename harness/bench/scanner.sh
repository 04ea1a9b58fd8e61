#!/usr/bin/env bash
# The reference of lab 04 beside nmap, in one run on the same machine: all ports of loopback, as a ratio
# of wall times, and 1,000 silent ports in seconds. Says what is missing, and installs nothing.
#
# Exit status: 0 both within their bounds, 1 not, 3 something is missing.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for tool in gcc nmap python3; do
	command -v "$tool" >/dev/null || { echo "bench: $tool is missing" >&2; exit 3; }
done

place=build/bench
ratio_most=0.5 silent_most=1.2
mkdir -p "$place"
gcc -std=c11 -O2 -pthread -I labs/common solutions/04-scanner/*.c labs/common/net.c -o "$place/scanner"

# seconds COMMAND...: the wall time that it takes. What it prints goes to a log.
seconds() {
	local TIMEFORMAT=%R
	{ time "$@" >>"$place/log" 2>&1; } 2>&1
}

# median of the numbers on stdin, an odd count of lines
median() {
	sort -n | awk '{ all[NR] = $1 } END { print all[(NR + 1) / 2] }'
}

# Listens on ports 20000 to 20999 with full queues, says so, and stays: then they answer nothing.
hold_silent() {
	exec python3 -c '
import socket, time
keep = []
for port in range(20000, 21000):
    keep.append(socket.create_server(("127.0.0.1", port), backlog=0))
    for _ in range(2):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        keep.append(client)
print("ready", flush=True)
time.sleep(600)'
}

ulimit -n "$(ulimit -H -n)"
: >"$place/log"
for _ in 1 2 3; do
	seconds "$place/scanner" 127.0.0.1 >>"$place/ours.$$"
	seconds nmap -sT -T4 -p- -n -Pn 127.0.0.1 >>"$place/nmap.$$"
done
ours=$(median <"$place/ours.$$") nmap=$(median <"$place/nmap.$$")
rm "$place/ours.$$" "$place/nmap.$$"

exec {silent}< <(hold_silent)
holder=$!
trap 'kill $holder' EXIT
read -r _ <&"$silent"
waited=$(seconds "$place/scanner" -p 20000-20999 -w 1000 -t 1000 127.0.0.1)

awk -v ours="$ours" -v nmap="$nmap" -v waited="$waited" -v r="$ratio_most" -v s="$silent_most" 'BEGIN {
	printf "all ports: scanner %.2f s, nmap -sT -T4 %.2f s, ratio %.2f (at most %s)\n", ours, nmap, ours / nmap, r
	printf "1,000 silent ports, 1,000 threads, 1 s: %.2f s (at most %s)\n", waited, s
	exit !(ours / nmap <= r && waited <= s)
}'
