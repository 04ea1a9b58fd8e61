"""Reads what AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer print: gcc 12's and clang's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from labkit.ground import stacks
from labkit.ground.stacks import Frame, Section, library_call, number
from labkit.ground.words import N_, _, ngettext
from labkit.reports import assertions, wording
from labkit.reports.evidence import Access, Finding, ToolTrouble, merge, role_of

_REPORT = re.compile(r"(?:^|\s)==\d+==\s*ERROR: (?P<tool>\w+Sanitizer): (?P<title>.*)")
_UNDEFINED = re.compile(r"(?P<file>[^\s:][^:]*):(?P<line>\d+):\d+: runtime error: (?P<what>.*)")
_SIZE = re.compile(
    r"(?P<how>READ|WRITE) of size (?P<size>\d+) at 0x[0-9a-f]+ thread (?P<thread>T\d+)"
)
_IN_THREAD = re.compile(r"\b(?:in )?thread (T\d+)|\b(T\d+)\)")
_FREED = re.compile(r"freed by thread (T\d+)")
_ALLOCATED = re.compile(r"(?:previously )?allocated by thread (T\d+)")
_CREATED = re.compile(r"Thread (T\d+).* created by (T\d+) here")
_REGION = re.compile(r" of (\d+)-byte region ")
_GLOBAL = re.compile(r"global variable '([^']+)'")
_LOCAL = re.compile(r"^\s+\[\d+, \d+\) '([^']+)' .*<== Memory access", re.MULTILINE)
_LEAK = re.compile(r"(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object")
_SIGNAL_BY = re.compile(r"caused by a (READ|WRITE) memory access")
_NULL = re.compile(r"SEGV on unknown address 0x0{9}[0-9a-f]{3}\b")
_TROUBLE = re.compile(
    r"Sanitizer:? (?:CHECK failed|failed to|has encountered a fatal error|out of memory|can't)"
    r"|Shadow memory range interleaves|runtime does not come first|allocator is trying to allocate"
    r"|ERROR: Failed to mmap|internal allocator is out of memory"
)

NULL_ARGUMENT = "null pointer passed as argument"

# How a report's title begins: kind, cause, and the title in our words.
_KINDS = {
    "heap-use-after-free": ("use-after-free", "use-after-free", N_("use after free")),
    "attempting double-free": ("double-free", "double-free", N_("double free")),
    "attempting free on": ("bad-free", "bad-free", N_("free of a pointer that is not malloc's")),
    "stack-use-after": ("use-after-free", "use-after-return", N_("use of a variable that is gone")),
    "heap-buffer-overflow": ("overflow", "buffer-overflow", N_("buffer overflow on the heap")),
    "stack-buffer": ("overflow", "buffer-overflow", N_("buffer overflow on the stack")),
    "dynamic-stack-buffer": ("overflow", "buffer-overflow", N_("buffer overflow on the stack")),
    "global-buffer-overflow": ("overflow", "buffer-overflow", N_("buffer overflow")),
    "stack-overflow": ("crash", "stack-overflow", N_("stack overflow")),
    "SEGV": ("crash", "bad-pointer", N_("access to an invalid address (SIGSEGV)")),
    "BUS": ("crash", "bad-pointer", N_("access to an invalid address (SIGBUS)")),
    "FPE": ("crash", "undefined-behaviour", N_("arithmetic without a result (SIGFPE)")),
    "ILL": ("crash", "crash", N_("illegal instruction (SIGILL)")),
    "ABRT": ("crash", "crash", N_("the program gave up (SIGABRT)")),
    "unknown-crash": ("overflow", "buffer-overflow", N_("access outside of any object")),
    "negative-size-param": ("other", "bad-arguments", N_("negative length")),
    "allocation-size-too-big": ("other", "bad-arguments", N_("absurd size of an allocation")),
    "calloc-overflow": ("other", "bad-arguments", N_("absurd size of an allocation")),
}


def parse(text: str) -> list[Finding]:
    """All findings in a log or in what went to stderr, those of the same lines as one."""
    found: list[Finding] = []
    for report in _reports(text):
        undefined = _UNDEFINED.search(report[0])
        match = _REPORT.search(report[0])
        if undefined:
            found.append(_undefined(report, undefined))
        elif match and match["tool"] == "LeakSanitizer":
            found += _leaks(report)
        elif (
            match
            and not assertions.failed(report[0])
            and (finding := _memory(report, match["title"]))
        ):
            found.append(finding)
    return merge([*found, *assertions.read(text, "asan")])


def trouble(text: str) -> ToolTrouble | None:
    """What stopped the sanitizer itself; None where nothing did.

    A failed assertion that says something of the program is a finding.
    """
    told = assertions.read(text, "asan")
    for line in text.splitlines():
        if _TROUBLE.search(line) and not any(finding.text.startswith(line) for finding in told):
            return ToolTrouble(line.strip(), text)
    return None


def parse_crash(report: list[str], tool: str) -> Finding | None:
    """A signal that a sanitizer caught: its report looks the same for all of them."""
    match = _REPORT.search(report[0])
    finding = _memory(report, match["title"]) if match else None
    return replace(finding, tool=tool) if finding and finding.kind == "crash" else None


def _reports(text: str) -> Iterator[list[str]]:
    """The lines of each report, its title first; UBSan's are a line and perhaps its stack."""
    report: list[str] = []
    for line in stacks.whole_lines(text):
        undefined = _UNDEFINED.search(line)
        ends = line.startswith(("=====", "==")) and " ERROR: " not in line and "ERROR" in line
        if undefined or _REPORT.search(line) or ends:
            if report:
                yield report
            report = []
        if undefined or report or _REPORT.search(line):
            report.append(line)
    if report:
        yield report


def _memory(report: list[str], title: str) -> Finding | None:
    """A report of AddressSanitizer; None where it is a trouble of its own, or has no stack."""
    known = next((_KINDS[start] for start in _KINDS if title.startswith(start)), None)
    if known is None:
        if _TROUBLE.search(report[0]):
            return None
        arguments = "param" in title.split(":")[0]
        words = title.split(" on ")[0].split(":")[0]
        known = ("other", "bad-arguments" if arguments else "other", words)
    kind, cause, words = known
    if _NULL.match(title):
        words = N_("use of a null pointer (SIGSEGV)")
    parts = stacks.sections(report[1:])
    started = {m[1]: tuple(s.frames) for s in parts if (m := _CREATED.match(s.heading))}
    accesses = _accesses(report[0], parts, started)
    if not accesses:
        return None
    text = "\n".join(report)
    finding = Finding("asan", kind, cause, _(words), None, accesses, None, False, text)
    finding = _with_location(finding, parts, text)
    if not finding.subject:
        return finding
    return replace(finding, title=f"{finding.title}: {finding.subject}")


def _accesses(
    title: str, parts: Sequence[Section], started: dict[str, tuple[Frame, ...]]
) -> tuple[Access, ...]:
    """What happened, then which thread freed the memory before."""
    found: list[Access] = []
    for part in parts:
        size, freed = _SIZE.match(part.heading), _FREED.match(part.heading)
        if not part.frames:
            continue
        if freed:
            what = _("freed it before")
            found.append(_access(what, freed[1], part.frames, started))
        elif size:
            what = wording.size_words(size["how"], size["size"])
            found.append(_access(what, size["thread"], part.frames, started))
        elif not found and not _ALLOCATED.match(part.heading) and not _CREATED.match(part.heading):
            thread = _IN_THREAD.search(title)
            label = (thread[1] or thread[2]) if thread else "T0"
            found.append(_access(_what(parts, part), label, part.frames, started))
    return tuple(found)


def _what(parts: Sequence[Section], part: Section) -> str:
    """What a thread did where the report gives no size."""
    signal = next((m[1] for p in parts if (m := _SIGNAL_BY.search(p.heading))), "")
    call = library_call(part.frames)
    if signal:
        return _("reads there") if signal == "READ" else _("writes there")
    return _("calls {function}").format(function=call) if call else _("was here")


def _access(
    what: str, thread: str, frames: Sequence[Frame], started: dict[str, tuple[Frame, ...]]
) -> Access:
    label = "main thread" if thread == "T0" else f"thread {thread}"
    creation = started.get(thread, ())
    return Access(what, label, role_of(label, frames, creation), tuple(frames), started=creation)


def _with_location(finding: Finding, parts: Sequence[Section], text: str) -> Finding:
    """The finding with the memory it is about."""
    local = _LOCAL.search(text)
    for part in parts:
        variable = _GLOBAL.search(part.heading)
        region = _REGION.search(part.heading)
        if variable and finding.kind != "crash":
            name = wording.plain_name(variable[1])
            subject = wording.variable_words(name)
            return replace(finding, variable=name, place="global", subject=subject)
        if local and " is located in stack of " in part.heading and part.frames:
            subject = _("the variable '{name}' of {function}").format(
                name=local[1], function=part.frames[0].function
            )
            return replace(finding, variable=local[1], place="stack", subject=subject)
        if region:
            origin = next((tuple(p.frames) for p in parts if _ALLOCATED.match(p.heading)), ())
            subject = wording.block_words(region[1], origin)
            return replace(finding, place="heap", subject=subject, origin=origin)
    return finding


def _undefined(report: list[str], match: re.Match[str]) -> Finding:
    """A line of UBSan, with its stack where an option makes it print one."""
    what = re.sub(r"address 0x[0-9a-f]+", "an address", match["what"].strip())
    frames = stacks.parse_frames(report[1:])
    line = Frame(frames[0].function if frames else "", match["file"], number(match["line"]))
    role = role_of("", frames) if frames else _("the program")
    access = Access(what, "", role, (line, *frames[1:]))
    cause = "undefined-behaviour"
    if "out of bounds" in what or "insufficient space" in what:
        cause = "buffer-overflow"
    elif "null pointer" in what:
        cause = "bad-pointer"
    kind = "overflow" if cause == "buffer-overflow" else "undefined"
    if NULL_ARGUMENT in what:
        kind = "null-argument"  # an error, unless it goes with zero bytes: the source tells
    title = _("undefined behaviour: {what}").format(what=what)
    text = "\n".join(report)
    finding = Finding("ubsan", kind, cause, title, None, (access,), None, False, text)
    return zero_bytes(finding) if "applying zero offset to null pointer" in what else finding


def zero_bytes(finding: Finding) -> Finding:
    """A report of what C2y defines: nothing is done with a null pointer. Worth showing, no verdict."""
    title = _("a null pointer, and zero bytes to work on")
    return replace(finding, cause="zero-bytes", title=title, advisory=True)


def _leaks(report: list[str]) -> list[Finding]:
    """Each leak that nothing points to; what hangs on them is counted with the first."""
    found: list[Finding] = []
    direct: list[tuple[int, int, Section]] = []
    indirect: list[tuple[int, int, Section]] = []
    for part in stacks.sections(report[1:]):
        match = _LEAK.match(part.heading)
        if match and part.frames:
            group = direct if match[1] == "Direct" else indirect
            group.append((number(match[2]), number(match[3]), part))
    hanging = sum(size for size, _objects, _part in indirect) if direct else 0
    for size, objects, part in direct or indirect[:1]:
        title = ngettext("memory leak of {n} byte", "memory leak of {n} bytes", size).format(n=size)
        if hanging and not found:
            title = _("{title}, and {n} more that only it led to").format(title=title, n=hanging)
        stack = tuple(part.frames)
        access = Access(_("allocates what is never freed"), "", role_of("", stack), stack)
        text = "\n".join(report)
        found.append(
            Finding(
                "lsan", "leak", "memory-leak", title, None, (access,), None, False, text, objects
            )
        )
    return found
