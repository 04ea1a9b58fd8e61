#!/usr/bin/env bash
# bubblewrap: a parent that waits for bwrap learns nothing of the CPU time that was used inside.
#
# One would guess that wait4(2) and the shell's `times` give what the command in the sandbox has used, as for any
# other command that starts another one. With a PID namespace bwrap ends without having waited for that namespace's
# first process, which has waited for the command; so nothing of it is added up. A grader that bounds CPU time
# by the children's rusage takes a program that has burnt seconds for one that slept.
#
# Version 0.8.0 (Debian 12), Linux 6.18. Source: bubblewrap.c, monitor_child(), and wait4(2) on what is counted.
# Without --unshare-pid the command is bwrap itself, by exec, and all is counted.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch bubblewrap=0.8.0-2+deb12u1

# used OPTION...: whether a second of CPU time inside shows outside, after the command has ended.
used() {
	python3 - "$tmp/usr/bin/bwrap" "$@" <<'PY'
import resource, subprocess, sys
burn = "import time\nwhile time.process_time() < 1: pass"
subprocess.run([*sys.argv[1:], "--bind", "/", "/", "--dev", "/dev", "python3", "-c", burn], check=True)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print("counted" if spent.ru_utime + spent.ru_stime >= 0.9 else "not counted")
PY
}

"$tmp/usr/bin/bwrap" --version
expect "a second of CPU time, without a PID namespace" counted "$(used --unshare-user)"
expect "a second of CPU time, with --unshare-pid" "not counted" "$(used --unshare-user --unshare-pid)"
