"""`make knowledge`: measures every row under every tool that is here, and writes the page.

    python -m knowledge                      measure all, write results/ and the page
    python -m knowledge --way 'tsan here'    only these ways
    python -m knowledge --row ROW            only this row
    python -m knowledge --try ROW...         run rows as the checks do, and say what is reported
    python -m knowledge --page               only write the page from results/

Exit status: 0 done, 2 wrong arguments, 3 something is missing or went wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from knowledge import page, results
from knowledge.rows import TWINS, Row, rows
from knowledge.running import run
from knowledge.ways import WAYS
from labkit.ground.faults import Trouble

# Whatever else is measured here is a curiosity: the page has the releases that are ours.
_COMMITTED = ("debian-12", "debian-13")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="knowledge", description="What the tools know.")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only these ways")
    parser.add_argument("--row", action="append", metavar="ROW", help="only these rows")
    parser.add_argument("--runs", type=int, default=results.RUNS, metavar="N", help="of each row")
    parser.add_argument("--try", nargs="+", dest="tried", metavar="ROW", help="run these rows only")
    parser.add_argument("--page", action="store_true", help="only write the page from results/")
    return parser


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    try:
        if wanted.tried:
            return _try(_chosen(wanted.tried), wanted.way or ["tsan here", "helgrind here"])
        if not wanted.page:
            _measure(wanted.way or list(WAYS), _chosen(wanted.row), wanted.runs)
        if page.PAGE.exists():  # a copy of harness/ in another release's root has no docs/
            print(page.write())
    except Trouble as trouble:
        print(f"knowledge: {trouble}", file=sys.stderr)
        return 3
    return 0


def _chosen(names: Sequence[str] | None) -> list[Row]:
    """The rows of these names, all for None; Trouble where there is none of a name."""
    known = {row.name: row for row in rows()}
    for name in names or ():
        if name not in known:
            raise Trouble(f"there is no row {name}")
    return [row for row in known.values() if names is None or row.name in names]


def _measure(ways: Sequence[str], which: Sequence[Row], runs: int) -> None:
    """Measure and keep it, way by way: what was done is not lost where a later one fails."""
    if results.release() not in _COMMITTED:
        print(f"{results.release()} is none of {', '.join(_COMMITTED)}: do not commit its results")
    for way in ways:
        print(way, flush=True)
        results.write(results.measure(way, which, runs))


def _try(which: Sequence[Row], ways: Sequence[str]) -> int:
    """Say what is reported of single rows."""
    for way in ways:
        made = WAYS[way]()
        for twin, called in TWINS.items():
            names = [row.name for row in which if twin in row.twins]
            for name, outcome in run(made, twin, names).items():
                print(f"{way}: {name} {called}: {outcome.ended} {dict(outcome.reports)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
