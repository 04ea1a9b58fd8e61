"""What a check may use: the fixture `scene`, and the names below; CONTRIBUTING.md says what else it may import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from labkit.box.stream import Ended
from labkit.box.sandbox import Limits
from labkit.build import hidden_state
from labkit.ground import written
from labkit.ground.faults import Disconnected, Fault, Silent, blame, renamed
from labkit.ground.journal import printable
from labkit.ground.pace import Deadline, Pace
from labkit.ground.words import _
from labkit.scene import calm
from labkit.scene.figures import Row, Span, timeline
from labkit.scene.inspection import (
    end_and_inspect,
    explain_hang,
    hides_nothing,
    inspected,
    takes_the_same_locks,
)
from labkit.scene.running import Running, death
from labkit.scene.scene import Scene
from labkit.scene.server import Server, wait_listening
from labkit.scene.tools import NATIVELY, UNDER_ASAN, UNDER_HELGRIND, UNDER_TSAN, Shim, Tool, seeded
from labkit.wire.clients import Client, likely_cause
from labkit.wire.crowd import Talk, await_answers, exchange, judge

__all__ = [
    "Client",
    "Deadline",
    "Disconnected",
    "Ended",
    "Fault",
    "Limits",
    "NATIVELY",
    "Pace",
    "Row",
    "Running",
    "Scene",
    "Server",
    "Shim",
    "Span",
    "Silent",
    "Talk",
    "Tool",
    "UNDER_ASAN",
    "UNDER_HELGRIND",
    "UNDER_TSAN",
    "_",
    "await_answers",
    "calm",
    "blame",
    "death",
    "end_and_inspect",
    "exchange",
    "expect",
    "explain_hang",
    "hidden_state",
    "hides_nothing",
    "inspected",
    "judge",
    "likely_cause",
    "printable",
    "renamed",
    "require",
    "seeded",
    "step",
    "takes_the_same_locks",
    "timeline",
    "wait_listening",
    "written",
]

Check = TypeVar("Check", bound=Callable[..., Any])


def step(number: int, *stated: str) -> Callable[[Check], Check]:
    """Mark a check as part of a lab's step.

    stated: names of what it demands, in the lab's stated.toml, which has the handouts' sentences for them.
    """
    mark: Callable[[Check], Check] = pytest.mark.step(number, *stated)
    return mark


def expect(
    expected: Any, got: Any, what: str, cause: str | None = None, *by_hand: str, details: str = ""
) -> None:
    """`got` must equal `expected`; else a Fault that says `what` was looked at."""
    if got != expected:
        raise Fault(what, _side(expected), _side(got), cause, details, by_hand)


def require(
    holds: object,
    what: str,
    *,
    expected: Any = None,
    got: Any = None,
    cause: str | None = None,
    by_hand: tuple[str, ...] = (),
) -> None:
    """Something must hold; else a Fault with what was expected and seen."""
    if not holds:
        raise Fault(what, _side(expected), _side(got), cause, "", by_hand)


def _side(value: Any) -> bytes | str | None:
    """A value for a student, who need not know Python: of a list each item is a line; of a dictionary, each key."""
    if value is None or isinstance(value, (bytes, str)):
        return value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, (list, set, dict)):
        items = list(value)
        if items and all(isinstance(item, bytes) for item in items):
            return b"\n".join(items)
        return "\n".join(map(str, items)) or _("nothing")
    return str(value)
