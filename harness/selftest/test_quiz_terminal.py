"""The quiz as a person takes it on terminals of several widths, in both languages."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import psutil
import pytest


from quizzing import SECONDS, Quiz, Terminal, closing, quiz


def test_a_conversation(quiz: Quiz, closing: list[Terminal]) -> None:
    """Answer, read why, leave with q; the next run goes on there."""
    quiz.only("how-many", "no-unlock")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("A number > ")
    terminal.type("2")
    terminal.until("q: leave")
    terminal.type("")
    terminal.until("wrong line > ")
    terminal.type("q")
    assert 0 == terminal.end()
    assert "Right." in terminal.shown and "7 of 8" in terminal.shown
    assert quiz.kept()["how-many"]
    assert "\x1b[" in terminal.raw


@pytest.mark.parametrize("key", ["\x03", "\x04"])
@pytest.mark.parametrize("after", [0, 1])
def test_interrupted(quiz: Quiz, closing: list[Terminal], key: str, after: int) -> None:
    """Ctrl-C and Ctrl-D leave as q does, while a question is asked and while an explanation is read."""
    quiz.only("how-many", "no-unlock")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("A number > ")
    if after:
        terminal.type("2")
        terminal.until("q: leave")
    terminal.press(key)
    assert 0 == terminal.end()
    assert f"{6 + after} of 8" in terminal.shown
    assert "Traceback" not in terminal.shown and "interrupted" not in terminal.shown
    assert ("how-many" in quiz.kept()) == bool(after)


def test_interrupted_while_a_program_runs(quiz: Quiz, closing: list[Terminal]) -> None:
    """Ctrl-C leaves, and the program goes with it."""
    quiz.only("join-it")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("in one line > ")
    terminal.type("for (;;) pthread_testcancel();")
    deadline = time.monotonic() + SECONDS
    while not (running := _run_by(terminal, "gap_join")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running
    terminal.child.send("\x03")
    assert 0 == terminal.end()
    psutil.wait_procs(running, timeout=SECONDS)
    assert not [process for process in running if process.is_running()]


def _run_by(terminal: Terminal, name: str) -> list[psutil.Process]:
    """The processes of a quiz that run a program."""
    found = []
    for process in psutil.Process(terminal.child.pid).children(recursive=True):
        with suppress(psutil.Error):
            if process.exe().endswith(f"/{name}"):
                found.append(process)
    return found


@pytest.mark.parametrize("columns", [50, 36])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_narrow_terminal(
    quiz: Quiz, closing: list[Terminal], columns: int, language: str
) -> None:
    """Nothing is wider than the window: it wraps between words, and no line is broken by the terminal."""
    terminal = Terminal(quiz, columns, language)
    closing.append(terminal)
    for _question in range(8):
        terminal.until("> ")
        terminal.type("?")
        terminal.until("> ")
        terminal.type("")
    terminal.press("\x04")
    assert 0 == terminal.end()
    for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.raw).replace("\r", "").split("\n"):
        assert len(line) <= columns, line


def test_no_color(quiz: Quiz, closing: list[Terminal]) -> None:
    """With NO_COLOR no colours are set, and code keeps its backquotes."""
    quiz.only("join-it")
    terminal = Terminal(quiz, NO_COLOR="1")
    closing.append(terminal)
    terminal.until("in one line > ")
    terminal.type("?")
    terminal.until("q: leave")
    terminal.type("q")
    assert 0 == terminal.end()
    assert "A model answer in `code`." in terminal.shown
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)[;m]", terminal.raw)


def test_in_russian(quiz: Quiz, closing: list[Terminal]) -> None:
    """Questions, explanations and the quiz's own words."""
    quiz.only("how-many")
    terminal = Terminal(quiz, language="ru")
    closing.append(terminal)
    terminal.until("Число > ")
    terminal.type("1")
    terminal.until("q: выход")
    terminal.type("q")
    assert 0 == terminal.end()
    for words in ("Работа 02 · Потоки", "Сколько здесь потоков?", "Неверно.", "Один забыт."):
        assert words in terminal.shown
    assert "В учебнике: docs/ru/threads.md, Ожидание" in terminal.shown
    english = re.findall(r"\b(?:the|of|wrong|right|lab|again)\b", terminal.shown, re.IGNORECASE)
    assert not english
