"""Lab 03, step 6: Ten thousand."""

from __future__ import annotations

import errno
import time

from checks.lab_03_rockets.instants import UNTIMELY, landed_early, not_before, summary_is_true
from checks.lab_03_rockets.launches import (
    ROCKETS,
    Rocket,
    ends,
    nameless_lines_of,
    plan_of,
    silence_means,
)
from labkit.scene.checking import Fault, Running, Scene, _, require, step

MIB = 1 << 20
FULL = 10_000
MOST_MEMORY = 500 * MIB
SPARE = 1000  # threads that others may start meanwhile


@step(6, "ten-thousand", "summary")
def test_ten_thousand(scene: Scene) -> None:
    """10,000 rockets, in no more time than the longest one and little besides, and in little memory."""
    plan = plan_of(scene, FULL, scene.seed)
    began = time.monotonic()
    try:
        full_launch(scene, plan)
    except Fault as fault:
        if fault.cause not in UNTIMELY or time.monotonic() - began > 13.0:
            raise
        full_launch(scene, plan)


def full_launch(scene: Scene, plan: list[Rocket]) -> None:
    """A launch with all defaults but the seed."""
    wait_for_room(scene, FULL + SPARE)
    longest = max(rocket.length for rocket in plan)
    # Made before there are threads, which would be taken for a load of this machine.
    deadline = scene.pace.deadline(longest * 1.05 + 15.0)
    began = time.monotonic()
    running = scene.start(ROCKETS, "-s", str(scene.seed))
    takes_little_memory(running, longest - 0.5)
    with silence_means("one-after-another"):
        ends(running, 0.0, deadline=deadline)
    took = time.monotonic() - began
    nameless_lines_of(running, plan)
    landed_early(plan, began, 1.0, running.stdout.timed_lines())
    what = _("the launch of {n} rockets took {s:.2f} s").format(n=FULL, s=took)
    not_before(longest, took, what)
    allowed = longest * 1.05 + 0.5 * scene.pace.factor()
    require(
        took <= allowed,
        what,
        expected=_("from {a:.2f} s, the longest rocket, to {b:.2f} s").format(a=longest, b=allowed),
        got=_("{s:.2f} s").format(s=took),
        cause="sleeps-add-up",
    )
    summary_is_true(running, FULL, longest, took, sum(rocket.length for rocket in plan))


def takes_little_memory(running: Running, seconds: float) -> None:
    """For these seconds of a launch its resident memory must stay below the limit."""
    running.may_end = True
    until = time.monotonic() + seconds
    while running.running and time.monotonic() < until:
        memory = running.peak_resident()
        require(
            memory < MOST_MEMORY,
            _("the threads take {mib} MiB of memory").format(mib=memory // MIB),
            expected=_("less than {mib} MiB resident").format(mib=MOST_MEMORY // MIB),
            got=_("{n} MiB").format(n=memory // MIB),
            cause="big-stacks",
        )
        running.scene.pause(0.1)


def wait_for_room(scene: Scene, threads: int) -> None:
    """Wait until the machine has numbers left for so many threads: what others use is not the program's fault."""

    def is_there() -> bool:
        with open("/proc/loadavg", encoding="ascii") as load:
            taken = int(load.read().split()[3].split("/")[1])
        return taken + threads < min(map(_kernel_limit, ("pid_max", "threads-max")))

    if not scene.pace.eventually(is_there, 20.0):
        raise OSError(
            errno.EAGAIN, _("there is no room for {n} threads on this machine").format(n=threads)
        )


def _kernel_limit(name: str) -> int:
    with open(f"/proc/sys/kernel/{name}", encoding="ascii") as limit:
        return int(limit.read())
