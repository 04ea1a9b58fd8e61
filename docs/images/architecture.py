#!/usr/bin/python3
"""Makes the drawing of docs/architecture.md, the flow of data: docs/images/architecture.py"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "drawings"))
from svg import AMBER, BLUE, GREEN, GREY, RED, Picture, Point  # noqa: E402

DESC = (
    "lab.toml and the student's sources go to the build, the build gives programs, a program runs in the"
    " sandbox under a tool, clients talk to it and logs are written, findings are read from them,"
    " a check turns them into a verdict, and verdicts become the scorecard and the report."
)
INK = "#24292f"
WIDTH, HEIGHT = 214, 118
# Column, row, heading, lines below it, colour
STAGES = [
    (0, 0, "lab.toml, *.c, *.h", ["what is there", "catalog"], GREY),
    (
        1,
        0,
        "build",
        ["plain, tsan, asan, clang", "build  compiler", "screen  symbols  ctext"],
        BLUE,
    ),
    (
        2,
        0,
        "program under a tool",
        ["its own namespaces, the shim", "sandbox  network  connector", "program  proc"],
        AMBER,
    ),
    (
        2,
        1,
        "clients and logs",
        ["who sent what when", "clients  peers  journal", "chat  console  targets"],
        AMBER,
    ),
    (
        1,
        1,
        "findings",
        ["reports read, hangs explained", "tsan  helgrind  asan  hang", "findings  inspection"],
        RED,
    ),
    (
        0,
        1,
        "verdict",
        ["a check's Fault, or none", "checks/  grading  pace", "symptoms  explain"],
        RED,
    ),
    (0, 2, "scorecard, report", ["results.json, JUnit, the terminal", "results  scorecard"], GREEN),
]


def corner(column: int, row: int) -> Point:
    """The upper left corner of a stage."""
    return 20 + column * (WIDTH + 46), 20 + row * (HEIGHT + 42)


def stage(
    picture: Picture, column: int, row: int, heading: str, lines: list[str], colour: str
) -> None:
    """A box: what it is, what it does, its modules."""
    x, y = corner(column, row)
    picture.box((x, y), (WIDTH, HEIGHT), fill=colour, edge=colour, opacity=0.18)
    middle = x + WIDTH / 2
    picture.text((middle, y + 28), heading, bold=True, size=16, anchor="middle", colour=INK)
    picture.text((middle, y + 52), lines[0], size=13, anchor="middle", colour=INK)
    for i, line in enumerate(lines[1:]):
        at = (middle, y + 78 + i * 20)
        picture.text(at, line, size=12, anchor="middle", code=True, colour=INK)


def draw() -> str:
    """The drawing; on a ground of its own, as it is shown as an image."""
    picture = Picture("architecture", 776, 482, "The flow of data", DESC)
    picture.box((0, 0), (776, 482), fill="#ffffff", edge=GREY, round_by=8)
    for column, row, heading, lines, colour in STAGES:
        stage(picture, column, row, heading, lines, colour)
    for (a, b, *_rest), (c, d, *_more) in zip(STAGES, STAGES[1:]):
        (x, y), (u, v) = corner(a, b), corner(c, d)
        if b == d:
            start, end = (x + WIDTH, u) if c > a else (x, u + WIDTH)
            sign = 1 if c > a else -1
            line = ((start + 4 * sign, y + HEIGHT / 2), (end - 4 * sign, y + HEIGHT / 2))
        else:
            line = ((x + WIDTH / 2, y + HEIGHT + 4), (x + WIDTH / 2, v - 4))
        picture.line(*line, edge=INK, width=2, arrow=True)
    x, y = corner(1, 2)
    picture.lines(
        (x, y + 40),
        [
            "Each arrow goes one way: no module reaches back.",
            "scene is what a check sees of it all;",
            "words gives every sentence its language.",
        ],
        size=14,
        colour=INK,
    )
    return str(picture)


if __name__ == "__main__":
    (HERE / "architecture.svg").write_text(draw(), encoding="utf-8")
