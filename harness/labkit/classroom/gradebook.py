"""The gradebook: points of every student and lab as CSV and JSON, and as Moodle and Canvas import them.

Moodle: grade/import/csv of its source maps any column by its heading; a student is found by e-mail or ID number.
Canvas: lib/gradebook_importer.rb of its source demands Student, ID and Section, knows SIS User ID and SIS Login ID
between them, and reads a second line of "Points Possible"; no line may lack a name.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.classroom.intake import Student
from labkit.classroom.ledger import Job, Ledger
from labkit.ground.catalog import BUILD, Lab, Step
from labkit.ground.words import _

GRADED, ABSENT, REFUSED, ERROR = "graded", "not-handed-in", "refused", "error"
TOTAL = "total"


@dataclass(frozen=True)
class Mark:
    """A step's. cause: its name in the table of causes, empty where there is none. output: the failure block."""

    step: Step
    score: int
    verdict: str
    cause: str
    output: str


@dataclass
class Grade:
    """A student's lab. state: one of the words above. why: a sentence where it is refused, an error or in doubt.

    doubt: it was graded, but a later attempt could not be read, which may hold it as well.
    """

    lab: Lab
    state: str
    late: bool = False
    why: str = ""
    marks: list[Mark] = field(default_factory=list)
    doubt: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody has to decide before its points may be published."""
        return self.doubt or self.state in (ERROR, REFUSED)

    @property
    def score(self) -> int:
        """The points; none where it was not graded."""
        return sum(mark.score for mark in self.marks) if self.state == GRADED else 0

    @property
    def cell(self) -> int | str:
        """The points for a table; nothing where it was not graded, which is not the same as none."""
        return self.score if self.state == GRADED else ""


@dataclass
class Row:
    """A student with all grades, in the order of the labs."""

    student: Student
    grades: list[Grade]

    @property
    def total(self) -> int:
        """The sum of the points."""
        return sum(grade.score for grade in self.grades)

    @property
    def is_final(self) -> bool:
        """Whether no lab is open: the total may be published."""
        return not self.open

    @property
    def open(self) -> list[Grade]:
        """The labs that the total still lacks: they ended in an error, were not taken, or are in doubt."""
        return [grade for grade in self.grades if grade.is_open]


def rows(
    students: Iterable[Student], labs: Sequence[Lab], ledger: Ledger, step: int | None = None
) -> list[Row]:
    """A row for each student, of what is in the ledger. step: only this one of each lab was graded."""
    return [
        Row(student, [_grade(student, lab, ledger, step) for lab in labs]) for student in students
    ]


def _grade(student: Student, lab: Lab, ledger: Ledger, step: int | None) -> Grade:
    taken = student.labs.get(lab.name)
    if not taken:
        return Grade(lab, ABSENT)
    if taken.refused:
        return Grade(lab, REFUSED, taken.late, taken.refused)
    job = Job(student.home, lab, taken.digest, step)
    results = ledger.results(job)
    work = ledger.work(student.home)
    marks = [_mark(lab, test, work) for test in results["tests"]] if results else []
    failed = ledger.failed(job)
    doubt = _("a later attempt could not be read: {why}").format(why=taken.doubt)
    why = failed or (doubt if taken.doubt else "")
    return Grade(lab, ERROR if failed else GRADED, taken.late, why, marks, bool(taken.doubt))


def _mark(lab: Lab, test: dict[str, Any], work: Path) -> Mark:
    more = test["extra_data"]
    step = lab.step(int(test["number"]))
    block = as_at_home(test["output"], work)
    return Mark(step, int(test["score"]), more["verdict"], more["cause"] or "", block)


def as_at_home(block: str, work: Path) -> str:
    """A failure block with the commands that the student types, whose files lie in labs/.

    work: where they lay when they were graded.
    """
    whole = work.absolute()
    inside = whole.relative_to(BUILD.parent) if whole.is_relative_to(BUILD.parent) else whole
    for place in {str(whole), str(inside)}:
        block = block.replace(f" WORK={shlex.quote(place)}", "").replace(f"{place}/", "labs/")
    return block


def grades_csv(book: Sequence[Row], labs: Sequence[Lab]) -> str:
    """A line a student, a column a lab: empty where it was not graded; the total only where it is final."""
    heading = ["student", "id", "name", "email", "section", *(lab.name for lab in labs)]
    lines: list[list[object]] = [[*heading, TOTAL, "late", "errors", "notes"]]
    for row in book:
        who = row.student.person
        points = [grade.cell for grade in row.grades]
        late = " ".join(grade.lab.number for grade in row.grades if grade.late)
        open_ = " ".join(grade.lab.number for grade in row.open)
        total = row.total if row.is_final else ""
        notes = "; ".join(row.student.notes)
        named = [row.student.home, who.id, who.name, who.email, who.section]
        lines.append([*named, *points, total, late, open_, notes])
    return _csv(lines)


def steps_csv(book: Sequence[Row]) -> str:
    """A line for each step of each graded lab of each student."""
    lines: list[list[object]] = [
        ["student", "lab", "step", "title", "points", "of", "verdict", "cause"]
    ]
    for row in book:
        for grade in row.grades:
            for mark in grade.marks:
                step = mark.step
                named = [row.student.home, grade.lab.name, step.number, step.title]
                lines.append([*named, mark.score, step.points, mark.verdict, mark.cause])
    return _csv(lines)


def moodle_csv(book: Sequence[Row], labs: Sequence[Lab]) -> str:
    """For Moodle's import: of the students with a final total, by ID number and e-mail."""
    lines: list[list[object]] = [["ID number", "Email address", *(lab.name for lab in labs)]]
    for row in book:
        if row.is_final and (row.student.person.id or row.student.person.email):
            who = row.student.person
            lines.append([who.id, who.email, *(grade.cell for grade in row.grades)])
    return _csv(lines)


def canvas_csv(book: Sequence[Row], labs: Sequence[Lab]) -> str:
    """For Canvas's import: of the students with a final total and a name."""
    heading = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    lines: list[list[object]] = [[*heading, *(lab.name for lab in labs)]]
    most = [sum(step.points for step in lab.steps) for lab in labs]
    lines.append(["    Points Possible", "", "", "", "", *most])
    for row in book:
        who = row.student.person
        if row.is_final and who.name:
            login = who.email.partition("@")[0]
            named = [who.name, "", who.id, login, who.section]
            lines.append([*named, *(grade.cell for grade in row.grades)])
    return _csv(lines)


def _csv(lines: Iterable[Iterable[object]]) -> str:
    """Cells in CSV; a stranger's text that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for line in lines:
        writer.writerow(
            f"'{c}" if isinstance(c, str) and c[:1] in set("=+-@\t\r") else c for c in line
        )
    return text.getvalue()


def as_json(book: Sequence[Row]) -> str:
    """All of it, but the failure blocks."""
    table = [
        {
            "student": row.student.home,
            "known": row.student.known,
            **vars(row.student.person),
            TOTAL: row.total if row.is_final else None,
            "final": row.is_final,
            "open": [grade.lab.name for grade in row.open],
            "notes": row.student.notes,
            "labs": {grade.lab.name: _grade_json(grade) for grade in row.grades},
        }
        for row in book
    ]
    return json.dumps({"students": table}, ensure_ascii=False, indent=1)


def _grade_json(grade: Grade) -> dict[str, Any]:
    steps = [
        {
            "step": mark.step.number,
            "score": mark.score,
            "of": mark.step.points,
            "verdict": mark.verdict,
            "cause": mark.cause or None,
        }
        for mark in grade.marks
    ]
    kept = {"state": grade.state, "score": grade.score, "late": grade.late, "why": grade.why}
    return {**kept, "steps": steps}


def feedback(row: Row) -> str:
    """What a student gets back: the scorecard as text, with the block of each failure."""
    lines = [row.student.person.name or row.student.home, ""]
    for grade in row.grades:
        lines.append(_("lab {n}: {title}").format(n=grade.lab.number, title=grade.lab.heading))
        if grade.late:
            lines.append(_("handed in late"))
        lines += _of_lab(grade)
        lines.append("")
    lines += row.student.notes
    if row.is_final:
        most = sum(step.points for grade in row.grades for step in grade.lab.steps)
        lines.append(_("{score} of {max} points").format(score=row.total, max=most))
    else:
        lines.append(missing(row))
    return "\n".join(lines) + "\n"


def missing(row: Row) -> str:
    """The sentence that stands in place of a total that is not final."""
    numbers = ", ".join(grade.lab.number for grade in row.open)
    return _("no total yet, it lacks {labs}").format(labs=numbers)


def _of_lab(grade: Grade) -> list[str]:
    if grade.state == ABSENT:
        return [_("not handed in")]
    if grade.state == REFUSED:
        return [_("the submission was not taken: {why}").format(why=grade.why)]
    if grade.state == ERROR:
        return [_("not graded yet: the grading machine failed, not your program")]
    lines = [grade.why] if grade.doubt else []
    for mark in grade.marks:
        words = _("step {n}  {title}  {score}/{points}")
        step = mark.step
        lines.append(
            words.format(n=step.number, title=step.heading, score=mark.score, points=step.points)
        )
        lines += [f"  {line}" for line in mark.output.splitlines()]
    return lines
