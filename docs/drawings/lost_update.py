"""Two threads add one to the same variable, and one of the two additions is lost."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from svg import AMBER, BLUE, GREY, INK, RED, Picture  # noqa: E402

WORDS = {
    "en": {
        "title": "A lost update",
        "desc": "Both threads load 5 from the counter before either stores. Both add one and store 6: two"
        " additions, but the counter grew by one.",
        "one": "thread 1: counter++",
        "memory": "counter",
        "two": "thread 2: counter++",
        "load": "load: 5 into its register",
        "add": "add: 5 + 1 = 6",
        "store": "store 6",
        "end": "Two additions, and the counter went from 5 to 6. It should be 7.",
        "time": "time",
    },
    "ru": {
        "title": "Потерянное обновление",
        "desc": "Оба потока прочитали из счётчика 5 раньше, чем хоть один из них записал. Оба прибавили"
        " единицу и записали 6: сложений два, а счётчик вырос на единицу.",
        "one": "поток 1: counter++",
        "memory": "counter",
        "two": "поток 2: counter++",
        "load": "прочитать: в регистре 5",
        "add": "прибавить: 5 + 1 = 6",
        "store": "записать 6",
        "end": "Сложений два, а счётчик вырос с 5 до 6. Должно быть 7.",
        "time": "время",
    },
}
ONE, MEMORY, TWO = 175, 375, 575  # the columns' middles
WIDTH, TOP, STEP = 230, 84, 46
STEPS = [
    ("one", "load"),
    ("two", "load"),
    ("one", "add"),
    ("one", "store"),
    ("two", "add"),
    ("two", "store"),
]


def step(picture: Picture, words: dict[str, str], row: int) -> None:
    """What one thread does, and which way the value goes."""
    who, what = STEPS[row]
    x, colour = (ONE, BLUE) if who == "one" else (TWO, AMBER)
    y = TOP + row * STEP
    bad = row == len(STEPS) - 1
    picture.box((x - WIDTH / 2, y), (WIDTH, 34), fill=colour, edge=colour, opacity=0.25)
    picture.text((x, y + 22), words[what], anchor="middle")
    inner = x + WIDTH / 2 if who == "one" else x - WIDTH / 2
    outer = MEMORY - 26 if who == "one" else MEMORY + 26
    if what == "load":
        picture.line((outer, y + 17), (inner, y + 17), edge=colour, width=2, arrow=True)
    if what == "store":
        tint = RED if bad else colour
        picture.line((inner, y + 17), (outer, y + 17), edge=tint, width=2, arrow=True)


def draw(language: str) -> str:
    """The drawing, with its words in a language."""
    words = WORDS[language]
    picture = Picture("lost-update", 750, 420, words["title"], words["desc"])
    for x, name, colour in ((ONE, "one", BLUE), (MEMORY, "memory", INK), (TWO, "two", AMBER)):
        picture.text((x, 40), words[name], anchor="middle", bold=True, colour=colour, size=15)
    values = ["5", "5", "5", "6", "6", "6"]
    picture.box((MEMORY - 22, TOP - 28), (44, len(STEPS) * STEP + 30), edge=GREY)
    picture.text((MEMORY, TOP - 8), "5", anchor="middle", bold=True, size=16, code=True)
    for row, value in enumerate(values):
        step(picture, words, row)
        stored = STEPS[row][1] == "store"
        colour = RED if row == len(STEPS) - 1 else INK
        picture.text(
            (MEMORY, TOP + row * STEP + 23),
            value,
            anchor="middle",
            size=16,
            code=True,
            bold=stored,
            colour=colour,
            opacity=1 if stored else 0.45,
        )
    picture.line((28, TOP - 20), (28, TOP + len(STEPS) * STEP), arrow=True, opacity=0.7)
    picture.text((14, TOP - 32), words["time"], size=13, opacity=0.8)
    picture.text((MEMORY, 400), words["end"], anchor="middle", bold=True, colour=RED)
    return str(picture)
