"""A tool that gives up with an assertion of its own, inside one of its pthread functions.

ThreadSanitizer, AddressSanitizer and Helgrind keep books on threads and locks. Where a program calls a pthread
function with a thread or lock that is not valid any more, some versions do not report that: an assertion about the books
fails. It says something of the program, if it stands in the books and the call is the program's own. Any other one,
of the tool's memory for instance, is the tool's trouble.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from labkit.ground import stacks
from labkit.ground.stacks import Frame, library_call
from labkit.ground.words import N_, _
from labkit.reports.evidence import Access, Finding, role_of

# "ThreadSanitizer: CHECK failed: sanitizer_thread_registry.cpp:348 "((t)) != (0)" (0x0, 0x0) (tid=16026)"
_CHECK = re.compile(r"^(?:\S+: )?\w+Sanitizer:? CHECK failed: (?P<file>\S+):\d+ ")
# "==16576==ERROR: AddressSanitizer: Joining already joined thread, aborting.", in later versions without a stack.
_JOINING = re.compile(r"Sanitizer: (?:Joining|Detaching) (?:already )?(?:joined|detached) thread")
# "Helgrind: hg_main.c:3258 (evh__HG_PTHREAD_BARRIER_WAIT_PRE): Assertion 'bar->size > 0' failed."
_ASSERTION = re.compile(r"^Helgrind: (?P<file>\S+):\d+ \(\w+\): Assertion ")
_BOOKS = re.compile(
    r"(?:.*/)?(?:sanitizer_thread_(?:registry|arg_retval)|tsan_rtl_(?:thread|mutex)|tsan_interceptors\w*"
    r"|asan_(?:interceptors|thread)|hg_main|hg_intercepts)\.\w+"
)

# The function that the program has called, and what is wrong with that call: kind, cause and title.
_JOINED_TWICE = ("joined-twice", N_("a thread is joined or detached that is not there any more"))
_CALLS = (
    (r"(?:pthread|thrd)_(?:\w*join\w*|detach)", *_JOINED_TWICE),
    (r"(?:pthread|mtx)_\w*unlock", "bad-unlock", N_("unlock of a lock not held")),
    (r"(?:pthread|mtx)_\w*lock", "destroyed-lock", N_("use of an invalid lock")),
    (
        r"(?:pthread_(?:mutex|rwlock|spin)|mtx)_destroy",
        "destroyed-lock",
        N_("destroying a lock in use"),
    ),
    (r"(?:pthread_cond|cnd)_\w+", "destroyed-lock", N_("use of an invalid condition variable")),
    (r"pthread_barrier_\w+", "destroyed-lock", N_("use of an invalid barrier")),
)
_THREADS = re.compile(r"^Thread (\d+): status", re.MULTILINE)
_RUNNING = re.compile(r"^\s*running_tid=(\d+)", re.MULTILINE)


def failed(line: str) -> bool:
    """Whether a line of a log says that an assertion of the tool has failed."""
    return bool(_CHECK.match(line) or _JOINING.search(line) or _ASSERTION.match(line))


def read(text: str, tool: str) -> list[Finding]:
    """What the failed assertions in a sanitizer's log say about the program."""
    found = [_finding(report, tool) for report in _reports(text)]
    return [finding for finding in found if finding]


def read_helgrind(text: str, running: Sequence[Sequence[Frame]]) -> Finding | None:
    """The same from Helgrind's messages. running: the threads' stacks as it shows them at its end."""
    for line in text.splitlines():
        match = _ASSERTION.match(line)
        threads, current = _THREADS.findall(text), _RUNNING.search(text)
        if match and _BOOKS.fullmatch(match["file"]) and current and current[1] in threads:
            at = threads.index(current[1])
            return _judged(tuple(running[at]), "helgrind", line) if at < len(running) else None
    return None


def _reports(text: str) -> Iterator[list[str]]:
    """The line of each failed assertion, and those of the stack below it."""
    report: list[str] = []
    for line in stacks.whole_lines(text):
        starts = bool(_CHECK.match(line) or _JOINING.search(line))
        if report and (starts or not stacks.parse_frame(line)):
            yield report
            report = []
        if starts or report:
            report.append(line)
    if report:
        yield report


def _finding(report: list[str], tool: str) -> Finding | None:
    check = _CHECK.match(report[0])
    frames = stacks.parse_frames(report[1:])
    if check:
        return _judged(frames, tool, "\n".join(report)) if _BOOKS.fullmatch(check["file"]) else None
    return _judged(frames, tool, "\n".join(report)) or _made(*_JOINED_TWICE, (), tool, report[0])


def _judged(frames: tuple[Frame, ...], tool: str, text: str) -> Finding | None:
    """What the innermost call of the program's own says; None where that is no pthread function of these."""
    call = library_call(frames) or ""
    for pattern, cause, title in _CALLS:
        if re.fullmatch(pattern, call):
            return _made(cause, title, frames, tool, text)
    return None


def _made(cause: str, title: str, frames: tuple[Frame, ...], tool: str, text: str) -> Finding:
    """A finding whose kind is its cause. Without a stack it has no place, and is the program's all the same."""
    call = library_call(frames)
    what = _("calls {function}").format(function=call) if call else _(title)
    accesses = (Access(what, "", role_of("", frames), frames),) if frames else ()
    return Finding(tool, cause, cause, _(title), None, accesses, None, False, text)
