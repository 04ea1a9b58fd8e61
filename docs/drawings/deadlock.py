"""Two threads and two mutexes in a cycle: each thread holds what the other one waits for."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from svg import AMBER, BLUE, GREEN, GREY, RED, Picture  # noqa: E402

WORDS = {
    "en": {
        "title": "A deadlock: the cycle of who waits for whom",
        "desc": "Thread 1 holds mutex A and waits for mutex B. Thread 2 holds mutex B and waits for"
        " mutex A. The arrows close a cycle, so neither ever goes on.",
        "one": "thread 1",
        "two": "thread 2",
        "mutex": "mutex",
        "holds": "holds",
        "waits": "waits for",
        "cycle": "a cycle:|nobody|goes on",
        "cure": "Both take A first, then B: there is no cycle.",
    },
    "ru": {
        "title": "Взаимная блокировка: круг ожиданий",
        "desc": "Поток 1 держит мьютекс A и ждёт мьютекс B. Поток 2 держит мьютекс B и ждёт мьютекс A."
        " Стрелки замкнулись в круг, и ни один поток дальше не пойдёт.",
        "one": "поток 1",
        "two": "поток 2",
        "mutex": "мьютекс",
        "holds": "держит",
        "waits": "ждёт",
        "cycle": "круг:|никто не|идёт дальше",
        "cure": "Если оба берут сначала A, потом B, круга нет.",
    },
}
LEFT, MIDDLE, RIGHT = (140.0, 170.0), 330.0, (520.0, 170.0)
TOP, BOTTOM = (MIDDLE, 50.0), (MIDDLE, 290.0)


def nodes(picture: Picture, words: dict[str, str]) -> None:
    """Threads round, mutexes square."""
    for at, name, colour in ((LEFT, words["one"], BLUE), (RIGHT, words["two"], AMBER)):
        picture.circle(at, 52, fill=colour, edge=colour, opacity=0.25)
        picture.text((at[0], at[1] + 5), name, anchor="middle", bold=True, size=15)
    for at, name in ((TOP, "A"), (BOTTOM, "B")):
        picture.box((at[0] - 62, at[1] - 28), (124, 56), fill=GREY, edge=GREY, opacity=0.25)
        picture.text(
            (at[0], at[1] + 5), f"{words['mutex']} {name}", anchor="middle", bold=True, size=15
        )


def draw(language: str) -> str:
    """The drawing, with its words in a language."""
    words = WORDS[language]
    picture = Picture("deadlock", 660, 380, words["title"], words["desc"])
    nodes(picture, words)
    solid = {"edge": GREEN, "width": 2.5, "arrow": True}
    broken = {"edge": RED, "width": 2.5, "arrow": True, "dashed": True}
    picture.path("M150 118Q170 60 264 50", **solid)  # type: ignore[arg-type]
    picture.path("M150 222Q170 280 264 290", **broken)  # type: ignore[arg-type]
    picture.path("M510 222Q490 280 396 290", **solid)  # type: ignore[arg-type]
    picture.path("M510 118Q490 60 396 50", **broken)  # type: ignore[arg-type]
    for at, what, colour, anchor in (
        ((160, 68), "holds", GREEN, "end"),
        ((160, 286), "waits", RED, "end"),
        ((500, 286), "holds", GREEN, "start"),
        ((500, 68), "waits", RED, "start"),
    ):
        picture.text(at, words[what], colour=colour, bold=True, anchor=anchor)
    for i, line in enumerate(words["cycle"].split("|")):
        picture.text((MIDDLE, 155 + 20 * i), line, anchor="middle", colour=RED, bold=i == 0)
    picture.text((MIDDLE, 362), words["cure"], anchor="middle", size=14)
    return str(picture)
