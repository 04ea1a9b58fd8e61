"""Fan-out with a lock held over send and without, and a user who never reads: deliveries, and how late."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from svg import BLUE, GREY, RED, Picture, Point, in_words, rows, trace  # noqa: E402

WORDS = {
    "en": {
        "title": "Fan-out with a lock held over send, and without",
        "desc": "One user never reads. With the lock held over a blocking send, deliveries to all others"
        " end for good after {stall} seconds. With a queue for each user they go on.",
        "plot": "One user never reads: deliveries to the others in a tenth of a second, thousands",
        "locked": "lock held over send",
        "queued": "a queue for each user",
        "stall": "the silent one's buffers are full: send blocks, the lock stays taken",
        "x": "seconds",
        "rate": "deliveries a second",
        "p99": "99 of 100 come within",
        "ALL_READ": "all read",
        "ONE_SILENT": "one never reads",
        "none": "nothing",
        "million": "{n} million",
        "ms": "{n} ms",
    },
    "ru": {
        "title": "Рассылка под мьютексом и без него",
        "desc": "Один пользователь не читает. Если мьютекс держат во время блокирующего send, остальные"
        " уже через {stall} с больше ничего не получают. Если у каждого своя очередь, доставка идёт дальше.",
        "plot": "Один не читает: сколько доставлено остальным за десятую долю секунды, тысяч",
        "locked": "send под мьютексом",
        "queued": "очередь у каждого",
        "stall": "буферы молчуна полны: send ждёт, мьютекс занят",
        "x": "секунды",
        "rate": "доставок в секунду",
        "p99": "99 из 100 приходят за",
        "ALL_READ": "читают все",
        "ONE_SILENT": "один не читает",
        "none": "ничего",
        "million": "{n} млн",
        "ms": "{n} мс",
    },
}
LEFT, RIGHT, TOP, BOTTOM = 60, 720, 52, 222
COLOURS = {"locked": RED, "queued": BLUE}


def value(design: str, case: str, kind: str) -> float:
    """A figure of the whole run."""
    wanted = (design, case, kind)
    found = (
        row for row in rows("fan_out.csv") if (row["design"], row["case"], row["kind"]) == wanted
    )
    return float(next(found)["value"])


def curve(design: str) -> list[Point]:
    """Seconds, and thousands of deliveries in the tenth of a second that begins there."""
    data = [row for row in rows("fan_out.csv") if row["kind"] == "tenth"]
    mine = [row for row in data if (row["design"], row["case"]) == (design, "ONE_SILENT")]
    return [(float(row["time"]), float(row["value"]) / 1000) for row in mine]


def stall() -> float:
    """When the last delivery came of those with the lock held over send; seconds."""
    return max(time for time, deliveries in curve("locked") if deliveries) + 0.1


def plot(picture: Picture, words: dict[str, str]) -> None:
    """Deliveries over time, with a user who never reads."""
    most = 100 * (max(n for design in COLOURS for _t, n in curve(design)) // 100 + 1)

    def place(t: float, n: float) -> Point:
        return LEFT + (RIGHT - LEFT) * t / 4, BOTTOM - (BOTTOM - TOP) * n / most

    for thousands in range(0, int(most) + 1, 100):
        y = place(0, thousands)[1]
        picture.line((LEFT, y), (RIGHT, y), edge=GREY, width=1, opacity=0.4)
        picture.text((LEFT - 8, y + 4), str(thousands), size=12, anchor="end", opacity=0.85)
    for second in range(5):
        at = (place(second, 0)[0], BOTTOM + 18)
        picture.text(at, str(second), size=12, anchor="middle", opacity=0.85)
    picture.text((RIGHT, BOTTOM + 34), words["x"], size=12, anchor="end", opacity=0.85)
    for design, colour in COLOURS.items():
        places = [place(t + 0.05, n) for t, n in curve(design)]
        picture.path(trace([*places, (RIGHT, places[-1][1])]), edge=colour, width=2.5)
    picture.text((place(stall(), 0)[0] + 8, BOTTOM - 8), words["stall"], size=13, colour=RED)


def cell(design: str, case: str, kind: str, language: str) -> str:
    """A figure in words."""
    words, figure = WORDS[language], value(design, case, kind)
    if not value(design, case, "second"):
        return "0" if kind == "second" else words["none"]
    if kind == "second":
        return words["million"].format(n=in_words(figure / 1e6, 1, language))
    return words["ms"].format(n=in_words(figure, 0, language))


def table(picture: Picture, language: str) -> None:
    """The figures of all four cases; its first column is the legend."""
    words, top = WORDS[language], 292
    columns = [(kind, case) for kind in ("second", "p99") for case in ("ALL_READ", "ONE_SILENT")]
    xs = [310.0, 425.0, 545.0, 680.0]
    picture.text((367, top), words["rate"], size=13, anchor="middle", bold=True)
    picture.text((612, top), words["p99"], size=13, anchor="middle", bold=True)
    for x, (_kind, case) in zip(xs, columns):
        picture.text((x, top + 20), words[case], size=12, anchor="middle", opacity=0.85)
    for row, (design, colour) in enumerate(COLOURS.items()):
        y = top + 48 + 28 * row
        picture.line((20, y - 19), (RIGHT + 20, y - 19), edge=GREY, width=1, opacity=0.5)
        picture.line((20, y - 5), (50, y - 5), edge=colour, width=4)
        picture.text((60, y), words[design], bold=True, colour=colour)
        for x, (kind, case) in zip(xs, columns):
            text = cell(design, case, kind, language)
            picture.text((x, y), text, anchor="middle", bold=case == "ONE_SILENT")


def draw(language: str) -> str:
    """The drawing, with its words in a language."""
    words = WORDS[language]
    desc = words["desc"].format(stall=in_words(stall(), 1, language))
    picture = Picture("fan-out", 750, 385, words["title"], desc)
    picture.text((20, 26), words["plot"], size=14, bold=True)
    plot(picture, words)
    table(picture, language)
    return str(picture)
