"""What a check may use: the fixture `scene`, and the names below; CONTRIBUTING.md says what else it may import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from labkit import calm, hidden_state, written
from labkit.clients import Client, Talk, await_answers, exchange, judge, likely_cause
from labkit.faults import Disconnected, Fault, Silent, blame
from labkit.figures import Row, Span, timeline
from labkit.inspection import (
    end_and_inspect,
    explain_hang,
    hides_nothing,
    inspected,
    takes_the_same_locks,
)
from labkit.journal import printable
from labkit.pace import Deadline, Pace
from labkit.program import Ended
from labkit.sandbox import Limits
from labkit.scene import (
    NATIVELY,
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Running,
    Scene,
    Server,
    Shim,
    Tool,
    death,
    seeded,
    wait_listening,
)
from labkit.words import _

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
    """As a student reads it, who need not know Python: of a list each item is a line; of a dictionary, each key."""
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
