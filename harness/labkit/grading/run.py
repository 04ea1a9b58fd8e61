"""Grading from beginning to end: one lab in this process, or all labs, each in a process of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.box import sandbox
from labkit.box.decision import Decision
from labkit.box.stream import Ended
from labkit.grading import calibrate, results, scorecard
from labkit.grading.grader import Grader
from labkit.grading.results import LabResult, StepResult, Verdict
from labkit.ground import catalog
from labkit.ground.catalog import BUILD, ROOT, Lab, Step
from labkit.ground.faults import Fault, Trouble
from labkit.ground.files import replace_file
from labkit.ground.pace import Pace
from labkit.ground.words import _

DECIDED = "--left-out"  # to a process that grades for us: why programs run without a sandbox, empty: they don't


@dataclass(frozen=True)
class Order:
    """What is to be graded, and how.

    work: the directory of lab directories. report: the directory for what is written. step: only this one, None: all.
    checks: only these, by name; none: all. seed: of the perturbed schedules, None: a new one. stop: end at the first
    step that fails. quiet: a process that grades for another one. again: "errors" runs again only what ended in an
    error in an earlier run. left_out: why programs run without a sandbox, as another process has decided; empty: they
    have one; None: this process decides.
    """

    work: Path
    report: Path
    step: int | None = None
    checks: tuple[str, ...] = ()
    seed: int | None = None
    stop: bool = False
    quiet: bool = False
    again: str | None = None
    left_out: str | None = None

    def steps(self, lab: Lab) -> list[Step]:
        """The steps of a lab that it is about."""
        return [step for step in lab.steps if self.step in (None, step.number)]


def check(lab: Lab, order: Order) -> LabResult:
    """Grade one lab in this process, tell each step's result, and write the report."""
    card = scorecard.Card(quiet=order.quiet, brief=order.stop)
    earlier = _earlier(lab, order)
    try:
        if order.left_out is not None:
            sandbox.adopt(Decision(order.left_out))
        sandbox.decide()
        card.begin(lab, order.work)
        result = _graded(lab, order, card, earlier)
    except (Trouble, OSError) as trouble:
        with suppress(Trouble):
            results.write(_all_wrong(lab, order.steps(lab), trouble, earlier), order.report)
        raise
    results.write(result, order.report)
    card.end(result, order.report)
    return result


def _earlier(lab: Lab, order: Order) -> LabResult | None:
    """The earlier result of which some steps are to be run again, if the order says so; else it is removed."""
    if order.again:
        return results.put_aside(lab, order.report)
    results.forget(lab, order.report)
    return None


def _all_wrong(
    lab: Lab, steps: Sequence[Step], trouble: Exception, earlier: LabResult | None = None
) -> LabResult:
    """The result where nothing could be graded: an error in every step that was to be run."""
    words = machine_failed(trouble)
    due = _due(steps, earlier)
    wrong = [StepResult(s, Verdict.ERROR, None, words) for s in steps if s.number in due]
    return LabResult(lab, wrong, sources=earlier.sources if earlier else "").merged(earlier)


def _due(steps: Sequence[Step], earlier: LabResult | None) -> set[int]:
    """The numbers of the steps to be run: of an earlier result, what ended in an error or is not there."""
    there = {result.step.number for result in earlier.steps} if earlier else set()
    again = set(earlier.again) if earlier else set()
    return {step.number for step in steps if step.number in again or step.number not in there}


def machine_failed(trouble: Exception) -> str:
    """What is said where it was not the student's program that failed."""
    return _("the harness or the machine failed: {why}").format(why=trouble)


def _graded(lab: Lab, order: Order, card: scorecard.Card, earlier: LabResult | None) -> LabResult:
    """Run a lab's checks in pytest, in this process; of an earlier run's only those that are due."""
    began = time.monotonic()
    grader = Grader(
        lab,
        order.work.resolve(),
        Pace(),
        seed=random.SystemRandom().randrange(1, 1 << 20) if order.seed is None else order.seed,
        checks=frozenset(order.checks),
        stop=order.stop,
        report=order.report,
        told=card.tell,
    )
    try:
        if earlier and earlier.sources != grader.digest():
            card.note(_("the sources are not those of the earlier run: all steps are run"))
            earlier = None
        grader.take_up(_due(order.steps(lab), earlier), earlier)
        if grader.only:
            grader.pace = calibrate.measure()
            _publish(grader, lab, order)
            _run_checks(lab, grader)
        elif earlier:
            card.note(_("no step of the earlier run ended in an error"))
        return grader.result(time.monotonic() - began).merged(earlier)
    finally:
        grader.pytest_unconfigure()


def _run_checks(lab: Lab, grader: Grader) -> None:
    """Run a lab's checks; raises where pytest did not come to its end."""
    import pytest

    status = _pytest(lab, grader)
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise Trouble(_("pytest ended with {status!r}").format(status=status))


def _pytest(lab: Lab, grader: Grader) -> int:
    """Run pytest without its own output, its caches and whatever plugins this machine has."""
    import pytest

    words = [str(lab.checks), "-p", "no:terminal", "-p", "no:cacheprovider"]
    words += ["-p", "no:faulthandler", "-p", "no:xdist", "-p", "no:timeout", "--capture=no"]
    words += ["-c", os.devnull, "--rootdir", str(ROOT), "--noconftest", "--assert=plain"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    return int(pytest.main(words, plugins=[grader]))


def _publish(grader: Grader, lab: Lab, order: Order) -> None:
    """Leave the built programs in build/bin/LAB, where the by-hand commands expect them."""
    if order.quiet:
        return
    home = BUILD / "bin" / lab.name
    for program in lab.programs:
        try:
            built = grader.builder.build(program)
        except Fault:
            continue
        home.mkdir(parents=True, exist_ok=True)
        replace_file(home / program, built.program.read_bytes(), 0o755)


def grade(order: Order, jobs: int) -> list[LabResult]:
    """Grade all labs, `jobs` of them at a time, show the scorecard, and write the reports."""
    labs = catalog.all_labs()
    earlier = {lab.number: _earlier(lab, order) for lab in labs}
    results.forget_all(order.report)
    try:
        sandbox.decide()
    except Trouble as trouble:
        for lab in labs:
            wrong = _all_wrong(lab, lab.steps, trouble, earlier[lab.number])
            results.write(wrong, order.report)
        raise
    graded = _side_by_side(order, jobs, earlier)
    replace_file(order.report / "junit.xml", results.junit(graded))
    scorecard.show(graded, order.work, order.report)
    return graded


def _side_by_side(order: Order, jobs: int, earlier: dict[str, LabResult | None]) -> list[LabResult]:
    """Grade all labs in processes of their own; an interrupt ends them all."""
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        try:
            # The last labs take longest: were they begun last, one would go on alone.
            last_first = pool.map(
                lambda lab: _grade_one(lab, order, running, earlier[lab.number]),
                reversed(catalog.all_labs()),
            )
            return list(last_first)[::-1]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in running:
                child.terminate()
            raise


def _grade_one(
    lab: Lab,
    order: Order,
    running: list[subprocess.Popen[str]],
    earlier: LabResult | None,
) -> LabResult:
    """Grade a lab in a process of its own, which ends with us, and read back what it wrote.

    earlier: the result of which only some steps are run again.
    """
    path = order.report / lab.name / "results.json"
    command = ["/usr/bin/setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "labkit"]
    command += ["check", lab.name, "--all", "--quiet"]
    command += ["--work", str(order.work), "--report", str(order.report)]
    command += [f"{DECIDED}={sandbox.refusal()}"]
    command += ["--again", order.again] if order.again else []
    check = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    running.append(check)
    _none, said = check.communicate()
    if not path.exists():
        trouble = Trouble(f"{lab.name}: {said.strip() or Ended(check.returncode, None)}")
        # Killed by a person or by the kernel: the other labs can go on.
        if check.returncode != -signal.SIGKILL:
            raise trouble
        results.write(_all_wrong(lab, lab.steps, trouble, earlier), order.report)
    result = results.from_json(lab, json.loads(path.read_text(encoding="utf-8")))
    scorecard.graded(result)
    return result
