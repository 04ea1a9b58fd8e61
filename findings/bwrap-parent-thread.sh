#!/usr/bin/env bash
# bubblewrap: --die-with-parent kills the sandbox when the thread that started it ends, though its process lives on.
#
# One would guess that the parent is the process that called bwrap: bwrap(1) says that the command dies "when bwrap's
# parent dies". The option is prctl(2)'s PR_SET_PDEATHSIG, and for that the parent is the thread that forked. So a grader
# that starts sandboxes in the threads of a pool, and waits for them elsewhere, sees a correct program killed by SIGKILL
# as soon as the pool lets its idle thread go: it looks as if the program had used too much memory.
#
# Version 0.8.0 (Debian 12), Linux 6.18. Source: prctl(2) at PR_SET_PDEATHSIG ("the parent … is considered to be the
# thread that created this process"); bubblewrap.c, handle_die_with_parent().
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
fetch bubblewrap=0.8.0-2+deb12u1

# ended WHEN: how `cat` in the sandbox, which waits for input, ends if the thread that started it ends before or after it.
ended() {
	python3 - "$tmp/usr/bin/bwrap" "$1" <<'PY'
import subprocess, sys, threading
bwrap, when = sys.argv[1:]
started, over = threading.Event(), threading.Event()
boxes = []
def start():
    words = [bwrap, "--ro-bind", "/", "/", "--unshare-user", "--die-with-parent", "sh", "-c", "echo up; cat"]
    boxes.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    started.set()
    over.wait()
thread = threading.Thread(target=start)
thread.start()
started.wait()
box = boxes[0]
assert box.stdout.readline() == b"up\n"
if when == "before":
    over.set()
    thread.join()
    try:
        print("killed" if box.wait(5) == -9 else "otherwise")
    except subprocess.TimeoutExpired:
        print("lives on")
box.stdin.close()
status = box.wait()
if when == "after":
    over.set()
    thread.join()
    print("status", status)
PY
}

"$tmp/usr/bin/bwrap" --version
expect "the thread that started it waits" "status 0" "$(ended after)"
expect "the thread that started it ends first" killed "$(ended before)"
