"""The instructor's page: one HTML file that needs no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from labkit.classroom.gradebook import ABSENT, GRADED, Row, missing
from labkit.ground.catalog import Lab
from labkit.ground.words import _, language

STYLE = """
body { font: 15px/1.45 sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border-bottom: 1px solid #ccc; padding: .2em .7em; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.open { background: #fde3e3; }
td.late { background: #fdf3d0; }
td.none { color: #777; }
.bar { background: #4a7ab5; display: inline-block; height: .8em; }
"""
BARS = 10  # of the distribution
MOST_CAUSES = 15
Cells = Iterable[tuple[str, str]]


def html(book: Sequence[Row], labs: Sequence[Lab]) -> str:
    """The whole page: what needs a decision, the points, their distribution, which steps and causes fail most."""
    title = _("The class")
    body = [f"<h1>{escape(title)}</h1>", *_to_decide(book), *_points(book, labs)]
    body += [*_distribution(book, labs), *_steps(book, labs), *_causes(book)]
    return document(title, body, STYLE)


def document(title: str, body: Iterable[str], style: str) -> str:
    """One HTML file that needs no network. body: its lines, in which everything is escaped. style: its CSS."""
    return (
        f'<!DOCTYPE html>\n<html lang="{language() or "en"}"><head><meta charset="utf-8">\n'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(headings: Sequence[str], lines: Iterable[Cells]) -> list[str]:
    """A table; a cell is its class and its text."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    found = ["<table>", f"<tr>{head}</tr>"]
    for line in lines:
        cells = (f'<td class="{kind}">{escape(text)}</td>' for kind, text in line)
        found.append(f"<tr>{''.join(cells)}</tr>")
    return [*found, "</table>"]


def _to_decide(book: Sequence[Row]) -> list[str]:
    """Errors, refusals, names without a submission, submissions without a name, notes."""
    found = []
    for row in book:
        who = row.student.home
        if not row.student.attempts:
            found.append(_("{student} handed in nothing").format(student=who))
        if not row.student.known:
            found.append(_("{student} is not in the roster").format(student=who))
        found += [f"{who}: {note}" for note in row.student.notes]
        for grade in row.open:
            if grade.why:
                found.append(f"{who}, {grade.lab.name}: {grade.why}")
    items = [f"<li>{escape(text)}</li>" for text in found]
    return [f"<h2>{escape(_('To decide'))}</h2><ul>", *items, "</ul>"] if items else []


def _points(book: Sequence[Row], labs: Sequence[Lab]) -> list[str]:
    lines = []
    for row in book:
        who = row.student.person
        cells = [("", row.student.home), ("", who.name), ("", who.section)]
        for grade in row.grades:
            open_ = "n open" if grade.is_open else "n"
            kind = "n none" if grade.state == ABSENT else "n late" if grade.late else open_
            cells.append((kind, str(grade.score) if grade.state == GRADED else _word(grade.state)))
        total = ("n", str(row.total)) if row.is_final else ("open", missing(row))
        lines.append([*cells, total])
    headings = [_("student"), _("name"), _("section"), *(lab.number for lab in labs), _("total")]
    return [f"<h2>{escape(_('Points'))}</h2>", *_table(headings, lines)]


def _word(state: str) -> str:
    return "—" if state == ABSENT else _("open")


def _distribution(book: Sequence[Row], labs: Sequence[Lab]) -> list[str]:
    """How many students have how many of the points, in ten parts; only of those whose total is final."""
    most = sum(step.points for lab in labs for step in lab.steps)
    final = [row for row in book if row.is_final]
    parts = Counter(min(BARS - 1, row.total * BARS // max(1, most)) for row in final)
    lines = []
    for part in range(BARS):
        count = parts[part]
        bar = f'<span class="bar" style="width: {count * 40 / max(1, len(final)):.1f}em"></span>'
        first, last = part * 100 // BARS, (part + 1) * 100 // BARS
        lines.append(f'<tr><td class="n">{first}–{last} %</td><td>{bar} {count}</td></tr>')
    words = _("Students without a total, who are not counted here: {n}")
    left = [f"<p>{escape(words.format(n=len(book) - len(final)))}</p>"] if final != book else []
    return [f"<h2>{escape(_('Distribution'))}</h2><table>", *lines, "</table>", *left]


def _steps(book: Sequence[Row], labs: Sequence[Lab]) -> list[str]:
    """How many of those who handed a lab in passed each of its steps."""
    lines = []
    for i, lab in enumerate(labs):
        graded = [row.grades[i] for row in book if row.grades[i].state == GRADED]
        for step in lab.steps:
            marks = [m for grade in graded for m in grade.marks if m.step.number == step.number]
            passed = sum(mark.verdict == "passed" for mark in marks)
            if marks:
                words = _("{n} of {all}").format(n=passed, all=len(marks))
                lines.append([("", lab.name), ("", f"{step.number} {step.heading}"), ("n", words)])
    headings = [_("lab"), _("step"), _("passed")]
    return [f"<h2>{escape(_('Steps'))}</h2>", *_table(headings, lines)] if lines else []


def _causes(book: Sequence[Row]) -> list[str]:
    """The causes that the most students have."""
    count: Counter[tuple[str, str]] = Counter()
    for row in book:
        count.update({(g.lab.name, m.cause) for g in row.grades for m in g.marks if m.cause})
    lines = [
        [("", lab), ("", cause), ("n", str(students))]
        for (lab, cause), students in count.most_common(MOST_CAUSES)
    ]
    headings = [_("lab"), _("cause"), _("students")]
    return [f"<h2>{escape(_('Causes'))}</h2>", *_table(headings, lines)] if lines else []
