"""Reads Helgrind's XML, whole or cut off by a kill, and separates its verdicts from its guesses.

Its race reports have false positives on correct programs, so they are hints. What it says of locks is a
verdict, but for the few kinds that a correct program can cause too.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.ground.stacks import Frame, number, own
from labkit.ground.words import N_, _, ngettext
from labkit.reports import assertions, wording
from labkit.reports.evidence import Access, Finding, ToolTrouble, merge, role_of

OPTIONS = (
    "-q",
    "--tool=helgrind",
    "--free-is-write=yes",
    "--history-level=none",
    "--fair-sched=try",
    "--max-threads=2000",
    "--vgdb=no",  # else a kill leaves its pipes in /tmp
)

_BLOCK = re.compile(r"<(error|announcethread)>.*?</\1>", re.DOTALL)
_STACK = re.compile(r"<stack>.*?</stack>", re.DOTALL)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RACE = re.compile(r"race during (?P<how>read|write) of size (?P<size>\d+) at")
_ORDER = re.compile(r'lock order "(?P<first>0x[0-9A-F]+) before (?P<second>0x[0-9A-F]+)" violated')
_FAILED = re.compile(r"call to (?P<call>\w+) failed")
_ERROR_CODE = re.compile(r"error code \d+ \((?P<name>E[A-Z]+)")
_STILL_HOLDS = re.compile(r"Exiting thread still holds (?P<n>\d+) lock")
_SYMBOL = re.compile(r'inside (?:data symbol|global var|local var) "(?P<name>[^"]+)"')
_BLOCK_SIZE = re.compile(r"inside a block of size (?P<size>[\d,]+)")
_ON_STACK = re.compile(r"is on thread #\d+'s stack")

# What correct programs meet too: a limit reached, a signal, a time-out; a robust mutex whose owner has
# ended, or that nobody made consistent since; a lock that is busy when tried.
_HARMLESS_ERRORS = {"EAGAIN", "EINTR", "ETIMEDOUT", "ENOMEM", "EOWNERDEAD", "ENOTRECOVERABLE"}
# A join or detach of a thread that was joined or detached before.
_JOINS, _GONE = re.compile(r"pthread_(?:\w*join\w*|detach)"), {"ESRCH", "EINVAL"}
# Guesses of the tool; POSIX allows to signal a condition without the lock, and glibc itself does.
_GUESSES = (
    "dubious",
    "Bug in libpthread",
    "destruction of unknown cond var",
    "associated lock is not held by",
)

_KINDS = {
    "Race": ("race", "data-race", N_("data race")),
    "LockOrder": ("lock-order", "lock-order", N_("locks taken in different orders")),
    "UnlockUnlocked": ("bad-unlock", "bad-unlock", N_("unlock of a lock that nobody holds")),
    "UnlockForeign": ("bad-unlock", "bad-unlock", N_("unlock of a lock that another thread holds")),
    "UnlockBogus": ("bad-unlock", "bad-unlock", N_("unlock of an invalid lock")),
    "PthAPIerror": ("other", "failed-call", N_("a pthread call failed")),
}
# The texts of kind Misc: a word in the text, then as above.
_MISC = {
    "still holds": ("missing-unlock", "missing-unlock", N_("a thread ended with a lock held")),
    "re-lock a non-recursive": ("self-deadlock", "self-deadlock", N_("lock taken twice")),
    "_destroy": ("destroyed-lock", "destroyed-lock", N_("destroying a lock in use")),
    "destruction of": ("destroyed-lock", "destroyed-lock", N_("destroying a lock in use")),
    "wait called with": ("other", "wait-without-lock", N_("waiting without the lock")),
}


@dataclass(frozen=True)
class _Part:
    """A line of an error and the stack below it."""

    words: str
    frames: tuple[Frame, ...]


def command(xml_path: str | Path, supp: str | Path | None = None) -> list[str]:
    """Helgrind with the options that were found best; the program's words come after it."""
    messages = Path(xml_path).with_suffix(".log")
    words = ["valgrind", *OPTIONS, "--xml=yes", f"--xml-file={xml_path}", f"--log-file={messages}"]
    return words + ([f"--suppressions={supp}"] if supp else [])


def parse(text: str, messages: str = "") -> list[Finding]:
    """All complete errors in the XML, those of the same lines as one. Hints are `advisory`.

    messages: what valgrind says besides, where an assertion of Helgrind's own may have failed.
    """
    started: dict[str, tuple[Frame, ...]] = {}
    found: list[Finding] = []
    for block in _blocks(text):
        if block.tag == "announcethread":
            stack = block.find("stack")
            started[block.findtext("hthreadid", "")] = _frames(stack) if stack is not None else ()
        else:
            found.append(_finding(block, started))
    failed = assertions.read_helgrind(messages, _last_stacks(text))
    if failed:
        found.append(failed)
    return _deadlocks(_without_echoes(merge(found)))


def trouble(text: str, stderr: str = "") -> ToolTrouble | None:
    """What kept Helgrind from its work: no XML at all, or valgrind's own failure; None where it worked.

    stderr: what valgrind says besides. A failed assertion that says something of the program is a finding.
    """
    told = assertions.read_helgrind(stderr, _last_stacks(text))
    for line in stderr.splitlines():
        ours = assertions.failed(line) and not told
        if ours or "the 'impossible' happened" in line or re.match(r"(==\d+== )?valgrind: ", line):
            return ToolTrouble(line.strip(), stderr)
    if "<preamble>" not in text:
        return ToolTrouble(_("Helgrind wrote no report"), stderr)
    return None


def _blocks(text: str) -> Iterator[ElementTree.Element]:
    """The complete blocks: a kill leaves the document open, so it is not read as a whole."""
    for match in _BLOCK.finditer(text):
        try:
            yield ElementTree.fromstring(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", match[0]))
        except ElementTree.ParseError:
            continue


def _last_stacks(text: str) -> list[tuple[Frame, ...]]:
    """The threads' stacks that valgrind shows when it gives up: they stand behind the document's end."""
    found = []
    for match in _STACK.finditer(text.rpartition("</error>")[2].rpartition("</announcethread>")[2]):
        try:
            found.append(_frames(ElementTree.fromstring(_NOT_XML.sub("", match[0]))))
        except ElementTree.ParseError:
            found.append(())
    return found


def _frames(stack: ElementTree.Element) -> tuple[Frame, ...]:
    found = []
    for frame in stack.iter("frame"):
        line = frame.findtext("line", "")
        found.append(
            Frame(
                function=frame.findtext("fn", "?").split("@")[0],
                file=frame.findtext("file"),
                line=number(line) if line.isdigit() else None,
                module=frame.findtext("obj"),
            )
        )
    return tuple(found)


def _parts(error: ElementTree.Element) -> list[_Part]:
    """The error's lines with their stacks, in order; the first is what happened."""
    found = [_Part(error.findtext("xwhat/text") or error.findtext("what") or "", ())]
    for child in error:
        if child.tag == "stack":
            found[-1] = replace(found[-1], frames=_frames(child))
        elif child.tag in ("auxwhat", "xauxwhat"):
            found.append(_Part(child.findtext("text") or child.text or "", ()))
    return found


def _finding(error: ElementTree.Element, started: dict[str, tuple[Frame, ...]]) -> Finding:
    """One error of any kind."""
    parts = _parts(error)
    words, kind = parts[0].words, error.findtext("kind", "")
    known = _known(kind, words)
    thread = error.findtext("xwhat/hthreadid", "")
    access = _access(_what(kind, words), thread, parts[0].frames, started)
    finding = Finding("helgrind", known[0], known[1], _(known[2]), None, (access,), None, False, "")
    finding = replace(
        finding, text=_text(parts), advisory=any(guess in words for guess in _GUESSES)
    )
    if kind == "Race":
        return _race(finding, parts)
    if kind == "LockOrder":
        return replace(finding, accesses=_orders(access, parts))
    if kind == "PthAPIerror":
        return _failed(finding, words, error.findtext("what", ""))
    if known[0] == "missing-unlock":
        return _ended_holding(finding, access)
    others = tuple(
        _access(_("had taken it"), thread, part.frames, started)
        for part in parts[1:]
        if part.frames and "previously acquired" in part.words
    )
    return replace(finding, accesses=(access, *others))


def _known(kind: str, words: str) -> tuple[str, str, str]:
    """The finding's kind, cause and title by Helgrind's kind, or by its words."""
    if kind in _KINDS:
        return _KINDS[kind]
    return next((_MISC[part] for part in _MISC if part in words), ("other", "other", _words(words)))


def _what(kind: str, words: str) -> str:
    """What the thread did, as far as Helgrind says."""
    race = _RACE.search(words)
    if race:
        return wording.size_words(race["how"], race["size"])
    held = _STILL_HOLDS.search(words)
    if held:
        n = number(held["n"])
        return ngettext(
            "ends and still holds {n} lock", "ends and still holds {n} locks", n
        ).format(n=n)
    call = _FAILED.search(words)
    if call:
        return _("calls {function}").format(function=call["call"])
    if "re-lock" in words:
        return _("takes a lock that it holds already")
    if kind.startswith("Unlock"):
        return _("unlocks it")
    return _words(words)


def _words(words: str) -> str:
    """Helgrind's words without "Thread #2: "."""
    return re.sub(r"^Thread #\d+: ", "", words)


def _access(
    what: str, thread: str, frames: tuple[Frame, ...], started: dict[str, tuple[Frame, ...]]
) -> Access:
    creation = started.get(thread, ())
    label = "main thread" if thread == "1" else f"thread #{thread}"
    return Access(what, label, role_of(label, frames, creation), frames, started=creation)


def _text(parts: Sequence[_Part]) -> str:
    """The error as Helgrind prints it without XML."""
    lines = []
    for part in parts:
        lines.append(part.words)
        for i, frame in enumerate(part.frames):
            place = f"{frame.name}:{frame.line}" if frame.file else Path(frame.module or "?").name
            lines.append(f"   {'at' if i == 0 else 'by'} {frame.function} ({place})")
    return "\n".join(lines)


def _race(finding: Finding, parts: Sequence[_Part]) -> Finding:
    """A possible race: a hint, told with its variable."""
    finding = replace(finding, advisory=True)
    words = " ".join(part.words for part in parts[1:])
    symbol, block = _SYMBOL.search(words), _BLOCK_SIZE.search(words)
    if symbol:
        name = wording.plain_name(symbol["name"])
        subject = wording.variable_words(name)
        finding = replace(finding, variable=name, place="global", subject=subject)
    elif block:
        origin = next((part.frames for part in parts[1:] if part.frames), ())
        subject = wording.block_words(block["size"].replace(",", ""), origin)
        finding = replace(finding, place="heap", subject=subject, origin=origin)
    elif _ON_STACK.search(words):
        finding = replace(finding, place="stack", subject=_("a local variable"))
    if not finding.subject:
        return finding
    return replace(finding, title=_("data race on {subject}").format(subject=finding.subject))


def _orders(access: Access, parts: Sequence[_Part]) -> tuple[Access, ...]:
    """This thread's two locks, and the place where the opposite order was seen first."""
    order = _ORDER.search(parts[0].words)
    if not order:
        return (access,)
    first, second = order["first"], order["second"]
    found = [replace(access, taken=first, locks=(second,))]
    role = _("another thread, or the same one before")
    for part in parts[1:]:
        if "established by acquisition" in part.words:
            found.append(Access(_("takes a lock"), "", role, part.frames, taken=first))
        elif "later acquisition" in part.words:
            found.append(Access(_("takes a lock"), "", role, part.frames, (first,), taken=second))
    return tuple(found)


def _failed(finding: Finding, words: str, reason: str) -> Finding:
    """A pthread call that returned an error: a hint where a correct program can meet it."""
    call, error = _FAILED.search(words), _ERROR_CODE.search(reason)
    if not call or not error:
        return replace(finding, advisory=True)
    name, code = call["call"], error["name"]
    busy = code == "EBUSY" and "try" in name
    title = _("{function} failed: {error}").format(function=name, error=code)
    gone = _JOINS.fullmatch(name) and code in _GONE
    cause = "joined-twice" if gone else finding.cause
    return replace(finding, cause=cause, title=title, advisory=busy or code in _HARMLESS_ERRORS)


def _ended_holding(finding: Finding, access: Access) -> Finding:
    """A thread that ended with a lock held: by itself, or because the whole program was ended.

    Only the first is a bug for sure. In the second the thread may have been about to unlock; where it was
    waiting for a lock, that is worth a word.
    """
    innermost = access.frames[0].function if access.frames else ""
    if innermost == "start_thread" and access.thread != "main thread":
        return replace(finding, accesses=(replace(access, frames=()),))
    if any(re.search(r"(mutex|rwlock|spin)_\w*lock", frame.function) for frame in access.frames):
        access = replace(access, what=_("waits for a lock while it holds another or the same"))
        title = _("a thread was waiting for a lock with a lock held")
        finding = replace(finding, kind="self-deadlock", cause="self-deadlock", title=title)
    return replace(finding, accesses=(access,), advisory=True)


def _without_echoes(findings: list[Finding]) -> list[Finding]:
    """Without failed calls in lines of which Helgrind has already said what is wrong."""
    said = {own(a.frames) for f in findings if f.cause != "failed-call" for a in f.accesses}
    return [
        f for f in findings if f.cause != "failed-call" or own(f.accesses[0].frames) not in said
    ]


def _deadlocks(findings: list[Finding]) -> list[Finding]:
    """Threads that wait for each other: with more than one it is no deadlock with itself."""
    waiting = [f for f in findings if f.advisory and f.kind == "self-deadlock"]
    if len(waiting) + sum(f.count - 1 for f in waiting) < 2:
        return findings
    return [replace(f, kind="deadlock", cause="deadlock") if f in waiting else f for f in findings]
