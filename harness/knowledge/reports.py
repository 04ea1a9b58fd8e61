"""What the tools reported, by row: each report names the file of the row that it is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from labkit.ground.faults import Trouble
from labkit.reports import helgrind, tsan
from labkit.reports.findings import Finding, is_verdict

# The reports of a run: row (or empty, where none is named) -> kind -> how many.
Reports = Mapping[str, Counter[str]]
Reader = Callable[[str, Iterable[str]], Reports]

_TSAN = re.compile(
    r"(?:WARNING|ERROR): ThreadSanitizer: ([^\n]+?)(?: \(pid=\d+\))?\n(.*?)^SUMMARY", re.S | re.M
)
_TSAN_FILE = re.compile(r"/(\w+)\.c:\d+")
_BLOCK = re.compile(r"<(error|announcethread)>(.*?)</\1>", re.S)
_FILE = re.compile(r"<file>(\w+)\.c</file>")
_KIND = re.compile(r"<kind>(\w+)</kind>")
_THREAD = re.compile(r"<hthreadid>(\d+)</hthreadid>")

# Words in a report's title, or its kind: what it says, in a few letters for a cell of the table.
_SHORT = {
    "data race": "race",
    "heap-use-after-free": "use after free",
    "unlock of an unlocked": "unlock",
    "read unlock": "unlock",
    "double lock": "lock twice",
    "read lock of a write": "lock twice",
    "invalid mutex": "invalid lock",
    "destroy of a locked": "destroy",
    "thread leak": "leak",
    "lock-order": "order",
    "signal-unsafe": "unsafe in handler",
    "spoils errno": "errno in handler",
    "Race": "race",
    "ConflictingAccess": "race",
    "UnlockUnlocked": "unlock",
    "UnlockForeign": "unlock",
    "UnlockBogus": "unlock",
    "LockOrder": "order",
    "PthAPIerror": "failed call",
    "still holds": "kept",
    "still locked": "kept",
    "re-lock": "lock twice",
    "Bug in libpthread": "bug in the library",
    "dubious": "dubious",
    "destruction of": "destroy",
    "destroy": "destroy",
    "MutexErr": "mutex",
    "CondErr": "condition",
    "CondRaceErr": "condition",
    "CondDestrErr": "destroy",
    "SemaphoreErr": "semaphore",
    "BarrierErr": "barrier",
    "RwlockErr": "lock",
    "InvalidThreadId": "thread id",
    "UnimpHgClReq": "request",
    "UnimpDrdClReq": "request",
}


def short(words: str) -> str:
    """A report's words in a few letters; as they are where they are not known."""
    return next((_SHORT[part] for part in _SHORT if part in words), words.strip()[:40])


def of_tsan(text: str, names: Iterable[str]) -> Reports:
    """The reports in a log of ThreadSanitizer."""
    known, found = set(names), dict[str, Counter[str]]()
    for match in _TSAN.finditer(text):
        row = next((file for file in _TSAN_FILE.findall(match[2]) if file in known), "")
        found.setdefault(row, Counter())[short(match[1])] += 1
    return found


def of_valgrind(text: str, names: Iterable[str]) -> Reports:
    """The errors in the XML of Helgrind or DRD."""
    known, found, started = set(names), dict[str, Counter[str]](), dict[str, str]()
    for match in _BLOCK.finditer(text):
        files = [file for file in _FILE.findall(match[2]) if file in known]
        thread = _THREAD.search(match[2])
        if match[1] == "announcethread":
            started[thread[1] if thread else ""] = files[0] if files else ""
            continue
        row = files[0] if files else started.get(thread[1] if thread else "", "")
        found.setdefault(row, Counter())[_valgrind_kind(match[2])] += 1
    return found


def _valgrind_kind(error: str) -> str:
    kind = _KIND.search(error)
    words = re.search(r"<(?:what|text)>(.*?)</", error, re.S)
    said = words[1] if words else ""
    if kind and kind[1] not in ("Misc", "MutexErr"):
        return short(kind[1])
    return short(said if short(said) != said.strip()[:40] or not kind else kind[1] + " " + said)


def verdicts_of_tsan(text: str, names: Iterable[str]) -> Reports:
    """What the harness makes of ThreadSanitizer's log: its verdicts. Trouble where the canary is missing."""
    # One by one: the threads of all rows are started in the same lines, which would make one of several.
    findings = [finding for part in _TSAN.finditer(text) for finding in tsan.parse(part[0] + "\n")]
    if not any(map(tsan.is_canary, findings)):
        raise Trouble("ThreadSanitizer's log does not hold the race that was planted")
    return _verdicts([finding for finding in findings if not tsan.is_canary(finding)], names)


def verdicts_of_helgrind(text: str, names: Iterable[str]) -> Reports:
    """What the harness makes of Helgrind's XML: its verdicts, not its hints."""
    threads, errors = dict[str, str](), list[str]()
    for match in _BLOCK.finditer(text):
        if match[1] == "error":
            errors.append(match[0])
        else:
            threads.update((thread, match[0]) for thread in _THREAD.findall(match[0]))
    findings = []
    for error in errors:
        named = "".join(threads.get(thread, "") for thread in _THREAD.findall(error))
        findings += helgrind.parse(named + error)
    return _verdicts(findings, names)


def _verdicts(findings: Iterable[Finding], names: Iterable[str]) -> Reports:
    """The causes of those findings that would fail a program, by row."""
    known, found = list(names), dict[str, Counter[str]]()
    for finding, row in _by_row(findings, known):
        found.setdefault(row, Counter())[finding.cause] += finding.count
    return found


def _by_row(findings: Iterable[Finding], names: list[str]) -> Iterator[tuple[Finding, str]]:
    """Each verdict with its row. What lies in no file of a row's own is none, as in a student's program."""
    for finding in findings:
        for name in names:
            if is_verdict(finding, [f"{name}.c"]):
                yield finding, name
                break
