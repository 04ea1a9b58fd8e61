"""Every mutant is caught by the step it was made for, and for its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from graded import check, failures
from labkit.causes import table as causes
from labkit.ground.catalog import Lab, all_labs
from labkit.workbook.answers import Mutant, mutants


# Where hundreds of threads want a processor all the time, nothing beside them can be judged.
CROWDS = {("02", "threads-without-end"), ("03", "looks-at-the-clock")}


def planted() -> Iterator[ParameterSet]:
    """Each mutant; those that would load the machine for all others have it for themselves."""
    for mutant in mutants():
        marks = [pytest.mark.alone] if (mutant.lab.number, mutant.name) in CROWDS else []
        yield pytest.param(mutant, marks=marks, id=f"{mutant.lab.number}-{mutant.name}")


def test_crowds_are_mutants() -> None:
    """None of these names is left over."""
    assert {(mutant.lab.number, mutant.name) for mutant in mutants()} >= CROWDS


@pytest.mark.parametrize("mutant", planted())
def test_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """The check that was made for it fails, alone, and names the cause."""
    mutant.plant(tmp_path / "work")
    options = ["--step", str(mutant.step), *(f"--check={name}" for name in mutant.checks)]
    status, results = check(mutant.lab, tmp_path / "work", tmp_path / "report", *options)
    (step,) = results["tests"]
    said = step["extra_data"]
    expected = ("failed", mutant.cause, 1)
    assert expected == (said["verdict"], said["cause"], status), failures(results)
    assert said["check"] in mutant.checks


def test_names_are_unique() -> None:
    """A lab has no two mutants of one name; that there are enough of them, `lab lint` says."""
    names = [(mutant.lab.number, mutant.name) for mutant in mutants()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)
def test_every_check_has_a_mutant(lab: Lab) -> None:
    """No check that nothing is known to fail."""
    sources = (path.read_text(encoding="utf-8") for path in lab.checks.glob("test_*.py"))
    checks = re.findall(r"^def (test_\w+)", "\n".join(sources), re.MULTILINE)
    known = [mutant.checks for mutant in mutants() if mutant.lab == lab]
    assert sorted(checks) == sorted(set(chain.from_iterable(known)))


def test_causes_are_known() -> None:
    """What a mutant must be called stands in the table of causes, so that it is explained."""
    assert {mutant.cause for mutant in mutants()} <= causes.names()
