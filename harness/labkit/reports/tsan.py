"""Reads ThreadSanitizer's log: of gcc 12 and of clang 14 to 19, whole or cut off by a kill."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from labkit.ground import stacks
from labkit.ground.stacks import Frame, Section, library_call, own
from labkit.ground.words import N_, _
from labkit.reports import assertions, wording
from labkit.reports.asan import parse_crash
from labkit.reports.evidence import Access, Finding, Lock, ToolTrouble, merge, role_of

CANARY_VARIABLE = "lab_canary_variable"
CANARY_FILE = "canary.c"

_TITLE = re.compile(r"(?:WARNING|ERROR): ThreadSanitizer: (.+?)(?: \(pid=\d+\))?$")
_ACCESS = re.compile(
    r"(?:Previous )?(?P<how>(?:atomic )?(?:racy )?(?:read|write)) of size (?P<size>\d+) at 0x[0-9a-f]+ by "
    r"(?P<thread>main thread|thread T\d+)(?P<rest>.*)",
    re.IGNORECASE,
)
_HELD = re.compile(r"(read|write) (M\d+)")
_THREAD = re.compile(
    r"Thread (?P<id>T\d+)(?: '.*')? \(tid=\d+, .*?\) created by (?P<by>main thread|thread T\d+)"
)
_MUTEX = re.compile(r"Mutex (M\d+) \(0x[0-9a-f]+\) created at")
_GLOBAL = re.compile(r"Location is global '(?P<name>[^']*)' of size (?P<size>\d+)")
_HEAP = re.compile(r"Location is heap block of size (?P<size>\d+)")
_DESCRIPTOR = re.compile(r"Location is file descriptor (?P<number>\d+)")
_PRIVATE = re.compile(r"Location is (?P<kind>stack|TLS) of (?P<owner>main thread|thread T\d+)")
_ACQUIRES = re.compile(
    r"Mutex (?P<taken>M\d+) acquired here while holding mutex (?P<held>M\d+) in (?P<thread>main thread|thread T\d+)"
)
_HAD_ACQUIRED = re.compile(r"Mutex (?P<taken>M\d+) previously acquired by the same thread")
_MORE_LEAKS = re.compile(r"And (\d+) more similar thread leaks")
_TROUBLE = re.compile(
    r"FATAL: ThreadSanitizer|ThreadSanitizer:? (?:CHECK failed|failed to|can(?:'t|not) (?!provide)|out of memory)"
    r"|ERROR: (?:Failed to mmap|ThreadSanitizer failed)|internal allocator is out of memory"
    r"|Thread limit \(\d+ threads\) exceeded|allocator is trying to allocate"
)

# How a report's title begins: kind, cause, and the title in our words.
_KINDS = {
    "data race": ("race", "data-race", N_("data race")),
    "race on external object": ("race", "data-race", N_("data race")),
    "heap-use-after-free": ("use-after-free", "use-after-free", N_("use after free")),
    "lock-order-inversion": ("lock-order", "lock-order", N_("locks taken in different orders")),
    "thread leak": ("thread-leak", "thread-leak", N_("thread neither joined nor detached")),
    "unlock of an unlocked mutex": ("bad-unlock", "bad-unlock", N_("unlock of a lock not held")),
    "read unlock of a write locked": ("bad-unlock", "bad-unlock", N_("unlock of a lock not held")),
    "destroy of a locked mutex": (
        "destroyed-lock",
        "destroyed-lock",
        N_("destroying a lock in use"),
    ),
    "use of an invalid mutex": (
        "destroyed-lock",
        "destroyed-lock",
        N_("use of an invalid lock"),
    ),
    "double lock of a mutex": ("self-deadlock", "self-deadlock", N_("lock taken twice")),
    "read lock of a write locked": ("self-deadlock", "self-deadlock", N_("lock taken twice")),
    "signal-unsafe call": ("signal-unsafe", "signal-unsafe", N_("unsafe call in a signal handler")),
    "signal handler spoils errno": (
        "signal-unsafe",
        "errno-in-handler",
        N_("errno lost to a handler"),
    ),
}


@dataclass(frozen=True)
class _Thread:
    creator: str
    started: tuple[Frame, ...]


def parse(text: str) -> list[Finding]:
    """All findings in a log, those of the same lines as one. A cut-off report counts if it names a line."""
    found = [finding for report in _reports(text) if (finding := _finding(report))]
    return merge([*found, *assertions.read(text, "tsan")])


def trouble(text: str) -> ToolTrouble | None:
    """What stopped ThreadSanitizer itself, from its log or from stderr; None where nothing did.

    A failed assertion that says something of the program is a finding.
    """
    told = assertions.read(text, "tsan")
    for line in text.splitlines():
        if _TROUBLE.search(line) and not any(finding.text.startswith(line) for finding in told):
            return ToolTrouble(line.strip(), text)
    return None


def is_canary(finding: Finding) -> bool:
    """Whether this is the race that the harness itself planted, to see that the tool is at work."""
    tops = [own(access.frames) for access in finding.accesses]
    return (
        finding.kind == "race"
        and finding.variable == CANARY_VARIABLE
        and bool(tops)
        and all(top is not None and top.name == CANARY_FILE for top in tops)
    )


def _reports(text: str) -> Iterator[list[str]]:
    """The lines of each report, its title first. A last line without its end is not trusted."""
    report: list[str] = []
    for line in stacks.whole_lines(text):
        starts = _TITLE.search(line) is not None
        if (starts or line.startswith("======")) and report:
            yield report
            report = []
        if starts or report:
            report.append(line)
    if report:
        yield report


def _finding(report: list[str]) -> Finding | None:
    match = _TITLE.search(report[0])
    title = match[1] if match else ""
    text = "\n".join(report)
    if "ERROR:" in report[0]:
        return parse_crash(report, "tsan")
    kind, cause, title = next(
        (_KINDS[start] for start in _KINDS if title.startswith(start)), ("other", "other", title)
    )
    sections = stacks.sections(report[1:])
    threads = _threads(sections)
    locks = tuple(Lock(m[1], tuple(s.frames)) for s in sections if (m := _MUTEX.match(s.heading)))
    finding = Finding("tsan", kind, cause, _(title), None, (), None, False, text, locks=locks)
    finding = _with_location(finding, sections)
    if kind == "lock-order":
        finding = replace(finding, accesses=_orders(sections, threads))
    elif kind == "thread-leak":
        finding = _leak(finding, sections, text)
    else:
        finding = replace(
            finding, accesses=_accesses(sections, threads) or _misuse(sections, title)
        )
        finding = _race(finding)
    return finding if any(access.frames for access in finding.accesses) else None


def _threads(sections: list[Section]) -> dict[str, _Thread]:
    """The threads that a report introduces, by the name it uses elsewhere."""
    found = {}
    for section in sections:
        match = _THREAD.match(section.heading)
        if match:
            found[f"thread {match['id']}"] = _Thread(match["by"], tuple(section.frames))
    return found


def _access(
    what: str, thread: str, frames: list[Frame], threads: dict[str, _Thread], known: list[Access]
) -> Access:
    """An access with its thread's role; a second thread of the same origin is `another`."""
    started = threads[thread].started if thread in threads else ()
    stack = tuple(frames)
    role = role_of(thread, stack, started)
    if any(a.role == role and a.thread != thread for a in known) and thread != "main thread":
        role = role_of(thread, stack, started, another=True)
    return Access(what, thread, role, stack, started=started)


def _accesses(sections: list[Section], threads: dict[str, _Thread]) -> tuple[Access, ...]:
    """The two sides of a race."""
    found: list[Access] = []
    for section in sections:
        match = _ACCESS.match(section.heading)
        if not match:
            continue
        access = _access(
            wording.size_words(match["how"], match["size"]),
            match["thread"],
            section.frames,
            threads,
            found,
        )
        held = _HELD.findall(match["rest"])
        found.append(
            replace(
                access,
                locks=tuple(name for _how, name in held),
                shared_locks=tuple(name for how, name in held if how == "read"),
            )
        )
    return tuple(found)


def _misuse(sections: list[Section], title: str) -> tuple[Access, ...]:
    """The stacks of reports without a thread: misused locks, signal handlers."""
    found = []
    for section in sections:
        if section.frames and section.heading in ("", "and:"):
            call = library_call(section.frames)
            what = _("calls {function}").format(function=call) if call else _(title)
            stack = tuple(frame for frame in section.frames if not _is_machinery(frame))
            found.append(Access(what, "", role_of("", stack), stack))
    return tuple(found)


def _is_machinery(frame: Frame) -> bool:
    """Whether the frame is the sanitizer's way into a signal handler."""
    return frame.foreign and frame.function.endswith("CallUserSignalHandler")


def _orders(sections: list[Section], threads: dict[str, _Thread]) -> tuple[Access, ...]:
    """Which thread takes which lock while it holds which; the first lock of each thread before its second."""
    found: list[Access] = []
    for section in sections:
        match = _ACQUIRES.match(section.heading)
        earlier = _HAD_ACQUIRED.match(section.heading)
        if match:
            access = _access(_("takes a lock"), match["thread"], section.frames, threads, found)
            found.append(replace(access, taken=match["taken"], locks=(match["held"],)))
        elif earlier and found:
            second = found[-1]
            first = replace(second, taken=earlier["taken"], locks=(), frames=tuple(section.frames))
            found.insert(len(found) - 1, first)
    return tuple(found)


def _leak(finding: Finding, sections: list[Section], text: str) -> Finding:
    """A thread that was never joined, named by the thread that started it."""
    for section in sections:
        match = _THREAD.match(section.heading)
        if match:
            stack = tuple(section.frames)
            what = _("starts a thread that nobody joins or detaches")
            access = Access(what, match["by"], role_of(match["by"], stack), stack)
            more = _MORE_LEAKS.search(text)
            count = 1 + (int(more[1]) if more and len(more[1]) < 10 else 0)
            return replace(finding, accesses=(access,), count=count)
    return finding


def _with_location(finding: Finding, sections: list[Section]) -> Finding:
    """The finding with the memory it is about."""
    for section in sections:
        match = _GLOBAL.match(section.heading)
        if match and match["name"] not in ("<null>", "??", ""):
            name = wording.plain_name(match["name"])
            return replace(
                finding, variable=name, place="global", subject=wording.variable_words(name)
            )
        match = _HEAP.match(section.heading)
        if match:
            subject = wording.block_words(match["size"], tuple(section.frames))
            return replace(finding, place="heap", subject=subject, origin=tuple(section.frames))
        match = _DESCRIPTOR.match(section.heading)
        if match:
            subject = _("file descriptor {number}").format(number=match["number"])
            return replace(
                finding, place="descriptor", subject=subject, origin=tuple(section.frames)
            )
        match = _PRIVATE.match(section.heading)
        if match:
            return replace(finding, place=match["kind"].lower(), subject=_private_words(match))
    return finding


def _private_words(match: re.Match[str]) -> str:
    """A place that belongs to one thread."""
    if match["kind"] == "TLS":
        return _("a thread-local variable")
    if match["owner"] == "main thread":
        return _("a local variable of the main thread")
    return _("a local variable of another thread")


def _race(finding: Finding) -> Finding:
    """A race's title, cause, and the lock that one side lacks."""
    if finding.kind not in ("race", "use-after-free"):
        subject = finding.subject
        return replace(finding, title=f"{finding.title}: {subject}") if subject else finding
    calls = {library_call(access.frames) or "" for access in finding.accesses}
    cause, title, advisory = finding.cause, _("data race on {subject}"), False
    if finding.place == "descriptor":
        cause, advisory = "descriptor-race", True
    elif finding.kind == "use-after-free" or calls & {"free", "realloc"}:
        cause, title = "use-after-free", _("use after free: {subject}")
    elif any(call.startswith("pthread_") and call.endswith("_destroy") for call in calls):
        cause, title = "destroyed-lock", _("destroying a lock in use: {subject}")
    subject = finding.subject or _("memory on the heap")
    held = [access.locks for access in finding.accesses]
    missing = None
    if cause == "data-race" and len(held) == 2 and not set(held[0]) & set(held[1]):
        missing = next((locks[-1] for locks in reversed(held) if locks), None)
    title = title.format(subject=subject)
    return replace(finding, title=title, cause=cause, advisory=advisory, missing_lock=missing)
