"""Why a program does not go on, in words: where each thread waits, and for which other."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

from labkit.ground import proc, stacks
from labkit.ground.words import _, ngettext
from labkit.hang import threads, waits
from labkit.hang.threads import RUNNING, Thread
from labkit.hang.waits import Wait

MOST_PLACES = 12
MOST_CHAIN = 6
MOST_SOURCE = 100  # characters

_SANITIZER = re.compile(r"/lib(?:tsan|asan|ubsan|lsan)\b|BackgroundThread")
_ANY = Thread(0, 0, 0, "")


def describe(pid: int, source_directory: Path, seconds: float = 15.0) -> str:
    """What the threads of a program do and wait for, in a few lines; empty if it has ended.

    pid: as the harness sees it. source_directory: holds the program's files, to show lines of them.
    seconds: what gdb may take at most. The program runs on as it did before; but see `threads`.
    """
    look = threads.look(pid, seconds)
    return told(pid, look, of_program(look, source_directory), source_directory)


def of_program(look: threads.Look, source_directory: Path) -> list[Wait]:
    """What each of a program's own threads waits for."""
    return [wait for wait in waits.of(look.threads, source_directory) if not is_tool(wait)]


def told(pid: int, look: threads.Look, found: Sequence[Wait], source_directory: Path) -> str:
    """The same in words."""
    lines = _lines(found, source_directory)
    if lines and proc.state(pid) in proc.ENDED:
        lines.insert(0, _("the main thread has ended, the others go on"))
    if lines and look.lacking:
        lines.insert(0, _("stacks are missing here ({why}):").format(why=look.lacking))
    return "\n".join("".join(map(_shown, line)) for line in lines)


def _shown(char: str) -> str:
    """A character fit for a terminal: names come from debug information, which can hold anything."""
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def is_tool(wait: Wait) -> bool:
    """Whether this is a thread of a sanitizer's own."""
    return wait.place is None and any(
        _SANITIZER.search(f"{frame.module} {frame.function}") for frame in wait.thread.frames
    )


def _lines(found: Sequence[Wait], directory: Path) -> list[str]:
    """A line for each place, with all threads that wait there for the same, and how they came there.

    The main thread, and each that others wait for, has a line of its own.
    """
    circles = waits.circles(found)
    awaited = {wait.on.number for wait in found if wait.on}
    groups: dict[object, list[Wait]] = {}
    for wait in found:
        number = wait.thread.number
        groups.setdefault(number if number in awaited | {1} else _alike(wait), []).append(wait)
    ordered = sorted(groups.values(), key=lambda group: _rank(group, awaited))
    lines: list[str] = []
    for group in ordered[:MOST_PLACES]:
        number = group[0].thread.number
        circle = next((circle for circle in circles if number in circle), frozenset[int]())
        words = [_sentence(group[0], len(group)) + _source(group[0], directory)]
        lines.append("; ".join(words + _target(group[0]) + _deadlock(circle, group[0], found)))
        lines += _chain(group[0])
    left = sum(map(len, ordered[MOST_PLACES:]))
    if left:
        more = ngettext("… {n} more thread elsewhere", "… {n} more threads elsewhere", left)
        lines.append(more.format(n=left))
    return lines


def _alike(wait: Wait) -> Wait:
    """What waits have in common that share one line of the report."""
    thread = wait.thread
    kernel = _ANY if wait.place else replace(_ANY, call=thread.call, channel=thread.channel)
    return replace(wait, thread=kernel)


def _rank(group: Sequence[Wait], awaited: Set[int]) -> tuple[bool, bool, int, int]:
    """Where a group stands: the main thread, what has to do with locks, then the biggest ones."""
    number = group[0].thread.number
    entangled = bool(group[0].lock) or number in awaited
    return number != 1, not entangled, -len(group), number


def _sentence(wait: Wait, n: int) -> str:
    """What n threads do, of which this is one."""
    if wait.place is None:
        words = _without_place(wait, n)
    elif wait.thread.call == RUNNING and not wait.call:
        words = ngettext("{who} runs, in {place}", "{who} run, in {place}", n)
    elif wait.thread.call == RUNNING:
        words = ngettext(
            "{who} runs in {call}, called from {place}",
            "{who} run in {call}, called from {place}",
            n,
        )
    elif wait.lock:
        words = ngettext(
            "{who} waits for {lock} in {call}, called from {place}",
            "{who} wait for {lock} in {call}, called from {place}",
            n,
        )
    elif wait.on:
        words = ngettext(
            "{who} waits in {call} for {other}, called from {place}",
            "{who} wait in {call} for {other}, called from {place}",
            n,
        )
    else:
        words = ngettext(
            "{who} waits in {call}, called from {place}",
            "{who} wait in {call}, called from {place}",
            n,
        )
    other = _who(wait.on) if wait.on else ""
    return words.format(
        who=_who(wait.thread, n),
        lock=_lock(wait),
        other=other,
        call=_call(wait),
        place=_place(wait),
    )


def _without_place(wait: Wait, n: int) -> str:
    """The same of threads of which no frame in the student's files is known."""
    if wait.thread.frames:
        return ngettext(
            "{who} is outside the program's own functions",
            "{who} are outside the program's own functions",
            n,
        )
    if wait.thread.call == RUNNING:
        return ngettext("{who} runs", "{who} run", n)
    if wait.lock:
        return ngettext("{who} waits for {lock}", "{who} wait for {lock}", n)
    if wait.on:
        return ngettext("{who} waits for {other} to end", "{who} wait for {other} to end", n)
    if wait.thread.call == waits.FUTEX:
        return ngettext(
            "{who} waits for another thread (futex)", "{who} wait for another thread (futex)", n
        )
    if wait.thread.call:
        return ngettext(
            "{who} waits in the system call {call}", "{who} wait in the system call {call}", n
        )
    return ngettext("{who} waits in the kernel ({call})", "{who} wait in the kernel ({call})", n)


def _who(thread: Thread, n: int = 1) -> str:
    if n > 1:
        return ngettext("{n} thread", "{n} threads", n).format(n=n)
    if thread.number == 1:
        return _("the main thread")
    return _("thread {number}").format(number=thread.number)


def _lock(wait: Wait) -> str:
    """A lock by its name, where it has one."""
    if wait.lock == "rwlock":
        named, unnamed = _("the read-write lock {name}"), _("a read-write lock")
    else:
        named, unnamed = _("the mutex {name}"), _("a mutex")
    return named.format(name=wait.name) if wait.name else unnamed


def _call(wait: Wait) -> str:
    """The function of the C library that a thread is in, or where the kernel has it."""
    call = wait.call or wait.thread.call or wait.thread.channel or "?"
    return _("{call} in {helper}").format(call=call, helper=wait.helper) if wait.helper else call


def _place(wait: Wait) -> str:
    if wait.place is None:
        return ""
    return _("{function} at {where}").format(function=wait.place.function, where=wait.place.where)


def _source(wait: Wait, directory: Path) -> str:
    """The source line; of a lock that was named it would say nothing new."""
    if not wait.place or (wait.lock and wait.name):
        return ""
    line = stacks.source_line(wait.place, directory).strip()
    return f": `{line[:MOST_SOURCE]}`" if line else ""


def _target(wait: Wait) -> list[str]:
    """Which thread holds the lock that another waits for, and what is wrong with that."""
    if not wait.lock:
        return []
    if wait.on and wait.on.number == wait.thread.number:
        return [_("it is held by this thread itself, which waits for ever (self-deadlock)")]
    if wait.on:
        return [_("it is held by {who}").format(who=_who(wait.on))]
    if wait.ended:
        return [_("it is held by a thread that has ended: a missing unlock")]
    if wait.nobody:
        return [_("no thread holds it: never initialised, destroyed, or overwritten")]
    return []


def _deadlock(circle: Set[int], wait: Wait, found: Sequence[Wait]) -> list[str]:
    """That threads wait for each other; of any other thread, the locks that it holds against others."""
    if len(circle) == 2:
        return [_("these two wait for each other (deadlock)")]
    if circle:
        words = _("{n} threads wait for each other in a circle (deadlock)")
        return [words.format(n=len(circle))] if len(circle) > 1 else []
    number = wait.thread.number
    held = [_lock(w) for w in found if w.lock and w.on and w.on.number == number]
    return [_("it holds {locks}").format(locks=", ".join(dict.fromkeys(held)))] if held else []


def _chain(wait: Wait) -> list[str]:
    """The calls by which a thread came where it waits, where there is more than one."""
    if len(wait.chain) < 2:
        return []
    steps = [f"{frame.function} ({frame.where})" for frame in wait.chain[-MOST_CHAIN:]]
    before = ["…"] if len(wait.chain) > MOST_CHAIN else []
    return ["    " + " -> ".join([*before, *steps, *filter(None, (wait.helper, wait.call))])]
