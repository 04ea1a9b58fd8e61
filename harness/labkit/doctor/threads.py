"""How many threads may a program under test have? Tried where it runs: which limit holds there, no file says."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.box import sandbox
from labkit.doctor.finding import BAD, FINE, WARNING, Finding, limit, run, sysctl
from labkit.doctor.numbers import grouped, parameter, read_number
from labkit.doctor.programs import CannotBuild, build
from labkit.ground.faults import Trouble
from labkit.ground.words import _

MUST, SHOULD = 2_500, 12_000  # for labs 01 and 02; for 10,000 threads too
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Bound:
    """A limit of threads that can be seen here. room: how many more it allows. remedy: what to type to raise it."""

    name: str
    value: int
    room: int
    remedy: str


def cgroups() -> Iterator[tuple[int, int]]:
    """(pids.max, how many there are) of each control group around us that has a limit, of version 1 or 2."""
    lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    for _number, controllers, path in (line.split(":", 2) for line in lines):
        if controllers not in ("", "pids"):
            continue
        top = CGROUP / controllers
        group = top / path.lstrip("/")
        for place in (group, *(up for up in group.parents if up.is_relative_to(top))):
            most, now = read_number(place / "pids.max"), read_number(place / "pids.current")
            if most is not None:
                yield most, now or 0


def cgroup_threads() -> int | None:
    """How many threads the control groups around us allow; None: as many as the kernel does."""
    return min((most for most, _now in cgroups()), default=None)


def bounds() -> Iterator[Bound]:
    """All limits that can be seen from here. Those of a machine around this one cannot."""
    tasks = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[1])
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if os.geteuid() != 0 and own != resource.RLIM_INFINITY:  # it is nothing to root
        yield Bound("ulimit -u", own, own - tasks, limit("nproc", 16_000))
    systemd = "sudo systemctl set-property user-$(id -u).slice TasksMax=32000"
    for most, now in cgroups():
        yield Bound("pids.max", most, most - now, systemd)
    for name in ("kernel.pid_max", "kernel.threads-max"):
        most = parameter(name) or 0
        yield Bound(name, most, most - tasks, sysctl(name, 2 * SHOULD))
    maps = parameter("vm.max_map_count") or 0  # two for each thread
    yield Bound("vm.max_map_count", maps, maps // 2, sysctl("vm.max_map_count", 5 * SHOULD))


def tried() -> Finding:
    """What a program got that asked for more threads than the labs do, in the sandbox if there is one."""
    what = _("threads")
    try:
        program = build("threads", "-O1")
        here = sandbox.View(program.parent, {"/program": program.parent})
        done = run(
            *sandbox.command([sandbox.place(here, f"/program/{program.name}"), str(SHOULD)], here)
        )
        number, _blank, why = done.last_line.partition(" ")
        started = int(number)
    except (CannotBuild, Trouble, ValueError) as error:
        return Finding(
            what, WARNING, _("could not be tried: {why}").format(why=error), "make doctor"
        )
    return judged(what, started, why, min(bounds(), key=lambda bound: bound.room))


def judged(what: str, started: int, why: str, nearest: Bound) -> Finding:
    """The finding of so many threads, and the limit that is nearest of all that can be seen."""
    if started >= SHOULD:
        return Finding(what, FINE, _("a program had {n} at once").format(n=grouped(started)))
    seen = _("a program had {n} at once and got no more ({why}); {number} are wanted; ").format(
        n=grouped(started), why=why, number=grouped(SHOULD)
    )
    if nearest.room < 2 * SHOULD and nearest.room < started * 1.2 + 200:
        seen += _("what holds is {limit} = {value}").format(
            limit=nearest.name, value=grouped(nearest.value)
        )
        remedy = nearest.remedy
    else:
        seen += _("no limit that can be seen here is so low: it is the machine's around this one")
        remedy = "docker run --pids-limit -1 …   # " + _(
            "if this is a container; else ask who runs this machine"
        )
    return Finding(what, BAD if started < MUST else WARNING, seen, remedy)
