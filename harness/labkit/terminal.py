"""Terminals: what a program that draws on one has drawn, as a person sees it."""

from __future__ import annotations

import re

import pyte

LINES = 400
# A redraw: CR, then on the same line anything - cells, colours, erase sequences - up to its first `N%`.
REDRAW = re.compile(rb"\r[^\r\n]*?(\d+) ?%")


def redraws(data: bytes) -> list[int]:
    """The percentages of a progress bar that is redrawn in place: each begins with CR and holds `N%`."""
    return [int(match[1]) for match in REDRAW.finditer(data)]


def shown(data: bytes, columns: int, cursor: bool = False) -> list[str]:
    """The lines of an emulated terminal after `data`, without blanks at their ends.

    cursor: end with what stands left of the cursor in its own line.
    """
    screen = pyte.Screen(columns, LINES)
    pyte.ByteStream(screen).feed(data)
    lines = [line.rstrip() for line in screen.display[: screen.cursor.y]]
    here = screen.display[screen.cursor.y]
    return [*lines, here[: screen.cursor.x].rstrip() if cursor else here.rstrip()]
