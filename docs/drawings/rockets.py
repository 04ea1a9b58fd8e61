"""10,000 rockets, one after another and each in a thread of its own: how many have been launched when."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from svg import AMBER, BLUE, GREY, Picture, Point, in_words, rows, trace  # noqa: E402

WORDS = {
    "en": {
        "title": "10,000 rockets: one after another, and a thread each",
        "desc": "One after another the launches take {long} hours; with a thread for each rocket, {short}"
        " seconds, the time of the longest rocket. Both curves rise from 0 to 10,000 rockets.",
        "sequential": "one after another",
        "threads": "a thread each",
        "hours": "{n} h",
        "seconds": "{n} s",
        "x_hours": "hours",
        "x_seconds": "seconds",
        "y": "launched",
        "computed": "the sum over the plan: {seconds} s",
        "measured": "measured; the longest rocket",
    },
    "ru": {
        "title": "10 000 ракет: одна за другой и каждая в своём потоке",
        "desc": "Одна за другой ракеты взлетают {long} часа; если у каждой свой поток — {short} секунды,"
        " столько летит самая долгая. Обе кривые растут от 0 до 10 000 ракет.",
        "sequential": "одна за другой",
        "threads": "у каждой свой поток",
        "hours": "{n} ч",
        "seconds": "{n} с",
        "x_hours": "часы",
        "x_seconds": "секунды",
        "y": "запущено",
        "computed": "сумма по плану: {seconds} с",
        "measured": "измерено; столько ждёт самая долгая",
    },
}
TOP, BOTTOM, WIDTH = 90, 290, 270
LEFTS = {"sequential": 80, "threads": 430}
COLOURS = {"sequential": AMBER, "threads": BLUE}


def curve(mode: str, unit: float) -> list[Point]:
    """Units of time, and how many rockets had been launched."""
    data = [row for row in rows("rockets.csv") if row["mode"] == mode]
    return [(float(row["seconds"]) / unit, float(row["launched"])) for row in data]


def axes(
    picture: Picture, left: float, ticks: range, most: float, name: str, language: str
) -> None:
    """The frame of a panel: time to the right, rockets upwards."""
    for launched in (0, 5000, 10000):
        y = BOTTOM - (BOTTOM - TOP) * launched / 10000
        picture.line((left, y), (left + WIDTH, y), edge=GREY, width=1, opacity=0.5)
        digits = in_words(launched, 0, language)
        picture.text((left - 8, y + 5), digits, size=12, anchor="end", opacity=0.85)
    for tick in ticks:
        x = left + WIDTH * tick / most
        picture.text((x, BOTTOM + 18), str(tick), size=12, anchor="middle", opacity=0.85)
    picture.text((left + WIDTH, BOTTOM + 36), name, size=12, anchor="end", opacity=0.85)
    picture.text((left - 60, TOP - 14), WORDS[language]["y"], size=12, opacity=0.85)


def panel(picture: Picture, mode: str, points: list[Point], most: float) -> None:
    """A curve with the area below it."""
    left, colour = LEFTS[mode], COLOURS[mode]
    places = [(left + WIDTH * t / most, BOTTOM - (BOTTOM - TOP) * n / 10000) for t, n in points]
    area = trace([*places, (places[-1][0], BOTTOM), (left, BOTTOM)]) + "Z"
    picture.path(area, edge="none", fill=colour, fill_opacity=0.2)
    picture.path(trace(places), edge=colour, width=3)


def draw(language: str) -> str:
    """The drawing, with its words in a language."""
    words = WORDS[language]
    long, short = curve("sequential", 3600), curve("threads", 1)
    hours, seconds = in_words(long[-1][0], 1, language), in_words(short[-1][0], 1, language)
    desc = words["desc"].format(long=hours, short=seconds)
    picture = Picture("rockets", 730, 345, words["title"], desc)
    total = in_words(long[-1][0] * 3600, 0, language)
    for mode, length, note in (
        ("sequential", words["hours"].format(n=hours), words["computed"].format(seconds=total)),
        ("threads", words["seconds"].format(n=seconds), words["measured"]),
    ):
        left, colour = LEFTS[mode], COLOURS[mode]
        picture.text((left, 28), f"{words[mode]}: {length}", bold=True, size=17, colour=colour)
        picture.text((left, 50), note, size=13)
    axes(picture, LEFTS["sequential"], range(0, 13, 3), 13, words["x_hours"], language)
    axes(picture, LEFTS["threads"], range(0, 10, 3), 9.5, words["x_seconds"], language)
    panel(picture, "sequential", long, 13)
    panel(picture, "threads", short, 9.5)
    return str(picture)
