"""For the self-tests: the quiz over sample questions, by pipe and on a terminal of so many columns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pyte
import pytest


from commandline import LAB, hear_signals
from forge import environment as plain
from forge import forge
from labkit.ground.catalog import ROOT
from labkit.workbook import questions

SAMPLES = Path(__file__).parent / "quiz_docs"
REAL = questions.load() if (ROOT / "docs" / "questions" / "topics.toml").is_file() else []
ALL = [*REAL, *questions.load(SAMPLES)]
SECONDS = 60
LONG = re.compile(r"\w{16,}")  # may be broken where a line ends


def environment(language: str = "en") -> dict[str, str]:
    """Ours, with a language, and nothing that decides about colours or widths."""
    kept = {key: value for key, value in plain().items() if key not in ("NO_COLOR", "COLUMNS")}
    return {**kept, "LANGUAGE": language, "TERM": "xterm-256color"}


class Quiz:
    """Runs of the quiz over the sample questions, with a progress of their own."""

    def __init__(self, home: Path) -> None:
        self.progress = home / "kept" / "quiz.json"
        self.command = [str(LAB), "quiz", "--docs", str(SAMPLES), "--progress", str(self.progress)]

    def piped(
        self, typed: str, *words: str, language: str = "en"
    ) -> subprocess.CompletedProcess[str]:
        """Answers on stdin, plain text on stdout."""
        command = [*self.command[1:], *words]
        ran = forge().run(command, SECONDS, environment(language), typed=typed)
        return subprocess.CompletedProcess(command, *ran)

    def kept(self) -> dict[str, Any]:
        """What has been kept: the question's id -> whether it is right."""
        answers = json.loads(self.progress.read_text(encoding="utf-8"))["answers"]
        return {name: answer["right"] for name, answer in answers.items()}

    def seeded(self, seed: int = 1, **answers: bool) -> None:
        """Begin with a seed and some answers."""
        states = {k.replace("_", "-"): {"right": v, "tries": 1} for k, v in answers.items()}
        self.progress.parent.mkdir(exist_ok=True)
        text = json.dumps({"version": 1, "seed": seed, "answers": states})
        self.progress.write_text(text, encoding="utf-8")

    def only(self, *names: str, seed: int = 1) -> None:
        """Begin with all questions answered rightly but these."""
        all_ids = re.findall(r'^id = "(.*)"', _data(), re.MULTILINE)
        self.seeded(seed, **{name.replace("-", "_"): True for name in all_ids if name not in names})


def _data() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in (SAMPLES / "questions").glob("0*")
    )


@pytest.fixture
def quiz(tmp_path: Path) -> Quiz:
    """A quiz that nobody has taken yet."""
    return Quiz(tmp_path)


class Terminal:
    """A quiz on a terminal of so many columns."""

    def __init__(self, quiz: Quiz, columns: int = 80, language: str = "en", **more: str) -> None:
        self.raw = ""
        self._screen = pyte.HistoryScreen(columns, 300)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            quiz.command[0],
            quiz.command[1:],
            env={**environment(language), **more},
            dimensions=(300, columns),
            preexec_fn=hear_signals,
            timeout=SECONDS,
            encoding="utf-8",
        )

    def until(self, words: str) -> None:
        """Wait for words."""
        self.child.expect_exact(words)
        self._take(self.child.before + self.child.after)

    def _take(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text)

    def type(self, words: str) -> None:
        """Type a line."""
        self.child.sendline(words)

    def press(self, key: str) -> None:
        """Press a key with which one leaves, once the quiz sleeps until something is typed.

        What comes between a prompt and that sleep is lost: the terminal changes its mode there, and Python's
        line editor looks for signals only when it is woken.
        """
        deadline = time.monotonic() + SECONDS
        while not self._waits_for_keys() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.child.send(key)

    def _waits_for_keys(self) -> bool:
        raw = not termios.tcgetattr(self.child.child_fd)[3] & termios.ICANON
        return raw and psutil.Process(self.child.pid).status() == psutil.STATUS_SLEEPING

    def end(self) -> int:
        """Wait for its end; returns the exit status."""
        self.child.expect(pexpect.EOF)
        self._take(self.child.before)
        self.child.close()
        assert self.child.exitstatus is not None, self.child.signalstatus
        return int(self.child.exitstatus)

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()


@pytest.fixture
def closing() -> Iterator[list[Terminal]]:
    """Terminals that are closed whatever happens."""
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.child.close(force=True)
