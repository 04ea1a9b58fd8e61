"""Verdicts and what is made of them: Gradescope's results.json, and JUnit XML.

`results.json` is the only machine format beside JUnit; both are written from the same `StepResult`s.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from labkit.ground.catalog import Lab, Step
from labkit.ground.faults import Trouble
from labkit.ground.files import replace_file
from labkit.ground.words import _


EARLIER = "earlier.json"  # an earlier run's results.json, while some of its steps are run again


class Verdict(str, Enum):
    """Four, never mixed up."""

    PASSED = "passed"
    FAILED = "failed"  # the student's program
    BLOCKED = "blocked"  # a step it builds on failed
    ERROR = "error"  # ours, or the machine's


@dataclass
class StepResult:
    """One step's verdict. cause: the named symptom; output: the failure block; seconds: time it took;
    check: the name of the check that failed; cpu: seconds of CPU time that its hungriest program used; after:
    the number of the step because of which this one was not run."""

    step: Step
    verdict: Verdict
    cause: str | None = None
    output: str = ""
    seconds: float = 0.0
    check: str | None = None
    cpu: float = 0.0
    after: int | None = None

    @property
    def score(self) -> int:
        """All the step's points or none."""
        return self.step.points if self.verdict is Verdict.PASSED else 0


@dataclass
class LabResult:
    """A lab's graded steps, in order.

    sandboxed: whether programs ran in a sandbox; None where nothing was run. sources: a digest of what was graded,
    empty where it is not known.
    """

    lab: Lab
    steps: list[StepResult]
    seconds: float = 0.0
    sandboxed: bool | None = None
    sources: str = ""

    @property
    def again(self) -> list[int]:
        """The numbers of the steps to run again: those of errors, and those that an error kept from being run."""
        found: list[int] = []
        for result in self.steps:
            kept = result.verdict is Verdict.BLOCKED and result.after in found
            if kept or result.verdict is Verdict.ERROR:
                found.append(result.step.number)
        return found

    def merged(self, earlier: LabResult | None) -> LabResult:
        """This result, with the steps of an earlier one that are not in it.

        It is sandboxed only where both are; of one in which nothing was run, that counts for nothing.
        """
        if not earlier:
            return self
        here = {result.step.number: result for result in self.steps}
        there = {result.step.number: result for result in earlier.steps}
        steps = {**there, **here}
        left = [earlier.sandboxed] if set(steps) - set(here) else []
        ran = [how for how in (self.sandboxed if here else None, *left) if how is not None]
        return replace(
            self,
            steps=[result for _number, result in sorted(steps.items())],
            sandboxed=all(ran) if ran else None,
        )

    @property
    def score(self) -> int:
        return sum(result.score for result in self.steps)

    @property
    def max_score(self) -> int:
        return sum(result.step.points for result in self.steps)

    @property
    def exit_status(self) -> int:
        """0: every step passed; 1: something failed; 3: an error of ours or the machine's."""
        verdicts = {result.verdict for result in self.steps}
        if Verdict.ERROR in verdicts:
            return 3
        return 0 if verdicts == {Verdict.PASSED} else 1


def as_json(result: LabResult) -> dict[str, Any]:
    """Gradescope's form of a lab's result: one test a step."""
    return {
        "score": result.score,
        "execution_time": round(result.seconds, 3),
        "extra_data": {
            "sandboxed": result.sandboxed,
            "again": result.again,
            "sources": result.sources,
        },
        "tests": [
            {
                "number": str(r.step.number),
                "name": r.step.title,
                "score": r.score,
                "max_score": r.step.points,
                "status": "passed" if r.verdict is Verdict.PASSED else "failed",
                "output": r.output,
                "extra_data": {
                    "verdict": r.verdict.value,
                    "cause": r.cause,
                    "check": r.check,
                    "seconds": round(r.seconds, 3),
                    "cpu": round(r.cpu, 2),
                    "after": r.after,
                },
            }
            for r in result.steps
        ],
    }


def from_json(lab: Lab, table: dict[str, Any]) -> LabResult:
    """Read back what `as_json` made."""
    steps = [
        StepResult(
            lab.step(int(test["number"])),
            Verdict(test["extra_data"]["verdict"]),
            test["extra_data"]["cause"],
            test["output"],
            test["extra_data"]["seconds"],
            test["extra_data"]["check"],
            test["extra_data"]["cpu"],
            test["extra_data"]["after"],
        )
        for test in table["tests"]
    ]
    more = table["extra_data"]
    return LabResult(lab, steps, table["execution_time"], more["sandboxed"], more["sources"])


def put_aside(lab: Lab, report: Path) -> LabResult | None:
    """An earlier run's result, if there is one that can be read; its file makes room for this run's.

    It stays beside it until that is written: an interrupted run can be taken up again.
    """
    home = report / lab.name
    if (home / "results.json").exists():
        try:
            (home / "results.json").replace(home / EARLIER)
        except OSError as error:
            raise _cannot_replace(home, error) from error
    _forget(home / "junit.xml")
    try:
        return from_json(lab, json.loads((home / EARLIER).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none there, or of an older harness


def forget(lab: Lab, report: Path) -> None:
    """Remove what an earlier run wrote, so that it is not taken for the verdict of one that fails to write."""
    for name in ("results.json", "junit.xml", EARLIER):
        _forget(report / lab.name / name)


def forget_all(report: Path) -> None:
    """The same of what is written once for all labs."""
    _forget(report / "junit.xml")


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_replace(path.parent, error) from error


def _cannot_replace(home: Path, why: OSError) -> Trouble:
    return Trouble(_("cannot replace the report in {dir}: {why}").format(dir=home, why=why))


def write(result: LabResult, report: Path) -> None:
    """Write REPORT/LAB/results.json and junit.xml, each in one rename."""
    home = report / result.lab.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_json(result), ensure_ascii=False, indent=1)
        replace_file(home / "results.json", text.encode("utf-8", "backslashreplace"))
        replace_file(home / "junit.xml", junit([result]))
        (home / EARLIER).unlink(missing_ok=True)
    except OSError as error:
        words = _("cannot write the report in {dir}: {why}")
        raise Trouble(words.format(dir=home, why=error)) from error


def junit(results: Sequence[LabResult]) -> bytes:
    """JUnit XML: a suite a lab, a case a step."""
    root = ET.Element("testsuites")
    for result in results:
        verdicts = [r.verdict for r in result.steps]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=result.lab.name,
            tests=str(len(verdicts)),
            failures=str(verdicts.count(Verdict.FAILED)),
            errors=str(verdicts.count(Verdict.ERROR)),
            skipped=str(verdicts.count(Verdict.BLOCKED)),
            time=f"{result.seconds:.3f}",
        )
        for r in result.steps:
            _junit_case(suite, result.lab, r)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _junit_case(suite: ET.Element, lab: Lab, result: StepResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=lab.name,
        name=f"{result.step.number} {result.step.title}",
        time=f"{result.seconds:.3f}",
    )
    tag = {
        Verdict.FAILED: "failure",
        Verdict.ERROR: "error",
        Verdict.BLOCKED: "skipped",
    }.get(result.verdict)
    if tag:
        ET.SubElement(case, tag, message=result.cause or result.verdict.value).text = _xml_safe(
            result.output
        )


def _xml_safe(text: str) -> str:
    """Text without the characters that XML 1.0 forbids."""
    return "".join(
        c
        if c in "\t\n" or 0x20 <= ord(c) <= 0xD7FF or 0xE000 <= ord(c) <= 0xFFFD or ord(c) > 0xFFFF
        else f"\\x{ord(c):02x}"
        for c in text
    )
