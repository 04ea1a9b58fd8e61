"""What the drawings share: a picture in SVG that is written shape by shape.

Lines and words take the colour of the page's text (currentColor), all else is of a middle tone, so that a
drawing put into a page can be read on a light ground and on a dark one. No fonts or files from elsewhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"

BLUE, GREEN, RED, AMBER, GREY = "#4184e4", "#3a9d4f", "#dd4a42", "#b07a14", "#8b949e"
INK = "currentColor"

Point = tuple[float, float]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a file of measured data; its head comment is left out."""
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def number(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def in_words(value: float, digits: int, language: str) -> str:
    """A number as the language writes it, in a picture's words."""
    text = f"{value:,.{digits}f}"
    return text.replace(",", "\u202f").replace(".", ",") if language == "ru" else text


class Picture:
    """A drawing of a size in pixels; name is unique on a page, title and desc are for screen readers."""

    def __init__(self, name: str, width: int, height: int, title: str, desc: str) -> None:
        self.name, self.size = name, (width, height)
        self.title, self.desc = title, desc
        self.parts: list[str] = []
        self.tips: set[str] = set()

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = 14,
        colour: str = INK,
        anchor: str = "start",
        bold: bool = False,
        code: bool = False,
        opacity: float = 1,
    ) -> None:
        """Words with their base line at a point; anchor is start, middle or end."""
        look = f' fill="{colour}" font-size="{number(size)}" text-anchor="{anchor}"'
        look += ' font-weight="bold"' if bold else ""
        look += ' font-family="monospace"' if code else ""
        look += f' opacity="{opacity}"' if opacity != 1 else ""
        x, y = at
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}"{look}>{escape(words)}</text>')

    def lines(self, at: Point, words: Sequence[str], *, size: float = 14, **look: str) -> None:
        """Several lines of words, one below the other."""
        for i, line in enumerate(words):
            self.text((at[0], at[1] + i * size * 1.35), line, size=size, **look)  # type: ignore[arg-type]

    def box(
        self,
        at: Point,
        size: Point,
        *,
        fill: str = "none",
        edge: str = "none",
        opacity: float = 1,
        round_by: float = 6,
        dashed: bool = False,
    ) -> None:
        """A rectangle from its upper left corner; opacity is the filling's."""
        look = f'fill="{fill}" fill-opacity="{opacity}" stroke="{edge}" stroke-width="1.5"'
        look += ' stroke-dasharray="5 4"' if dashed else ""
        place = f'x="{number(at[0])}" y="{number(at[1])}"'
        extent = f'width="{number(size[0])}" height="{number(size[1])}" rx="{number(round_by)}"'
        self.parts.append(f"<rect {place} {extent} {look}/>")

    def circle(self, at: Point, radius: float, *, fill: str, edge: str, opacity: float = 1) -> None:
        """A circle around a point."""
        self.parts.append(
            f'<circle cx="{number(at[0])}" cy="{number(at[1])}" r="{number(radius)}"'
            f' fill="{fill}" fill-opacity="{opacity}" stroke="{edge}" stroke-width="1.5"/>'
        )

    def path(
        self,
        d: str,
        *,
        edge: str = INK,
        width: float = 1.5,
        fill: str = "none",
        fill_opacity: float = 1,
        opacity: float = 1,
        dashed: bool = False,
        arrow: bool = False,
    ) -> None:
        """A path in SVG's own words; with arrow, a tip at its end."""
        look = f'stroke="{edge}" stroke-width="{number(width)}" fill="{fill}" opacity="{opacity}"'
        look += f' fill-opacity="{fill_opacity}"' if fill != "none" else ""
        look += ' stroke-dasharray="5 4"' if dashed else ""
        if arrow:
            self.tips.add(edge)
            look += f' marker-end="url(#{self._tip(edge)})"'
        self.parts.append(f'<path d="{d}" {look}/>')

    def line(self, start: Point, end: Point, **look: object) -> None:
        """A straight line; for its look see path."""
        self.path(trace([start, end]), **look)  # type: ignore[arg-type]

    def _tip(self, colour: str) -> str:
        return f"{self.name}-tip-{colour.strip('#')}"

    def __str__(self) -> str:
        width, height = self.size
        name = self.name
        tips = "".join(
            f'<marker id="{self._tip(colour)}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8"'
            ' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
            for colour in sorted(self.tips)
        )
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" style="max-width:100%;height:auto" role="img"'
            f' aria-labelledby="{name}-title {name}-desc" font-family="system-ui, sans-serif">'
        )
        words = (
            f'<title id="{name}-title">{escape(self.title)}</title>'
            f'<desc id="{name}-desc">{escape(self.desc)}</desc>'
        )
        defs = f"<defs>{tips}</defs>" if tips else ""
        return "\n".join([head, words, *([defs] if defs else []), *self.parts, "</svg>"]) + "\n"


def trace(points: Iterable[Point]) -> str:
    """A line through points, as a path's d."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
