"""What a person has answered so far, kept in the working copy from one run of the quiz to the next."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.ground.catalog import ROOT

PLACE = ROOT / ".progress" / "quiz.json"  # not below build/, which may be deleted at any time
VERSION = 1


@dataclass
class State:
    """How a question stands. right: the last answer; tries: answers that were judged, or the model looked at."""

    right: bool
    tries: int


@dataclass
class Progress:
    """The answers so far, by the question's id, and the seed that shuffles."""

    path: Path
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(1, 1 << 31))
    states: dict[str, State] = field(default_factory=dict)

    def note(self, name: str, right: bool) -> None:
        """Keep how a question was answered. OSError where it cannot be written."""
        tries = self.states[name].tries if name in self.states else 0
        self.states[name] = State(right, tries + 1)
        self.save()

    def is_right(self, name: str) -> bool:
        """Whether the last answer to a question was right."""
        return name in self.states and self.states[name].right

    def forget(self, names: Iterable[str]) -> None:
        """Begin again with these questions. OSError where it cannot be written."""
        for name in names:
            self.states.pop(name, None)
        self.save()

    def shuffled(self, name: str, count: int, never: Sequence[int] = ()) -> list[int]:
        """The numbers from 0 to `count`, in an order that stays the same for a question; not in the order `never`."""
        order = list(range(count))
        dice = random.Random(f"{self.seed} {name}")
        dice.shuffle(order)
        while count > 1 and order == list(never):
            dice.shuffle(order)
        return order

    def save(self) -> None:
        """Write it in one rename, so that no half of it is ever there."""
        answers = {
            name: {"right": state.right, "tries": state.tries}
            for name, state in sorted(self.states.items())
        }
        kept = {"version": VERSION, "seed": self.seed, "answers": answers}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            scratch.replace(self.path)
        finally:
            scratch.unlink(missing_ok=True)


def load(path: Path = PLACE) -> tuple[Progress, Path | None]:
    """The progress of earlier runs, and, where its file was damaged, where that has been set aside.

    OSError where the file is there but may not be read.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Progress(path), None
    try:
        return _parsed(path, data), None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Progress(path), _set_aside(path)


def _parsed(path: Path, data: bytes) -> Progress:
    """The progress in a file's bytes; one of several exceptions where there is none."""
    kept = json.loads(data)
    if kept["version"] != VERSION or not isinstance(kept["seed"], int):
        raise ValueError(kept["version"])
    states = {}
    for name, answer in kept["answers"].items():
        if not isinstance(answer["right"], bool) or not isinstance(answer["tries"], int):
            raise ValueError(name)
        states[name] = State(answer["right"], answer["tries"])
    return Progress(path, kept["seed"], states)


def _set_aside(path: Path) -> Path:
    """Give a damaged file a name that nothing has yet."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(aside)
