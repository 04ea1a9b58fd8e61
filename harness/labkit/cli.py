"""The command line: `check` one lab, `grade` them all, `doctor` the machine, a `quiz`.

Exit status: 0 graded and every step passed (of the quiz: done, or left), 1 graded and something failed,
2 wrong arguments, 3 an error of ours or the machine's.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from labkit import calibrate, catalog, program, results, sandbox, scorecard, scratch
from labkit.build import CACHE
from labkit.catalog import BUILD, LABS, ROOT, Lab, NoSuchLab, Step
from labkit.decision import Decision, WrongOrder
from labkit.faults import Fault, Trouble
from labkit.grading import Grader
from labkit.pace import Pace
from labkit.results import LabResult, StepResult, Verdict
from labkit.words import N_, _

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
CLEANING_SECONDS = 3.0
DECIDED = "--left-out"  # to a process that grades for us: why programs run without a sandbox, empty: they don't
DESCRIPTORS = 8192  # 1,000 clients here, 1,000 more for a server in the fallback, and room

# What argparse says through a `_` of its own module, for the catalogs.
ARGPARSE_SAYS = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("show this help message and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("expected one argument"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid %(type)s value: %(value)r"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    _open_standard_streams()
    options = _parser().parse_args(argv)
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup(1), or a script's background job
            signal.signal(number, interrupt)
    try:
        status = int(options.run(options))
        if sys.stdout:
            sys.stdout.flush()
        return status
    except (NoSuchLab, WrongOrder) as error:
        return _complain(str(error), 2)
    except (Trouble, OSError) as error:
        _let_go_of_stdout()
        return _complain(_machine_failed(error), 3)
    except KeyboardInterrupt:
        return _complain(_("interrupted"), 130)


def _open_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2: else a socket of ours would get that number, and a child use it as a stream."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _let_go_of_stdout() -> None:
    """Keep Python from writing once more at its exit what could not be written: it would end in a traceback."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Interrupt:
    """A signal's handler: raises KeyboardInterrupt, but leaves the time to clean up after the last one."""

    def __init__(self) -> None:
        self._last = -CLEANING_SECONDS

    def __call__(self, _signal: int, _frame: object) -> None:
        if time.monotonic() - self._last > CLEANING_SECONDS:
            self._last = time.monotonic()
            raise KeyboardInterrupt


def _complain(words: str, status: int) -> int:
    print(f"lab: {words}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    setattr(argparse, "_", _)
    parser = argparse.ArgumentParser(prog="lab", description=_("Check and grade the labs."))
    commands = parser.add_subparsers(required=True, metavar=_("COMMAND"))
    check = commands.add_parser("check", help=_("build one lab and check it step by step"))
    check.add_argument("lab", help=_("2, 02 or 02-threaded-echo"))
    check.add_argument("--step", type=int, help=_("only this step"))
    check.add_argument("--check", action="append", metavar="NAME", help=argparse.SUPPRESS)
    check.add_argument("--all", action="store_true", help=_("go on after a step that failed"))
    check.add_argument("--seed", type=int, help=_("seed for the perturbed schedules"))
    check.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
    check.add_argument(DECIDED, metavar="WHY", help=argparse.SUPPRESS)
    check.set_defaults(run=_check)
    grade = commands.add_parser("grade", help=_("all labs, all steps: a scorecard"))
    grade.add_argument("--jobs", type=int, default=_jobs(), help=_("labs at a time"))
    grade.set_defaults(run=_grade)
    for command in (check, grade):
        command.add_argument(
            "--again",
            choices=["errors"],
            help=_("run again only the steps that ended in an error in an earlier run"),
        )
        command.add_argument(
            "--work", type=Path, default=LABS, help=_("directory of lab directories")
        )
        command.add_argument(
            "--report", type=Path, default=BUILD / "report", help=_("where the report goes")
        )
    doctor = commands.add_parser("doctor", help=_("what this machine lacks, and what to type"))
    doctor.set_defaults(run=_doctor)
    quiz = commands.add_parser("quiz", help=_("control questions, with explanations"))
    quiz.add_argument("lab", nargs="?", help=_("2, 02 or 02-threaded-echo"))
    quiz.add_argument(
        "--again", action="store_true", help=_("also repeat questions answered correctly")
    )
    quiz.add_argument("--docs", type=Path, help=argparse.SUPPRESS)  # for the self-tests
    quiz.add_argument("--progress", type=Path, help=argparse.SUPPRESS)
    quiz.set_defaults(run=_quiz)
    return parser


def _doctor(_options: argparse.Namespace) -> int:
    from labkit import doctor

    return doctor.main()


def _quiz(options: argparse.Namespace) -> int:
    from labkit import quiz

    _prepare()
    return quiz.main(options)


# -- check -------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    lab = catalog.find(options.lab)
    if not options.work.is_dir():
        return _complain(_("there is no directory {dir}").format(dir=options.work), 2)
    numbers = [step.number for step in lab.steps]
    if options.step is not None and options.step not in numbers:
        return _complain(
            _("lab {lab} has no step {n}; its steps are {first} to {last}").format(
                lab=lab.number, n=options.step, first=numbers[0], last=numbers[-1]
            ),
            2,
        )
    _prepare()
    card = scorecard.Card(quiet=options.quiet, brief=not options.all)
    earlier = _earlier(lab, options)
    wanted = [step for step in lab.steps if options.step in (None, step.number)]
    try:
        if options.left_out is not None:
            sandbox.adopt(Decision(options.left_out))
        sandbox.decide()
        card.begin(lab, options.work)
        result = _graded(lab, options, card, earlier)
    except (Trouble, OSError) as trouble:
        with suppress(Trouble):
            results.write(_all_wrong(lab, wanted, trouble, earlier), options.report)
        raise
    results.write(result, options.report)
    card.end(result, options.report)
    return result.exit_status


def _earlier(lab: Lab, options: argparse.Namespace) -> LabResult | None:
    """The earlier result of which some steps are to be run again, if the options say so; else it is removed."""
    if options.again:
        return results.put_aside(lab, options.report)
    results.forget(lab, options.report)
    return None


def _all_wrong(
    lab: Lab, steps: Sequence[Step], trouble: Exception, earlier: LabResult | None = None
) -> LabResult:
    """The result where nothing could be graded: an error in every step that was to be run."""
    words = _machine_failed(trouble)
    due = _due(steps, earlier)
    wrong = [StepResult(s, Verdict.ERROR, None, words) for s in steps if s.number in due]
    return LabResult(lab, wrong, sources=earlier.sources if earlier else "").merged(earlier)


def _due(steps: Sequence[Step], earlier: LabResult | None) -> set[int]:
    """The numbers of the steps to be run: of an earlier result, what ended in an error or is not there."""
    there = {result.step.number for result in earlier.steps} if earlier else set()
    again = set(earlier.again) if earlier else set()
    return {step.number for step in steps if step.number in again or step.number not in there}


def _machine_failed(trouble: Exception) -> str:
    return _("the harness or the machine failed: {why}").format(why=trouble)


def _graded(
    lab: Lab, options: argparse.Namespace, card: scorecard.Card, earlier: LabResult | None
) -> LabResult:
    """Run a lab's checks in pytest, in this process; of an earlier run's only those that are due."""
    began = time.monotonic()
    wanted = [step for step in lab.steps if options.step in (None, step.number)]
    grader = Grader(
        lab,
        options.work.resolve(),
        Pace(),
        seed=random.SystemRandom().randrange(1, 1 << 20) if options.seed is None else options.seed,
        checks=frozenset(options.check or ()),
        stop=not options.all,
        report=options.report,
        told=card.tell,
    )
    try:
        if earlier and earlier.sources != grader.digest():
            card.note(_("the sources are not those of the earlier run: all steps are run"))
            earlier = None
        grader.take_up(_due(wanted, earlier), earlier)
        if grader.only:
            grader.pace = calibrate.measure()
            _publish(grader, lab, options)
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
    words += ["-c", os.devnull, "--rootdir", str(ROOT), "--noconftest"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    return int(pytest.main(words, plugins=[grader]))


def _publish(grader: Grader, lab: Lab, options: argparse.Namespace) -> None:
    """Leave the built programs in build/bin/LAB, where the by-hand commands expect them."""
    if options.quiet:
        return
    home = BUILD / "bin" / lab.name
    for program in lab.programs:
        try:
            built = grader.builder.build(program)
        except Fault:
            continue
        home.mkdir(parents=True, exist_ok=True)
        results.replace_file(home / program, built.program.read_bytes(), 0o755)


def _prepare() -> None:
    """What the whole process needs: descriptors, and orphans of a program handed to us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < want:
        resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for place in (None, CACHE) if CACHE.is_dir() else (None,):
        scratch.sweep(place)


# -- grade -------------------------------------------------------------------------------------------


def _jobs() -> int:
    """Three labs for each two processors: half of the time a check waits for a deadline or a client."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def _grade(options: argparse.Namespace) -> int:
    if not options.work.is_dir():
        return _complain(_("there is no directory {dir}").format(dir=options.work), 2)
    labs = catalog.all_labs()
    earlier = {lab.number: _earlier(lab, options) for lab in labs}
    results.forget_all(options.report)
    try:
        sandbox.decide()
    except Trouble as trouble:
        for lab in labs:
            wrong = _all_wrong(lab, lab.steps, trouble, earlier[lab.number])
            results.write(wrong, options.report)
        raise
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        try:
            # The last labs take longest: were they begun last, one would go on alone.
            last_first = pool.map(
                lambda lab: _grade_one(lab, options, running, earlier[lab.number]), reversed(labs)
            )
            graded = list(last_first)[::-1]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for check in running:
                check.terminate()
            raise
    results.replace_file(options.report / "junit.xml", results.junit(graded))
    scorecard.show(graded, options.work, options.report)
    return max(result.exit_status for result in graded)


def _grade_one(
    lab: Lab,
    options: argparse.Namespace,
    running: list[subprocess.Popen[str]],
    earlier: LabResult | None,
) -> LabResult:
    """Grade a lab in a process of its own, which ends with us, and read back what it wrote.

    earlier: the result of which only some steps are run again.
    """
    path = options.report / lab.name / "results.json"
    command = ["/usr/bin/setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "labkit"]
    command += ["check", lab.name, "--all", "--quiet"]
    command += ["--work", str(options.work), "--report", str(options.report)]
    command += [f"{DECIDED}={sandbox.refusal()}"]
    command += ["--again", options.again] if options.again else []
    check = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    running.append(check)
    _none, said = check.communicate()
    if not path.exists():
        trouble = Trouble(f"{lab.name}: {said.strip() or program.Ended(check.returncode, None)}")
        # Killed by a person or by the kernel: the other labs can go on.
        if check.returncode != -signal.SIGKILL:
            raise trouble
        results.write(_all_wrong(lab, lab.steps, trouble, earlier), options.report)
    result = results.from_json(lab, json.loads(path.read_text(encoding="utf-8")))
    scorecard.graded(result)
    return result
