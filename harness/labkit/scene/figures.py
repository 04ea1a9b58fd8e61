"""Drawings in text: what happened, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.ground.words import _

WIDTH = 56


@dataclass(frozen=True)
class Span:
    """A stretch of a row, in seconds. sign: the character it is drawn with."""

    start: float
    end: float
    sign: str


@dataclass(frozen=True)
class Row:
    """A line of a timeline: whose it is, and what fills it; remark stands behind it. Without spans: a heading."""

    name: str
    spans: Sequence[Span]
    remark: str = ""


def timeline(title: str, rows: Sequence[Row]) -> str:
    """Rows of spans on one time axis, with its scale below."""
    last = max((span.end for row in rows for span in row.spans), default=0.0) or 1.0
    width = max((len(row.name) for row in rows if row.spans), default=0)
    lines = [title]
    for row in rows:
        cells = [" "] * WIDTH
        for span in row.spans:
            begin = min(WIDTH - 1, int(span.start / last * WIDTH))
            end = max(begin + 1, min(WIDTH, round(span.end / last * WIDTH)))
            cells[begin:end] = span.sign * (end - begin)
        lines.append(f"  {row.name:<{width}}  {''.join(cells)}  {row.remark}".rstrip())
    scale = _("{s:.2f} s").format(s=last)
    lines.append(f"  {'':<{width}}  0{scale:>{WIDTH - 1}}")
    return "\n".join(lines)
