"""The labs: what lab.toml says of each, and where everything lies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.ground.faults import Trouble
from labkit.ground.words import _, russian

if sys.version_info >= (3, 11):
    import tomllib
else:  # Ubuntu 22.04
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
LABS = ROOT / "labs"
SOLUTIONS = ROOT / "solutions"
COMMON = LABS / "common"
HARNESS = ROOT / "harness"
BUILD = ROOT / "build"
MOST_THREADS = 5_000  # where lab.toml says nothing: three for each of 1,000 clients, and room


class NoSuchLab(Exception):
    """The name given is no lab's."""


@dataclass(frozen=True)
class Step:
    """One graded step of a lab.

    needs: the numbers of the steps without which it cannot work. blocks: the failures of this step that make
    those that need it impossible, each a cause, or a check and the cause that it found, `test_accepts: never-accepts`;
    after any other failure they are run all the same.
    """

    number: int
    title: str
    title_ru: str
    points: int
    needs: tuple[int, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The title in the reader's language."""
        return self.title_ru if russian() else self.title

    def blocks_others(self, check: str | None, cause: str | None) -> bool:
        """Whether nothing that needs this step can be checked after this check has failed for this cause."""
        return cause in self.blocks or f"{check}: {cause}" in self.blocks


@dataclass(frozen=True)
class Lab:
    """A lab as its lab.toml describes it. programs: names of executables, each with a .c of its name.

    flags: what the handout's command line gives the compiler besides what all have. by_hand: shell commands
    that try its server, where it has one; {run} stands for the one that starts it. started: what starts it in the
    commands of a failure, where that takes more than its name and a port.
    most_threads: a program of it that has more is ended; far above what the lab asks for.
    """

    number: str
    name: str
    title: str
    title_ru: str
    programs: tuple[str, ...]
    steps: tuple[Step, ...]
    by_hand: tuple[str, ...] = ()
    most_threads: int = MOST_THREADS
    flags: tuple[str, ...] = ()
    started: str = ""

    @property
    def server(self) -> str:
        """The name of its server; empty where it has none."""
        return next((name for name in self.programs if name.endswith("_server")), "")

    @property
    def serve(self) -> str:
        """The shell command that starts its server for a try by hand; {bin} stands for where it was built."""
        return self.started or f"{{bin}}/{self.server} -p 9090 &"

    @property
    def heading(self) -> str:
        """The title in the reader's language."""
        return self.title_ru if russian() else self.title

    @property
    def checks(self) -> Path:
        """The directory of its checks: a module for each step."""
        return HARNESS / "checks" / f"lab_{self.name.replace('-', '_')}"

    @property
    def handout(self) -> str:
        """The handout in the reader's language, relative to the repository."""
        return f"labs/{self.name}/README{'.ru' if russian() else ''}.md"

    def step(self, number: int) -> Step:
        """The step of a number; KeyError if there is none."""
        for step in self.steps:
            if step.number == number:
                return step
        raise KeyError(number)


def toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def load(directory: Path) -> Lab:
    """Read a lab's lab.toml; Trouble where it is not whole."""
    path = directory / "lab.toml"
    try:
        return _lab(toml(path))
    except KeyError as error:
        words = _("{file} lacks the key {key}: `harness/lab lint` tells more")
        raise Trouble(words.format(file=path, key=error)) from None
    except ValueError as error:
        raise Trouble(f"{path}: {error}") from None


def _lab(table: Mapping[str, Any]) -> Lab:
    """A lab from what its lab.toml holds; KeyError where a key is missing."""
    steps = tuple(
        Step(
            s["number"],
            s["title"],
            s["title_ru"],
            s["points"],
            tuple(s.get("needs", ())),
            tuple(s.get("blocks", ())),
        )
        for s in table["step"]
    )
    return Lab(
        table["number"],
        table["name"],
        table["title"],
        table["title_ru"],
        tuple(table["programs"]),
        steps,
        tuple(table.get("by_hand", ())),
        table.get("most_threads", MOST_THREADS),
        tuple(table.get("flags", ())),
        table.get("started", ""),
    )


def all_labs() -> list[Lab]:
    """Every lab, in order."""
    return [load(toml.parent) for toml in sorted(LABS.glob("*/lab.toml"))]


def find(text: str) -> Lab:
    """The lab that `2`, `02` or `02-threaded-echo` names; NoSuchLab says which there are."""
    labs = all_labs()
    for lab in labs:
        if text in (lab.name, lab.number, lab.number.lstrip("0")):
            return lab
    raise NoSuchLab(
        _("there is no lab {text!r}; the labs are: {labs}").format(
            text=text, labs=", ".join(lab.name for lab in labs)
        )
    )
