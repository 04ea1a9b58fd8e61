"""The labs' answers besides the references: mutants, each with one known bug, and variants, correct in another way."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.catalog import COMMON, SOLUTIONS, Lab, all_labs, toml

MUTANTS = SOLUTIONS / "mutants"
VARIANTS = SOLUTIONS / "variants"


@dataclass(frozen=True)
class Change:
    """A text of a file, the reference's or labs/common's, which stands there once; what a mutant has instead."""

    file: str
    find: str
    replace: str

    def source(self, lab: Lab) -> Path:
        """The file that it changes; the lab's own where both have one of the name."""
        own = SOLUTIONS / lab.name / self.file
        return own if own.exists() else COMMON / self.file


@dataclass(frozen=True)
class Mutant:
    """A reference with one bug. step, check (the name of its function), cause: what must catch it.

    Where two checks of the step may be the first to see it, check is "ONE or ANOTHER".
    """

    lab: Lab
    name: str
    bug: str
    step: int
    check: str
    cause: str
    changes: tuple[Change, ...]

    @property
    def checks(self) -> list[str]:
        """The names of the checks that may catch it."""
        return self.check.split(" or ")

    def plant(self, work: Path) -> None:
        """Make a work directory that holds the lab with the bug."""
        home = work / self.lab.name
        shutil.copytree(SOLUTIONS / self.lab.name, home)
        for change in self.changes:
            path = home / change.file
            if not path.exists():  # a file of labs/common's: the lab's own one is linked instead
                shutil.copy(COMMON / change.file, path)
            text = path.read_text(encoding="utf-8")
            assert text.count(change.find) == 1, f"{self.name}: not exactly once: {change.find!r}"
            path.write_text(text.replace(change.find, change.replace), encoding="utf-8")


def mutants(labs: Sequence[Lab] | None = None) -> list[Mutant]:
    """All mutants of these labs; of all, where none are given."""
    found = []
    for lab in all_labs() if labs is None else labs:
        for entry in toml(MUTANTS / f"{lab.name}.toml")["mutant"]:
            changes = tuple(Change(**change) for change in entry.pop("change"))
            found.append(Mutant(lab=lab, changes=changes, **entry))
    return found


def variants(labs: Sequence[Lab] | None = None) -> list[tuple[Lab, Path]]:
    """All variants of these labs: a lab, and a directory with its sources."""
    return [
        (lab, path)
        for lab in (all_labs() if labs is None else labs)
        for path in sorted((VARIANTS / lab.name).glob("*"))
        if path.is_dir()
    ]


def taken(variant: Path) -> list[str]:
    """The names of the reference's files that a variant takes as they are: its variant.toml says which."""
    path = variant / "variant.toml"
    return list(toml(path)["takes"]) if path.exists() else []
