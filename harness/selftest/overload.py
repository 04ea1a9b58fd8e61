#!/usr/bin/env python3
"""Grades the references on a machine that is far too busy: each step is passed or an error, and none failed.

harness/selftest/overload.py [--loops 60] [--threads 4000] [--gradings 5] [--seconds 7200] [LAB…]

Beside busy loops and one process with many threads, lab after lab is checked, again and again, until the
gradings are done or the time is over. It takes long, and whatever else runs on the machine is slow meanwhile.
Exit status: 0 as it should be, 1 a step failed, a traceback was shown or the sandbox was missing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for who starts it as a script

from commandline import LAB, Command, entries  # noqa: E402
from labkit.ground.catalog import SOLUTIONS, find  # noqa: E402

ENDING_SECONDS = 120.0  # for a check that was told to end
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]
LOOP = ["sh", "-c", "while :; do :; done"]
CROWD = """
import sys, threading
threading.stack_size(65536)
end = threading.Event()
for _ in range(int(sys.argv[1])):
    threading.Thread(target=end.wait, daemon=True).start()
print("up", flush=True)
end.wait()
"""


@dataclass
class Outcome:
    """What came out. verdicts: how many steps got each; wrong: what must not be, in words."""

    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def load(loops: int, threads: int) -> Iterator[None]:
    """Busy loops, and a process of so many threads that wait; nothing of them is left afterwards."""
    words = [[*DIES_WITH_US, *LOOP]] * loops
    running = [subprocess.Popen(one, stdin=subprocess.DEVNULL) for one in words]
    crowd = [*DIES_WITH_US, sys.executable, "-c", CROWD, str(threads)]
    try:
        running.append(subprocess.Popen(crowd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
        assert running[-1].stdout and running[-1].stdout.readline() == b"up\n"
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.communicate()


def check(lab: str, words: Sequence[str], seconds: float, outcome: Outcome) -> None:
    """Check a lab's reference for so many seconds at most, and add what came out."""
    with tempfile.TemporaryDirectory() as home:
        report, name = Path(home), find(lab).name
        command = Command([LAB, "check", lab, "--work", SOLUTIONS, "--report", report, *words])
        end = Timer(seconds, command.process.terminate)
        end.start()
        try:
            ran = command.wait(seconds + ENDING_SECONDS)
        finally:
            end.cancel()
        if (report / name / "results.json").exists():
            _add(lab, entries(report, name), outcome)
    said = ran.words
    outcome.wrong += [
        f"{lab}: {word}\n{said}" for word in ("Traceback", "UNSANDBOXED", "✗") if word in said
    ]
    outcome.wrong += [f"{lab}: it left {process}" for process in ran.left]


def _add(lab: str, tests: Sequence[dict[str, Any]], outcome: Outcome) -> None:
    for test in tests:
        extra = test["extra_data"]
        outcome.verdicts[extra["verdict"]] += 1
        if extra["verdict"] == "failed":
            outcome.wrong.append(f"{lab}, step {test['number']}: {extra['cause']}")


def gradings(labs: Sequence[str], count: int, seconds: float) -> Outcome:
    """So many gradings of these labs, for so many seconds at most."""
    outcome, until = Outcome(), time.monotonic() + seconds
    for number in range(count):
        for lab in labs:
            left = until - time.monotonic()
            if left > 0:
                check(lab, ["--all"], left, outcome)
                print(f"grading {number + 1}, lab {lab}: {dict(outcome.verdicts)}", flush=True)
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description="Grade the references on an overloaded machine.")
    parser.add_argument("--loops", type=int, default=60)
    parser.add_argument("--threads", type=int, default=4000)
    parser.add_argument("--gradings", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("labs", nargs="*", default=["01", "02", "03", "04", "05", "06"])
    options = parser.parse_args()
    with load(options.loops, options.threads):
        outcome = gradings(options.labs, options.gradings, options.seconds)
    print(*outcome.wrong, dict(outcome.verdicts), sep="\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
