"""A program that a scene has started: what is typed into it, and what its end means."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labkit.box import shimstats
from labkit.box.program import Program
from labkit.box.stream import Ended
from labkit.ground.faults import Fault, Silent, Trouble
from labkit.ground.pace import Deadline, late, until
from labkit.ground.words import _
from labkit.scene.tools import Tool

if TYPE_CHECKING:
    from labkit.scene.scene import Scene

Stdin = Literal["pipe", "terminal"] | bytes | None


class Running(Program):
    """A program that a scene started, with its tool and its place."""

    def attach(self, scene: Scene, program: str, tool: Tool, log: Path, network: str) -> None:
        """Say what belongs to it: the lab's name for it, its tool, its log directory, its network."""
        self.scene = scene
        self.program = program
        self.tool = tool
        self.log = log
        self.network = network
        self.budget = scene.budget
        self.here = Path()  # the directory it was started in
        self.keyboard: int | None = None  # our end of its stdin
        self.may_end = False

    def deadline(self, seconds: float) -> Deadline:
        """A deadline for this program under its tool."""
        return self.scene.pace.deadline(seconds, self.tool.weight)

    def eventually(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition about this program; False at the deadline or when nothing changes any more.

        That is when it has ended, or rests until something comes. A condition about time itself is for `Pace.eventually`.
        """
        deadline = self.deadline(seconds)
        until(lambda: not self.running or condition(), lambda: deadline.hopeless(condition))
        return condition()

    def stats(self) -> shimstats.ShimStats:
        """The shim's counters so far."""
        return shimstats.read(self.log / "stats")

    def must_not_have_died(self) -> None:
        """Fault if the program ended though nobody asked it to."""
        ended = self.ended()
        if ended and not self.may_end:
            raise death(self, ended)

    def type(self, data: bytes) -> None:
        """Write to the program's stdin, a pipe or a terminal's master; small amounts only."""
        self.journal.note(_("keyboard"), _("types"), data)
        try:
            if self.keyboard is not None:
                os.write(self.keyboard, data)
        except OSError:
            self.journal.note(_("keyboard"), _("finds stdin closed"))

    def end_input(self) -> None:
        """Close the program's stdin: end of file."""
        if self.keyboard is not None:
            self.journal.note(_("keyboard"), _("ends the input"))
            os.close(self.keyboard)
            self.keyboard = None

    def close_now(self) -> None:
        """End it at once; what it would have said is of no interest."""
        self.may_end = True
        self.kill()

    def must_end(self) -> None:
        """Wait until a program that was ended is gone, with all its output and logs."""
        if self.wait(self.deadline(10.0)) is None:
            raise Trouble(_("{program} cannot be ended").format(program=self.name))

    def run_to_end(self, seconds: float, deadline: Deadline | None = None) -> Ended:
        """Wait for an end that is due; Silent with cause `hang` if it does not come.

        deadline: where it was made before the start, so that the program's own threads are no load.
        """
        self.may_end = True
        deadline = deadline or self.deadline(seconds)
        ended = self.wait(deadline)
        if self.killed_for:
            raise self.killed_for
        if ended is None:
            raise Silent(
                late(
                    deadline,
                    _("{program} did not end within {s:.1f} s"),
                    _("{program} does not end: all its threads sleep, and nothing will wake them"),
                ).format(program=self.name, s=deadline.allowed),
                cause="hang",
            )
        return ended


def of_end(ended: Ended) -> str:
    """The cause that an untimely end shows by itself."""
    if ended.signal == "SIGPIPE":
        return "sigpipe"
    if ended.signal == "SIGXCPU":
        return "cpu-budget"
    return "crash" if ended.signal else "ended-early"


def death(program: Running, ended: Ended) -> Fault:
    """What an end that nobody asked for means."""
    return Fault(
        _("{program} ended while it was still needed: {how}").format(
            program=program.name, how=ended
        ),
        expected=_("it runs on"),
        got=str(ended),
        cause=of_end(ended),
    )


def stdin_of(stdin: Stdin, home: Path) -> tuple[int, int | None]:
    """The descriptor that a program gets as its stdin, and our end of it where there is one."""
    if stdin == "pipe":
        return os.pipe()
    if stdin == "terminal":
        ours, theirs = os.openpty()
        return theirs, ours
    if isinstance(stdin, bytes):
        (home / "stdin").write_bytes(stdin)
        return os.open(home / "stdin", os.O_RDONLY), None
    return os.open(os.devnull, os.O_RDONLY), None
