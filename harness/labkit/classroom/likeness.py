"""Compares the programs of a class, lab by lab: a list of pairs, and a page with their lines side by side.

What it finds is a reason to look, and nothing else: no grade knows of it.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from labkit.classroom import asked, fingerprints, intake, similar
from labkit.classroom.asked import Asked
from labkit.classroom.fingerprints import File, Program, TooLarge
from labkit.classroom.page import document
from labkit.classroom.similar import Pair
from labkit.ground.catalog import BUILD, COMMON, LABS, ROOT, SOLUTIONS, Lab
from labkit.ground.files import replace_file
from labkit.ground.words import _

MOST_TOLD = 10  # pairs of a lab on the terminal
MOST_SHOWN, MOST_PASSAGES = 50, 12  # pairs of a lab on the page; passages of a pair there
MOST_LINES, MOST_COLUMNS = 120, 200  # of a passage
EXPERIMENTS = ROOT / "docs" / "experiments"
STYLE = """
body { font: 15px/1.45 sans-serif; margin: 2em auto; max-width: 110em; padding: 0 1em; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; }
th, td { border-bottom: 1px solid #ccc; padding: .2em .7em; text-align: left; vertical-align: top; }
pre { margin: 0; overflow-x: auto; tab-size: 4; }
"""


@dataclass(frozen=True)
class Order(Asked):
    """against: directories of others' programs, as of submissions. given: more code that students were given."""

    against: Path | None
    given: Path | None


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    asked.add_arguments(command, BUILD / "similar")
    words = _("directory of others' programs, such as clones of public repositories")
    command.add_argument("--against", type=Path, metavar="DIR", help=words)
    words = _("directory of more code that students were given: it does not count")
    command.add_argument("--given", type=Path, metavar="DIR", help=words)


def order(options: argparse.Namespace) -> Order:
    """The arguments, understood; raises asked.WrongOrder."""
    for directory in (options.against, options.given):
        if directory:
            asked.must_be_there(directory)
    whole = vars(asked.understood(options))
    return Order(**whole, against=options.against, given=options.given)


def compare(order: Order) -> int:
    """Compare a class, write the list and the page, and tell the pairs that share most; returns 0."""
    found: list[tuple[Lab, list[Pair]]] = []
    for lab in order.labs:
        given = fingerprints.given(path.read_bytes() for path in _given(lab, order.given))
        own, left = _programs(order, lab, given)
        others = [_reference(lab, given)]
        if order.against:
            theirs = replace(order, submissions=order.against, people=(), deadline=None)
            others += _programs(theirs, lab, given)[0]
        found.append((lab, similar.pairs(own, others)))
        if own:
            _tell(lab, len(own), found[-1][1], left)
    order.into.mkdir(parents=True, exist_ok=True)
    for name, text in (("similar.csv", table(found)), ("index.html", page(found))):
        replace_file(order.into / name, text.encode("utf-8", "backslashreplace"))
    print(
        _("This is a reason to look, and no proof: {file}").format(file=order.into / "index.html")
    )
    return 0


def _given(lab: Lab, more: Path | None) -> list[Path]:
    """The C files that students were given until this lab."""
    homes = [COMMON, EXPERIMENTS, *(home for home in LABS.glob("[0-9]*") if home.name <= lab.name)]
    return [
        path
        for home in (*homes, *([more] if more else []))
        for path in sorted(home.rglob("*.[ch]"))
        if path.is_file() and not path.is_symlink()
    ]


def _reference(lab: Lab, given: set[bytes]) -> Program:
    sources = {path.name: path.read_bytes() for path in (SOLUTIONS / lab.name).glob("*.[ch]")}
    return fingerprints.program(_("the reference"), sources, given)


def _programs(order: Asked, lab: Lab, given: set[bytes]) -> tuple[list[Program], list[str]]:
    """The programs of a class, as they would be graded; sentences on what was left out."""
    programs, left = [], []
    for student in intake.students(order.submissions, order.people):
        intake.take(student, [lab], order.deadline, order.alone)
        taken = student.labs.get(lab.name, intake.Taken())
        why = taken.refused
        sources = {"/".join(parts): data for parts, data in taken.files.items()}
        try:
            programs += [fingerprints.program(student.home, sources, given)] if sources else []
        except TooLarge as large:
            why = str(large)
        left += [f"{student.home}: {why}"] if why else []
    return programs, left


# -- what is said ----------------------------------------------------------------------------------------


def _tell(lab: Lab, count: int, pairs: Sequence[Pair], left: Sequence[str]) -> None:
    words = _("{lab}: {n} programs compared; pairs to look at: {pairs}")
    print(words.format(lab=lab.name, n=count, pairs=len(pairs)))
    for pair in pairs[:MOST_TOLD]:
        print(f"  {_shares(pair)}")
    for sentence in left:
        print("  " + _("not compared: {what}").format(what=sentence))


def _shares(pair: Pair) -> str:
    """Both, and how much of each is in the other one."""
    first, second = f"{pair.of_first:.0%}", f"{pair.of_second:.0%}"
    return f"{pair.first.name} {first} — {pair.second.name} {second}"


def table(found: Sequence[tuple[Lab, Sequence[Pair]]]) -> str:
    """All pairs as CSV: a share is the part of that program's own fingerprints, 0 to 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["lab", "first", "second", "share_of_first", "share_of_second"])
    for lab, pairs in found:
        for pair in pairs:
            shares = f"{pair.of_first:.2f}", f"{pair.of_second:.2f}"
            writer.writerow([lab.name, pair.first.name, pair.second.name, *shares])
    return text.getvalue()


def page(found: Sequence[tuple[Lab, Sequence[Pair]]]) -> str:
    """One HTML file that needs no network."""
    title = _("Similar programs")
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_advice())}</p>"]
    for lab, pairs in found:
        body.append(f"<h2>{escape(lab.name)}</h2>")
        body += [_rows(pair) for pair in pairs[:MOST_SHOWN]]
        if len(pairs) > MOST_SHOWN:
            words = _("{n} more pairs stand in similar.csv").format(n=len(pairs) - MOST_SHOWN)
            body.append(f"<p>{escape(words)}</p>")
    return document(title, body, STYLE)


def _advice() -> str:
    return _(
        "A share is the part of a student's own text that the other program has as well, whatever its names, order"
        " and comments are; code that all students were given is left out. It is a reason to look and talk, and no"
        " proof: two students may have the same source, or have been taught the same way. No points depend on it."
    )


def _rows(pair: Pair) -> str:
    """A pair's passages, side by side."""
    passages = similar.passages(pair)[:MOST_PASSAGES]
    rows = [
        f"<tr><td>{_lines(p.first, p.first_lines)}</td><td>{_lines(p.second, p.second_lines)}</td></tr>"
        for p in passages
    ]
    return f"<h3>{escape(_shares(pair))}</h3>\n<table>\n" + "\n".join(rows) + "\n</table>"


def _lines(file: File, lines: tuple[int, int]) -> str:
    """Lines of a file, cut where they are too many or too long."""
    first, last = lines
    text = file.lines[first - 1 : min(last, first - 1 + MOST_LINES)]
    shown = "\n".join(_plain(line[:MOST_COLUMNS]) for line in text)
    return f"{escape(file.name)}:{first}–{last}<pre>{escape(shown)}</pre>"


def _plain(line: str) -> str:
    """A stranger's line without characters that steer what shows it."""
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
