"""For the self-tests: mutants and variants as work directories, and what the harness says of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commandline import AGAIN, MACHINE_TROUBLE
from forge import forge
from labkit.ground.catalog import all_labs, COMMON, HARNESS, Lab, SOLUTIONS, toml, tomllib

SECONDS = 550


@dataclass(frozen=True)
class Change:
    """A text of a file, the reference's or labs/common's, which stands there once; what a mutant has instead."""

    file: str
    find: str
    replace: str


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


def mutants() -> list[Mutant]:
    """All mutants of all labs."""
    found = []
    for lab in all_labs():
        path = SOLUTIONS / "mutants" / f"{lab.name}.toml"
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]:
            changes = tuple(Change(**change) for change in entry.pop("change"))
            found.append(Mutant(lab=lab, changes=changes, **entry))
    return found


def variants() -> list[tuple[Lab, Path]]:
    """All variants: a lab, and a directory with its sources."""
    return [
        (lab, path)
        for lab in all_labs()
        for path in sorted((SOLUTIONS / "variants" / lab.name).iterdir())
        if path.is_dir()
    ]


def plant_variant(lab: Lab, variant: Path, work: Path) -> None:
    """Make a work directory that holds a variant: its own files, and those that it takes from the reference."""
    home = work / lab.name
    shutil.copytree(variant, home, ignore=shutil.ignore_patterns("*.toml"))
    for name in taken(variant):
        shutil.copy(SOLUTIONS / lab.name / name, home)


def taken(variant: Path) -> list[str]:
    """The names of the reference's files that a variant takes as they are: its variant.toml says which."""
    path = variant / "variant.toml"
    return list(toml(path)["takes"]) if path.exists() else []


def check(lab: Lab, work: Path, report: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """`harness/lab check`; returns its exit status and results.json.

    An error says that the machine was too busy to judge, perhaps by another test's mutant: it runs again.
    """
    status, results = check_once(lab, work, report, *options)
    for _again in range(AGAIN):
        if status != MACHINE_TROUBLE:
            break
        status, results = check_once(lab, work, report, *options, "--again", "errors")
    return status, results


def check_once(lab: Lab, work: Path, report: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """One such run."""
    words = ["check", lab.name, "--quiet", "--work", str(work), "--report", str(report), *options]
    status, said = forge().run(words, SECONDS)
    path = report / lab.name / "results.json"
    assert path.exists(), said
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return status, results


def failures(results: dict[str, Any]) -> str:
    """The output of all steps that were not passed."""
    return "\n\n".join(
        f"step {test['number']}: {test['extra_data']}\n{test['output']}"
        for test in results["tests"]
        if test["extra_data"]["verdict"] != "passed"
    )
