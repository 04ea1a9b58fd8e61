"""From the command's arguments to the gradebook: take in, grade, write."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labkit.classroom import asked, gradebook, intake, page
from labkit.classroom.asked import Asked
from labkit.classroom.gradebook import Grade, Row
from labkit.classroom.intake import Student
from labkit.classroom.ledger import Job, Ledger
from labkit.classroom.marking import Marking
from labkit.ground.catalog import BUILD
from labkit.ground.files import replace_file
from labkit.ground.words import _


@dataclass(frozen=True)
class Order(Asked):
    """What is to be graded, and how: so many labs at a time, of each this step, None: all."""

    workers: int
    step: int | None


def add_arguments(command: argparse.ArgumentParser, jobs: int) -> None:
    """The command's arguments. jobs: the most labs graded at a time."""
    asked.add_arguments(command, BUILD / "class")
    command.add_argument("--jobs", type=int, default=jobs, help=_("labs at a time"))
    command.add_argument("--step", type=int, help=argparse.SUPPRESS)  # for the self-tests


def order(options: argparse.Namespace, most: int) -> Order:
    """The arguments, understood; raises WrongOrder. most: labs graded at a time, which no argument exceeds."""
    workers = max(1, min(options.jobs, most))
    return Order(**vars(asked.understood(options)), workers=workers, step=options.step)


def grade(order: Order) -> int:
    """Grade a class; returns 0 if each lab that was taken has a verdict, else 3.

    The gradebook is also written where the grading is interrupted: it then says what is left.
    """
    ledger = Ledger(order.into)
    with ledger.locked():
        students = intake.students(order.submissions, order.people)
        jobs = [job for student in students for job in _taken(student, order, ledger)]
        words = _("{students} students, {labs} labs to grade; the gradebook goes to {dir}")
        print(words.format(students=len(students), labs=len(jobs), dir=order.into), flush=True)
        try:
            Marking(ledger).grade(jobs, order.workers)
        finally:
            book = gradebook.rows(students, order.labs, ledger, order.step)
            _write(book, order)
    return _summary(book)


def _taken(student: Student, order: Order, ledger: Ledger) -> list[Job]:
    """Take a student's labs in, and write their sources where the grading finds them."""
    intake.take(student, order.labs, order.deadline, order.alone)
    jobs = []
    for lab in order.labs:
        taken = student.labs.get(lab.name)
        if taken and not taken.refused:
            job = Job(student.home, lab, taken.digest, order.step)
            if not ledger.is_done(job):
                intake.write(taken, ledger.work(student.home) / lab.name)
            jobs.append(job)
            taken.files = {}  # a class of them would fill the memory
    return jobs


def _write(book: Sequence[Row], order: Order) -> None:
    """Write the gradebook, each file in one rename."""
    labs = order.labs
    files = {
        "grades.csv": gradebook.grades_csv(book, labs),
        "steps.csv": gradebook.steps_csv(book),
        "moodle.csv": gradebook.moodle_csv(book, labs),
        "canvas.csv": gradebook.canvas_csv(book, labs),
        "grades.json": gradebook.as_json(book),
        "index.html": page.html(book, labs),
    }
    feedback = order.into / "feedback"
    shutil.rmtree(feedback, ignore_errors=True)
    for row in book:
        (feedback / row.student.home).mkdir(parents=True)
        files[f"feedback/{row.student.home}/feedback.txt"] = gradebook.feedback(row)
    for name, text in files.items():
        replace_file(order.into / name, text.encode("utf-8", "backslashreplace"))


def _summary(book: Sequence[Row]) -> int:
    """Say what a person has to look at; returns the exit status."""
    missing = [row.student.home for row in book if not row.student.attempts]
    unknown = [row.student.home for row in book if not row.student.known]
    refused = _named(book, lambda grade: grade.state == gradebook.REFUSED)
    doubtful = _named(book, lambda grade: grade.doubt)
    errors = _named(book, lambda grade: grade.state == gradebook.ERROR)
    for heading, names in (
        (_("handed in nothing: {names}"), missing),
        (_("not in the roster: {names}"), unknown),
        (_("not taken: {names}"), refused),
        (_("taken from an earlier attempt, for a later one cannot be read: {names}"), doubtful),
        (_("ended in an error, to be graded again by the same command: {names}"), errors),
    ):
        if names:
            print(heading.format(names=", ".join(names)))
    print(_("{n} students have a final total").format(n=sum(row.is_final for row in book)))
    return 3 if errors else 0


def _named(book: Sequence[Row], is_meant: Callable[[Grade], bool]) -> list[str]:
    """The students and labs whose grades are meant."""
    return [
        f"{row.student.home} {grade.lab.number}"
        for row in book
        for grade in row.grades
        if is_meant(grade)
    ]
