"""Terminals: what a program that draws on one has drawn, as a person sees it, and whether it may be so."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import pyte

from labkit.ground.faults import Fault
from labkit.ground.words import _

LINES = 400
MOST_REDRAWS = 20  # a second
# A redraw: CR, then on the same line anything - cells, colours, erase sequences - up to its first `N%`.
REDRAW = re.compile(rb"\r[^\r\n]*?(\d+) ?%")


def redraws(data: bytes) -> list[int]:
    """The percentages of a progress bar that is redrawn in place: each begins with CR and holds `N%`."""
    return [int(match[1]) for match in REDRAW.finditer(data)]


def shown(data: bytes, columns: int, cursor: bool = False) -> list[str]:
    """The lines of an emulated terminal after `data`, without blanks at their ends.

    cursor: end with what stands left of the cursor in its own line.
    """
    return list(_shown(data, columns, cursor))


@functools.lru_cache(maxsize=2)  # a check that waits looks at the same again and again
def _shown(data: bytes, columns: int, cursor: bool) -> tuple[str, ...]:
    """The same, not to be changed."""
    screen = pyte.Screen(columns, LINES)
    pyte.ByteStream(screen).feed(data)
    screen.lines = (
        screen.cursor.y + 1
    )  # each line that it shows costs milliseconds, also where nothing stands
    *lines, here = screen.display
    here = here[: screen.cursor.x] if cursor else here
    return tuple(line.rstrip() for line in (*lines, here))


def bar_is_good(data: bytes, seconds: float, lines: int) -> None:
    """There must be a bar, with percentages that ascend, move, and end at 100, not too often."""
    drawn = redraws(data)
    if not drawn:
        raise Fault(
            _("on a terminal there is no progress bar"),
            _("redraws that begin with CR and hold a number and `%`"),
            data[-300:],
            "no-bar",
        )
    if drawn != sorted(drawn) or drawn[-1] != 100:
        raise Fault(
            _("the progress must not go back, and must end at 100%"),
            _("ascending, 100 last"),
            " ".join(map(str, drawn[-40:])),
            "bar-goes-back" if drawn != sorted(drawn) else "bar-never-ends",
        )
    bar_is_calm(data, seconds, lines)
    if not any(0 < percent < 100 for percent in drawn):
        raise Fault(
            _("the bar does not show the progress"),
            _("values on the way to 100"),
            " ".join(map(str, drawn)),
            "bar-never-moves",
        )


def bar_is_calm(data: bytes, seconds: float, lines: int) -> None:
    """At most 20 redraws a second, and one after each of the lines that took the bar's place."""
    drawn = redraws(data)
    if len(drawn) > int(MOST_REDRAWS * seconds) + 3 + lines:
        raise Fault(
            _("{n} redraws in {s:.1f} s").format(n=len(drawn), s=seconds),
            _("at most 20 a second"),
            " ".join(map(str, drawn[:100])),
            "bar-too-often",
        )


def bar_stays_in_place(rest: Sequence[str], columns: int) -> None:
    """Besides the program's lines the screen shows the full bar and a summary, in a few lines: no old bars."""
    most = 4 + 100 // columns
    if sum(map(bool, rest)) > most or rest[-1] != "":
        raise Fault(
            _("what stands beside the program's lines on a terminal of {n} columns").format(
                n=columns
            ),
            _("the bar at its end, the summary, and the cursor below them"),
            "\n".join(rest),
            "bar-scrolls",
        )


def bar_fits(data: bytes, columns: int) -> None:
    """Every redraw but the first must stay in one line of a window that is so narrow now."""
    bars = list(REDRAW.finditer(data))[1:]
    screen = shown(data[bars[0].start() : bars[-1].end()], columns)
    if len(screen) > 1:
        raise Fault(
            _("the bar in a window that was made {n} columns wide").format(n=columns),
            _("one line"),
            "\n".join(screen),
            "bar-scrolls",
        )
