"""Compare two checkouts: the same submissions, checked by the harness of each; where they judge differently is told.

`PYTHONPATH=harness python3 harness/selftest/compare.py A B` takes this checkout's references, variants and mutants;
`--lab 02` only a lab's, `-k WORDS` only those whose names hold the words (02-mutant-serves-in-main), `--work DIR` a
directory of lab directories instead. A mutant is run with its own checks, all else with all steps, and both with one
seed. Exit status: 0 where they agree, 1 where they do not, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from commandline import AGAIN, MACHINE_TROUBLE
from graded import plant_variant
from labkit.ground.catalog import SOLUTIONS, Lab, NoSuchLab, all_labs, find
from labkit.workbook.answers import mutants, variants

SEED = "1"


@dataclass(frozen=True)
class Submission:
    """What is checked: `name`, of a lab, in the work directory `work`, with these options."""

    name: str
    lab: Lab
    work: Path
    options: tuple[str, ...] = ("--all",)


class Row(NamedTuple):
    """What a harness says of a step; as it stands in results.json, `check` and `cause` are None where it passed."""

    verdict: str
    check: str | None
    cause: str | None

    def __str__(self) -> str:
        return " ".join(word for word in self if word)


@dataclass
class Outcome:
    """What a harness says of a submission, by the numbers of its steps, and the seconds that this took."""

    rows: dict[int, Row] = field(default_factory=dict)
    wall: float = 0.0
    cpu: float = 0.0


def submissions(home: Path, labs: Sequence[Lab], words: str = "") -> Iterator[Submission]:
    """This checkout's references, variants and mutants, planted below `home` one by one; words: part of the name."""
    for lab in labs:
        plants = {f"{lab.number}-reference": lambda work, lab=lab: _reference(lab, work)}
        options = {}
        for _lab, path in variants([lab]):
            name = f"{lab.number}-variant-{path.name}"
            plants[name] = lambda work, lab=lab, path=path: plant_variant(lab, path, work)
        for mutant in mutants([lab]):
            name = f"{lab.number}-mutant-{mutant.name}"
            plants[name] = mutant.plant
            checks = [f"--check={check}" for check in mutant.checks]
            options[name] = ("--step", str(mutant.step), *checks)
        for name in (name for name in plants if words in name):
            plants[name](home / name)
            yield Submission(name, lab, home / name, options.get(name, ("--all",)))
            shutil.rmtree(home / name)


def _reference(lab: Lab, work: Path) -> None:
    """Plant a lab's reference."""
    shutil.copytree(SOLUTIONS / lab.name, work / lab.name)


def handed_in(work: Path, labs: Sequence[Lab], words: str = "") -> Iterator[Submission]:
    """What a directory of lab directories holds of these labs."""
    for lab in labs:
        if (work / lab.name).is_dir() and words in lab.name:
            yield Submission(lab.name, lab, work)


def judged(checkout: Path, submission: Submission, report: Path) -> Outcome:
    """What a checkout's harness says of a submission; where the machine was too busy to judge, it is asked again."""
    outcome = Outcome()
    more: tuple[str, ...] = ()
    for _again in range(1 + AGAIN):
        status = _run(checkout, submission, report, more, outcome)
        if status != MACHINE_TROUBLE:
            break
        more = ("--again", "errors")
    path = report / submission.lab.name / "results.json"
    if path.exists():
        for step in json.loads(path.read_text(encoding="utf-8"))["tests"]:
            said = step["extra_data"]
            row = Row(said["verdict"], said.get("check"), said["cause"])
            outcome.rows[int(step["number"])] = row
    return outcome


def _run(
    checkout: Path, submission: Submission, report: Path, more: Sequence[str], outcome: Outcome
) -> int:
    """Run the command once; returns its exit status, and adds the time to the outcome."""
    words = [str(checkout / "harness/lab"), "check", submission.lab.name, "--quiet", "--seed", SEED]
    words += ["--work", str(submission.work), "--report", str(report), *submission.options, *more]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    began, nothing = time.monotonic(), subprocess.DEVNULL
    process = subprocess.Popen(words, env=environment, stdin=nothing, stdout=nothing)
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    outcome.wall += time.monotonic() - began
    outcome.cpu += used.ru_utime + used.ru_stime
    return process.returncode


def differences(name: str, one: Outcome, other: Outcome) -> list[str]:
    """A line for each step of which two harnesses do not say the same."""
    return [
        f"{name}, step {number}: {one.rows.get(number, 'not there')}"
        f" -> {other.rows.get(number, 'not there')}"
        for number in sorted({*one.rows, *other.rows})
        if one.rows.get(number) != other.rows.get(number)
    ]


def ratio(one: Outcome, other: Outcome) -> str:
    """How much more time the other takes than the one."""
    return (
        f"CPU {one.cpu:.1f} s -> {other.cpu:.1f} s ({other.cpu / max(one.cpu, 0.001):.2f}),"
        f" wall {one.wall:.1f} s -> {other.wall:.1f} s ({other.wall / max(one.wall, 0.001):.2f})"
    )


def compare(a: Path, b: Path, found: Iterator[Submission], home: Path) -> int:
    """Check each submission with both harnesses, in turn the one and the other first; print what differs.

    Returns how many steps differ; 1 where there was no step at all.
    """
    whole = Outcome(), Outcome()
    count = steps = different = 0
    for submission in found:
        outcomes = [Outcome(), Outcome()]
        for side in (0, 1) if count % 2 else (1, 0):
            outcomes[side] = judged((a, b)[side], submission, home / f"report-{side}")
            whole[side].wall += outcomes[side].wall
            whole[side].cpu += outcomes[side].cpu
        lines = differences(submission.name, *outcomes)
        print(*lines, sep="\n", end="\n" if lines else "", flush=True)
        for side in (0, 1):
            shutil.rmtree(home / f"report-{side}", ignore_errors=True)
        count, different = count + 1, different + len(lines)
        steps += len({*outcomes[0].rows, *outcomes[1].rows})
    print(f"{count} submissions, {steps} steps, {different} different; {ratio(*whole)}")
    return different if steps else 1


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__)
    parser.add_argument("a", type=Path, help="a checkout, to begin from")
    parser.add_argument("b", type=Path, help="the other one")
    parser.add_argument("--lab", help="2, 02 or 02-threaded-echo")
    parser.add_argument("-k", metavar="WORDS", default="", help="part of a submission's name")
    parser.add_argument("--work", type=Path, help="a directory of lab directories")
    options = parser.parse_args(argv)
    for checkout in (options.a, options.b):
        if not (checkout / "harness/lab").exists():
            parser.error(f"{checkout} is no checkout: it has no harness/lab")
    try:
        labs = [find(options.lab)] if options.lab else list(all_labs())
    except NoSuchLab as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="compare-") as place:
        home = Path(place)
        found = submissions(home / "work", labs, options.k)
        if options.work:
            found = handed_in(options.work.resolve(), labs, options.k)
        return 1 if compare(options.a.resolve(), options.b.resolve(), found, home) else 0


if __name__ == "__main__":
    sys.exit(main())
