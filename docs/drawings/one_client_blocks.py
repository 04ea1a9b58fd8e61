"""A time line: a server with one thread, and a second client that waits until the first one leaves."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from svg import AMBER, BLUE, GREEN, GREY, Picture  # noqa: E402

WORDS = {
    "en": {
        "title": "One client blocks another",
        "desc": "A server with one thread serves client A, who is silent. Client B connects and sends, but"
        " waits in the kernel's queue until A leaves; only then does the server accept B and answer.",
        "A": "client A",
        "server": "server,",
        "thread": "one thread",
        "B": "client B",
        "comes": "connects",
        "silent": "silent: the person thinks",
        "blocked": "asleep in read(A)",
        "echo": "echo",
        "waits": "connected by the kernel, but nobody has called accept",
        "queue": "waits in the queue",
        "served": "served",
        "leaves": "A leaves",
        "connects": "B connects and sends “hello”",
        "answer": "“hello” comes back",
        "time": "time",
    },
    "ru": {
        "title": "Один клиент не пускает другого",
        "desc": "Сервер с одним потоком обслуживает клиента A, а тот молчит. Клиент B подключился и послал"
        " строку, но стоит в очереди ядра, пока A не уйдёт; только тогда сервер примет B и ответит.",
        "A": "клиент A",
        "server": "сервер,",
        "thread": "один поток",
        "B": "клиент B",
        "comes": "пришёл",
        "silent": "молчит: человек думает",
        "blocked": "спит в read(A)",
        "echo": "эхо",
        "waits": "соединение установило ядро, но accept никто не вызвал",
        "queue": "стоит в очереди",
        "served": "обслуживается",
        "leaves": "A уходит",
        "connects": "B подключается и шлёт «hello»",
        "answer": "«hello» вернулось",
        "time": "время",
    },
}
LEFT, RIGHT = 110, 730
A, SERVER, B, HEIGHT = 50, 130, 210, 40
A_STARTS, A_SILENT, A_LEAVES, B_COMES, B_SERVED = 130, 215, 500, 270, 520


def lanes(picture: Picture, words: dict[str, str]) -> None:
    """Who does what when."""
    for y, name in ((A, words["A"]), (B, words["B"])):
        picture.text((10, y + 25), name, bold=True)
    picture.lines((10, SERVER + 17), [words["server"], words["thread"]], bold="bold")
    picture.box((A_STARTS, A), (A_SILENT - A_STARTS, HEIGHT), fill=BLUE, edge=BLUE, opacity=0.6)
    picture.box((A_SILENT, A), (A_LEAVES - A_SILENT, HEIGHT), fill=BLUE, edge=BLUE, opacity=0.15)
    picture.text((A_STARTS + 42, A + 25), words["comes"], anchor="middle")
    picture.text(((A_SILENT + A_LEAVES) / 2, A + 25), words["silent"], anchor="middle")
    picture.box((A_STARTS, SERVER), (85, HEIGHT), fill=BLUE, edge=BLUE, opacity=0.6)
    picture.text((A_STARTS + 42, SERVER + 25), "accept", anchor="middle", code=True, size=13)
    picture.box(
        (A_SILENT, SERVER), (A_LEAVES - A_SILENT, HEIGHT), fill=GREY, edge=GREY, opacity=0.25
    )
    picture.text(
        ((A_SILENT + A_LEAVES) / 2, SERVER + 25), words["blocked"], anchor="middle", bold=True
    )
    picture.box(
        (B_SERVED, SERVER), (RIGHT - B_SERVED - 60, HEIGHT), fill=GREEN, edge=GREEN, opacity=0.6
    )
    picture.text(((B_SERVED + RIGHT - 60) / 2, SERVER + 25), words["echo"], anchor="middle")


def second_client(picture: Picture, words: dict[str, str]) -> None:
    """B's lane."""
    width = B_SERVED - B_COMES
    picture.box((B_COMES, B), (width, HEIGHT), fill=AMBER, edge=AMBER, opacity=0.2, dashed=True)
    picture.text(((B_COMES + A_LEAVES) / 2, B + 25), words["queue"], anchor="middle")
    picture.box((B_SERVED, B), (RIGHT - B_SERVED - 60, HEIGHT), fill=GREEN, edge=GREEN, opacity=0.6)
    picture.text(((B_SERVED + RIGHT - 60) / 2, B + 25), words["served"], anchor="middle")


def draw(language: str) -> str:
    """The drawing, with its words in a language."""
    words = WORDS[language]
    picture = Picture("one-client-blocks", 750, 330, words["title"], words["desc"])
    lanes(picture, words)
    second_client(picture, words)
    picture.text((B_COMES - 4, B + 58), words["connects"], size=13, colour=AMBER, bold=True)
    picture.text((B_COMES - 4, B + 76), words["waits"], size=13)
    picture.line((A_LEAVES, A - 22), (A_LEAVES, B + HEIGHT), dashed=True, opacity=0.7)
    picture.text((A_LEAVES, A - 28), words["leaves"], size=13, anchor="middle")
    picture.line((B_COMES, B), (B_COMES, SERVER + HEIGHT + 4), edge=AMBER, arrow=True)
    picture.line((B_SERVED + 40, SERVER + HEIGHT), (B_SERVED + 40, B - 3), edge=GREEN, arrow=True)
    picture.text((B_SERVED + 48, B - 14), words["answer"], size=13, colour=GREEN, bold=True)
    picture.line((LEFT, 312), (RIGHT, 312), arrow=True, opacity=0.7)
    picture.text((RIGHT, 304), words["time"], size=13, anchor="end", opacity=0.8)
    return str(picture)
