"""The command line: `check` one lab, `grade` them all or a `class`, show what is `similar` in it, `doctor` the machine, a
`quiz`, make the `starters`;
`new` and `lint` are for who adds a lab.

Exit status: 0 graded and every step passed (of a class: every lab has a verdict; of the quiz: done, or left),
1 graded and something failed, 2 wrong arguments, 3 an error of ours or the machine's.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from labkit.box import sandbox
from labkit.box.decision import WrongOrder
from labkit.build.build import CACHE
from labkit.classroom import asked, evening, likeness
from labkit.grading import run
from labkit.ground import catalog, scratch
from labkit.ground.catalog import BUILD, LABS, NoSuchLab
from labkit.ground.faults import Trouble
from labkit.ground.words import N_, _

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
CLEANING_SECONDS = 3.0
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
        return _complain(run.machine_failed(error), 3)
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
    check.add_argument(run.DECIDED, metavar="WHY", help=argparse.SUPPRESS)
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
    whole = commands.add_parser("class", help=_("every student's labs: a gradebook"))
    evening.add_arguments(whole, _jobs())
    whole.set_defaults(run=_class)
    alike = commands.add_parser("similar", help=_("which students' programs are alike"))
    likeness.add_arguments(alike)
    alike.set_defaults(run=_similar)
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
    starters = commands.add_parser("starters", help=_("make what students begin with"))
    starters.add_argument(
        "--language", choices=["en", "ru"], default="en", help=_("of the comments")
    )
    starters.add_argument("--into", type=Path, help=_("directory for the lab directories"))
    starters.add_argument("--force", action="store_true", help=_("overwrite changed files, too"))
    starters.set_defaults(run=_starters)
    new = commands.add_parser("new", help=_("the skeleton of a new lab"))
    new.add_argument("name", help=_("its directory's name: 07-relay"))
    new.set_defaults(run=_new)
    lint = commands.add_parser("lint", help=_("what is missing in a lab, or unknown there"))
    lint.add_argument("lab", nargs="?", help=_("2, 02 or 02-threaded-echo"))
    lint.set_defaults(run=_lint)
    return parser


def _doctor(_options: argparse.Namespace) -> int:
    from labkit import doctor

    return doctor.main()


def _quiz(options: argparse.Namespace) -> int:
    from labkit.workbook import quiz

    _prepare()
    return quiz.main(options)


def _starters(options: argparse.Namespace) -> int:
    from labkit.build import starters

    into = options.into or starters.home(options.language)
    try:
        written = starters.make(options.language, into, options.force)
    except starters.Refused as why:
        return _complain(str(why), 2)
    for path in written:
        print(path)
    if not written:
        print(_("the starters in {dir} are up to date").format(dir=into))
    return 0


def _new(options: argparse.Namespace) -> int:
    from labkit.workbook import newlab

    try:
        written = newlab.make(options.name)
    except newlab.Refused as why:
        return _complain(str(why), 2)
    for path in written:
        print(path.relative_to(catalog.ROOT))
    words = _("Try it: {check}\nWhat is still to be written: {lint}")
    number = options.name[:2]
    print()
    print(
        words.format(
            check=f"harness/lab check {number} --work solutions", lint=f"harness/lab lint {number}"
        )
    )
    return 0


def _lint(options: argparse.Namespace) -> int:
    from labkit.workbook import lint

    found = lint.findings(options.lab)
    for finding in found:
        print(finding)
    return 1 if found else 0


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
    order = run.Order(
        options.work,
        options.report,
        options.step,
        tuple(options.check or ()),
        options.seed,
        stop=not options.all,
        quiet=options.quiet,
        again=options.again,
        left_out=options.left_out,
    )
    return run.check(lab, order).exit_status


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
    order = run.Order(options.work, options.report, again=options.again)
    return max(result.exit_status for result in run.grade(order, options.jobs))


# -- class -------------------------------------------------------------------------------------------


def _class(options: argparse.Namespace) -> int:
    """Strangers' programs run in the sandbox, or not at all."""
    try:
        order = evening.order(options, _jobs())
    except asked.WrongOrder as why:
        return _complain(str(why), 2)
    _prepare()
    decided = sandbox.decide()
    if not decided.sandboxed:
        words = _("a class is graded in the sandbox only, and there is none: {why}")
        return _complain(words.format(why=decided.left_out), 3)
    return evening.grade(order)


def _similar(options: argparse.Namespace) -> int:
    """No program runs here."""
    try:
        order = likeness.order(options)
    except asked.WrongOrder as why:
        return _complain(str(why), 2)
    return likeness.compare(order)
