"""The rules of all servers that run out of something: calm, a reason, and clients let in afterwards."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from labkit.ground.faults import Fault
from labkit.ground.words import _
from labkit.scene import calm
from labkit.scene.running import Running
from labkit.scene.server import Server
from labkit.wire.crowd import Talk, await_answers


def calm_while_short(program: Running) -> None:
    """Out of descriptors, while nothing changes, it must use no CPU and say nothing more than one line."""
    calm.must_sleep(program, _("the server is out of descriptors"))
    said = program.stderr.text()
    if said.count("\n") != 1:
        raise Fault(
            _("a shortage is reported on stderr, in one line"),
            expected=_("one line"),
            got=said[:2000] or _("nothing"),
            cause="too-many-messages" if said else "missing-message",
        )


def gives_a_reason(program: Running) -> None:
    """What is said on stderr of a failure must not end with "Success", or with an error of another call."""
    said = program.stderr.text()
    if re.search(r": (Success|Inappropriate ioctl)", said):
        raise Fault(
            _("an error message must say why it failed"),
            expected="Resource temporarily unavailable",
            got=said[:2000],
            cause="stale-errno",
            about=program,
        )


LEFT = 5  # clients, where a shortage ends
RECOVERY_SECONDS = 0.6  # half a second, and the way there and back


def let_in(server: Server, served: Callable[[], int], waiting: int) -> None:
    """LEFT clients have just left a server that was short of descriptors; as many of those who wait, if there are
    so many, must be served within half a second.

    served: looks for a moment, and returns how many of those who waited have been served since.
    """
    began, pace = time.monotonic(), server.program.scene.pace
    room, came = min(LEFT, waiting), served()
    while came < room and not pace.took_longer(began, RECOVERY_SECONDS):
        came = served()
    took, late = time.monotonic() - began, came
    deadline = server.program.deadline(20.0)
    while late < room and not deadline.passed:
        late = served()
    if came >= room:
        return
    raise Fault(
        _("5 clients left, and {n} of those who waited were served after {s:.1f} s").format(
            n=came, s=took
        ),
        expected=_("{n} within half a second (times the machine's load)").format(n=room),
        got=_("{n}, and {late} more after {s:.1f} s").format(
            n=came, late=late - came, s=time.monotonic() - began
        ),
        cause="slow-recovery" if late > came else "lost-client",
    )


def let_talks_in(server: Server, outside: Sequence[Talk]) -> list[Talk]:
    """The same where the clients outside have sent something already; returns those that were answered."""
    came: list[Talk] = []

    def served() -> int:
        waiting = [one for one in outside if one not in came and (one.late or not one.error)]
        wanted = min(LEFT, len(outside)) - len(came)
        came.extend(await_answers(waiting, wanted, server.program.deadline(0.05)))
        return len(came)

    let_in(server, served, len(outside))
    return came
