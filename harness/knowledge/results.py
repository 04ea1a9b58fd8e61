"""What was measured on one release: written to results/, read again, and judged cell by cell."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.rows import BROKEN, HERE, KEPT, RIGHT, TWINS, Row, rows
from knowledge.running import Way, run
from knowledge.ways import WAYS
from labkit.ground.faults import Trouble

DIRECTORY = HERE / "results"
RUNS = 3
# Under these words a run is kept that did not come to its end; all others are kinds of reports.
_ENDINGS = re.compile(r"hangs|fails|SIG\w+|status \d+")
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")

Twin = dict[str, int]  # in how many of the "runs" each word was met


@dataclass(frozen=True)
class Measured:
    """A release and what was seen there. ways: way -> row -> twin -> how often what."""

    release: str
    versions: dict[str, str]
    ways: dict[str, dict[str, dict[str, Twin]]]


@dataclass(frozen=True)
class Cell:
    """A row under a way. state: known, unknown, false, or ends; words: which reports, or how it ends."""

    state: str
    words: str = ""

    def __str__(self) -> str:
        return (
            f"{self.state}: {self.words}"
            if self.words and self.state != "ends"
            else (self.words or self.state)
        )


# -- measuring -----------------------------------------------------------------------------------------


def measure(name: str, which: Sequence[Row], runs: int) -> Measured:
    """Run these rows under the way of this name, each so many times."""
    try:
        return Measured(release(), versions(), {name: _measure(WAYS[name](), which, runs)})
    except Trouble as trouble:
        raise Trouble(f"{name}: {trouble}") from trouble


def _measure(way: Way, which: Sequence[Row], runs: int) -> dict[str, dict[str, Twin]]:
    """One way: row -> twin -> how often what."""
    found: dict[str, dict[str, Twin]] = {row.name: {} for row in which}
    alone = set[str]()
    raced = {row.name for row in which if TWINS[BROKEN] in _expected(row, way.name)}
    for twin in TWINS:
        names = [row.name for row in which if twin in row.twins]
        seen: dict[str, Counter[str]] = {name: Counter() for name in names}
        for seed in range(1, runs + 1):
            # What has hung once would only hang again.
            going = [name for name in names if not seen[name]["hangs"]]
            outcomes = run(way, twin, going, seed, alone)
            # Among others a race can go unseen that is seen where a row is alone.
            quiet = [name for name in outcomes if name in raced and not outcomes[name].reports]
            if twin == BROKEN and quiet:
                outcomes |= run(way, twin, quiet, seed, set(quiet))
            for name, outcome in outcomes.items():
                seen[name].update(["runs", *outcome.reports, *filter(None, [outcome.ended])])
        for name in names:
            found[name][TWINS[twin]] = dict(sorted(seen[name].items()))
    return found


def release() -> str:
    """This system by name and version, `debian-12`."""
    told = platform.freedesktop_os_release()
    return f"{told['ID']}-{told.get('VERSION_ID', 'unstable').split('.')[0]}"


def versions() -> dict[str, str]:
    """The tools' and the system's versions, by name."""
    found = {"kernel": ".".join(os.uname().release.split("-")[0].split(".")[:2])}
    found["glibc"] = os.confstr("CS_GNU_LIBC_VERSION") or "?"
    for tool in ("gcc", "clang", "valgrind"):
        try:
            said = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
        except OSError:
            continue
        numbers = _VERSION.findall(said.splitlines()[0])
        found[tool] = numbers[-1] if numbers else "?"
    found["glibc"] = found["glibc"].removeprefix("glibc ")
    return found


# -- files ---------------------------------------------------------------------------------------------


def path_of(name: str) -> Path:
    return DIRECTORY / f"{name}.json"


def write(measured: Measured) -> Path:
    """Keep what was measured, with what is kept there of other ways and rows that still exist."""
    path = path_of(measured.release)
    kept = read(path).ways if path.exists() else {}
    ordered = {}
    for way in WAYS:
        seen = {**kept.get(way, {}), **measured.ways.get(way, {})}
        if seen:
            ordered[way] = {row.name: seen[row.name] for row in rows() if row.name in seen}
    document = {"release": measured.release, "versions": measured.versions, "ways": ordered}
    path.parent.mkdir(exist_ok=True)
    path.write_text(_text(document), encoding="utf-8")
    return path


def _text(document: dict[str, Any]) -> str:
    """JSON with a line for each row, so that a change is seen as what it is."""
    lines = ["{", f' "release": {json.dumps(document["release"])},']
    lines += [f' "versions": {json.dumps(document["versions"])},', ' "ways": {']
    for w, (way, seen) in enumerate(document["ways"].items(), 1):
        lines.append(f"  {json.dumps(way)}: {{")
        kept = [f"   {json.dumps(row)}: {json.dumps(twins)}" for row, twins in seen.items()]
        lines += [",\n".join(kept), "  }," if w < len(document["ways"]) else "  }"]
    return "\n".join([*lines, " }", "}", ""])


def read(path: Path) -> Measured:
    """What was measured, from its file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Measured(document["release"], document["versions"], document["ways"])


def all_measured() -> list[Measured]:
    """All releases that were measured, oldest first."""
    return [read(path) for path in sorted(DIRECTORY.glob("*.json"))]


# -- judging -------------------------------------------------------------------------------------------


def judge(row: Row, way: str, measured: Measured) -> Cell | None:
    """What a tool knows of a row; None where that was not measured."""
    seen = measured.ways.get(way, {}).get(row.name)
    if not seen:
        return None
    right = seen[TWINS[RIGHT]]
    if endings := [word for word in right if _ENDINGS.fullmatch(word)]:
        always = sum(right[word] for word in endings) == right["runs"]
        return Cell("ends", ", ".join(endings if always else [_often(w, right) for w in endings]))
    if reports := [word for word in right if word != "runs"]:
        return Cell("false", ", ".join(_often(word, right) for word in reports))
    times = {twin: _times(seen[twin]) for twin in _expected(row, way)}
    if unseen := [twin for twin, n in times.items() if not n]:
        return Cell("unknown", ", ".join(unseen))
    # Two accesses at the very same moment can escape a tool.
    rare = [f"{t} {n} of {seen[t]['runs']}" for t, n in times.items() if n < seen[t]["runs"]]
    return Cell("known", ", ".join(rare))


def _expected(row: Row, way: str) -> list[str]:
    """The twins that a way must report: races are ThreadSanitizer's, locks that are kept are valgrind's."""
    kept = [TWINS[KEPT]] if row.has_kept and "tsan" not in way else []
    return kept if way == "helgrind here" else [TWINS[BROKEN], *kept]


def _times(twin: Twin) -> int:
    """In how many runs of a broken program there was a report."""
    return max((n for word, n in twin.items() if word != "runs"), default=0)


def _often(word: str, twin: Twin) -> str:
    """A word, with how often it was met where that is not always."""
    return word if twin[word] == twin["runs"] else f"{word} ({twin[word]} of {twin['runs']})"
