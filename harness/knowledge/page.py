"""Writes the table into docs/what-tools-know.md, between two marks; the words around it are by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from knowledge.results import Cell, Measured, all_measured, judge
from knowledge.rows import FAMILIES, Row, rows
from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble

PAGE = ROOT / "docs" / "what-tools-know.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

# A tool's column: the heading, with the version's name, and its ways; the second where it differs.
_COLUMNS = (
    ("TSan of gcc {gcc}", "gcc-tsan", "gcc-tsan io_sync=0"),
    ("TSan of clang {clang}", "clang-tsan", "clang-tsan io_sync=0"),
    ("Helgrind {valgrind}", "helgrind", None),
    ("DRD {valgrind}", "drd", None),
)
_HERE = {"tsan here": "ThreadSanitizer", "helgrind here": "Helgrind"}
STATES = ("known", "unknown", "false", "ends")


def table(measured: Sequence[Measured]) -> str:
    """The whole generated part."""
    parts = [_versions(measured), _counts(measured)]
    for family, title in FAMILIES.items():
        members = [row for row in rows() if row.family == family]
        if members:
            parts.append(f"### {title}\n\n{_family(members, measured)}")
    return "\n\n".join(parts)


def written(measured: Sequence[Measured], page: str) -> str:
    """The page with a new table in it. Trouble where the marks are not there."""
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise Trouble(f"{PAGE.name} does not hold {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(measured)}\n\n{END}{after}"


def write() -> Path:
    """Write the page anew from what is in results/."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(all_measured(), page), encoding="utf-8")
    return PAGE


def _title(measured: Measured) -> str:
    return measured.release.replace("debian-", "Debian ")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _versions(measured: Sequence[Measured]) -> str:
    """Which versions were measured."""
    names = list(measured[0].versions)
    lines = [_line(["", *names]), _line(["---"] * (len(names) + 1))]
    for one in measured:
        lines.append(_line([_title(one), *(one.versions.get(name, "–") for name in names)]))
    return "\n".join(lines)


def _ways(measured: Sequence[Measured]) -> list[tuple[str, str, Measured]]:
    """Every way of every release, with its heading."""
    found = []
    for heading, first, second in _COLUMNS:
        for one in measured:
            title = heading.format(**one.versions)
            found.append((title, first, one))
            if second:
                found.append((f"{title}, `io_sync=0`", second, one))
    for way, tool in _HERE.items():
        found += [(f"{tool} in the checks, {_title(one)}", way, one) for one in measured]
    return found


def counts(way: str, measured: Measured) -> Counter[str]:
    """How many rows are in each state."""
    cells = (judge(row, way, measured) for row in rows())
    return Counter(cell.state for cell in cells if cell)


def _counts(measured: Sequence[Measured]) -> str:
    lines = [_line(["of " + str(len(rows())) + " rows", *STATES]), _line(["---"] * 5)]
    for title, way, one in _ways(measured):
        found = counts(way, one)
        if found:
            lines.append(_line([title, *(str(found[state]) for state in STATES)]))
    return "\n".join(lines)


def _family(members: Sequence[Row], measured: Sequence[Measured]) -> str:
    """The table of a family: a line a row, a column for each tool in each version."""
    columns = [
        (heading.format(**one.versions), first, second, one)
        for heading, first, second in _COLUMNS
        for one in measured
    ]
    headings = [
        "call",
        *(column[0] for column in columns),
        *(f"checks, {_title(m)}" for m in measured),
    ]
    lines = [_line(headings), _line(["---"] * len(headings))]
    for row in members:
        cells = [_tool(row, first, second, one) for _heading, first, second, one in columns]
        cells += [_checks(row, one) for one in measured]
        lines.append(_line([_call(row), *cells]))
    return "\n".join(lines)


def _call(row: Row) -> str:
    place = f"../harness/knowledge/rows/{row.source.name}"
    return f"[`{row.calls}`]({place}): {row.what}"


def _tool(row: Row, first: str, second: str | None, measured: Measured) -> str:
    """What a tool makes of a row, and what changes without its knowledge of descriptors."""
    bare = judge(row, first, measured)
    strict = judge(row, second, measured) if second else bare
    if bare == strict or strict is None:
        return str(bare or "–")
    return f"{bare}; with `io_sync=0` {strict}"


def _checks(row: Row, measured: Measured) -> str:
    """What the checks make of a row: right, or which of both tools is not."""
    cells = [judge(row, way, measured) for way in _HERE]
    wrong = [
        f"{tool} {cell}" for tool, cell in zip(_HERE.values(), cells) if cell and not _fine(cell)
    ]
    return "; ".join(wrong) or ("right" if all(cells) else "–")


def _fine(cell: Cell) -> bool:
    return cell.state == "known"
