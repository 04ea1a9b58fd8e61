"""Which thread waits for which: what each thread of a program waits for, and which thread has it.

The holder of a lock is read from the lock itself, whose address the waiting thread has given to futex(2): glibc
writes the owner's id into it. So it is known of any lock, also of one that no source line names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.ground import stacks
from labkit.ground.stacks import Frame
from labkit.hang.threads import Thread

# futex(2), glibc's nptl/lowlevellock.h, struct __pthread_mutex_s, struct __pthread_rwlock_arch_t: 64 bits.
FUTEX, FUTEX_COMMAND, FUTEX_WAIT, FUTEX_PRIVATE = "futex", 0x7F, 0, 0x80
LOCKED_AND_WAITED_FOR = 2
MUTEX_OWNER = 8
RWLOCK_WAITED_FOR, RWLOCK_WRITER = (8, 12), 24

# struct pthread, which pthread_join(3) waits in: how far it reaches, from the thread pointer up on x86_64 and
# down on aarch64. The word that it sleeps on is the thread's id or, from glibc 2.43 on, its state.
DESCRIPTOR = 4096
JOINABLE = 2

MUTEX_CALLS = ("pthread_mutex_lock", "pthread_mutex_timedlock", "mtx_lock", "mtx_timedlock")
CONDITION_CALLS = ("pthread_cond_wait", "pthread_cond_timedwait", "cnd_wait", "cnd_timedwait")
RWLOCK_CALLS = ("pthread_rwlock_rdlock", "pthread_rwlock_wrlock")
JOIN_CALLS = ("pthread_join", "pthread_timedjoin_np", "thrd_join")

# How the C library and the sanitizers call their functions behind the names that programs use.
_DISGUISE = re.compile(r"^_+(?:interceptor_|GI_+|libc_|isoc\d+_)?(?=[a-z])|_chk$")


@dataclass(frozen=True)
class Wait:
    """What one thread waits for.

    place: its innermost frame in the student's files; chain: all of those, the outermost first. call: the
    function of the C library that it is in; helper: the labs' common function that called it.
    lock: "mutex", "rwlock" or nothing; name: the lock's variable. on: the thread that holds the lock, or is
    joined; ended: another one held it, which is there no more; nobody: the lock names no owner.
    """

    thread: Thread
    place: Frame | None = None
    chain: tuple[Frame, ...] = ()
    call: str = ""
    helper: str = ""
    lock: str = ""
    name: str = ""
    on: Thread | None = None
    ended: bool = False
    nobody: bool = False


def of(threads: Iterable[Thread], directory: Path) -> list[Wait]:
    """What each of a program's threads waits for; `directory` holds the student's files."""
    try:
        files = [path.name for path in directory.iterdir() if path.suffix in (".c", ".h")]
    except OSError:
        files = []
    threads = list(threads)
    known = {thread.inner: thread for thread in threads}
    placed = (_placed(thread, files or None) for thread in threads)
    return [_with_target(wait, known, directory) for wait in placed]


def circles(waits: Iterable[Wait]) -> list[frozenset[int]]:
    """The sets of threads, by their numbers, that wait for each other in a circle; or for themselves."""
    follows = {wait.thread.number: wait.on.number for wait in waits if wait.on}
    found: list[frozenset[int]] = []
    for start in follows:
        path: list[int] = []
        at: int | None = start
        while at is not None and at not in path:
            path.append(at)
            at = follows.get(at)
        if at == start and frozenset(path) not in found:
            found.append(frozenset(path))
    return found


def stuck(waits: Sequence[Wait]) -> str | None:
    """The named cause for which a program does not go on, where its threads show one.

    A lock that its owner took along or takes twice, threads that wait for each other, a condition that
    nobody is left to signal.
    """
    if any(wait.lock and wait.ended for wait in waits):
        return "missing-unlock"
    round_ = circles(waits)
    if round_:
        return "deadlock" if any(len(circle) > 1 for circle in round_) else "self-deadlock"
    if len(waits) == 1 and waits[0].call in ("pthread_cond_wait", "cnd_wait"):
        return "lost-wakeup"
    return None


def _placed(thread: Thread, files: Sequence[str] | None) -> Wait:
    """Where a thread stands in the student's files, and what it calls there."""
    mine = stacks.own(thread.frames, files)
    if mine is None:
        return Wait(thread, call=thread.call)
    at = thread.frames.index(mine)
    chain = tuple(frame for frame in thread.frames[at:] if stacks.own([frame], files))[::-1]
    helper = ""
    while at and (thread.frames[at - 1].file or "").startswith("common/"):
        at -= 1
        helper = thread.frames[at].function
    call = thread.calls[at] or (thread.frames[at - 1].function if at else "")
    return Wait(thread, mine, chain, _plain(call), helper)


def _plain(function: str) -> str:
    """A library function's name as programs use it."""
    return "" if function == "??" else _DISGUISE.sub("", function)


def _with_target(wait: Wait, known: Mapping[int, Thread], directory: Path) -> Wait:
    """The wait with the lock and the thread that it is for. `known`: threads by their ids in the program."""
    thread = wait.thread
    if thread.call != FUTEX or len(thread.arguments) < 3:
        return wait
    address, operation, value = thread.arguments[:3]
    unseen, plainly = not thread.frames, operation & FUTEX_COMMAND == FUTEX_WAIT
    if wait.call in RWLOCK_CALLS:
        # Of two neighbouring ints that are waited for, the first lies at a multiple of 8.
        waited_for = RWLOCK_WAITED_FOR[address % 8 != 0]
        writer = thread.word(RWLOCK_WRITER - waited_for)
        return _for_lock(replace(wait, lock="rwlock"), writer, known, directory)
    if wait.call in JOIN_CALLS or (unseen and not plainly and not operation & FUTEX_PRIVATE):
        return replace(wait, on=_joined(address, value, known))
    if value != LOCKED_AND_WAITED_FOR or thread.word(0) != LOCKED_AND_WAITED_FOR:
        return wait
    owner = thread.word(MUTEX_OWNER)
    if (
        wait.call in MUTEX_CALLS
        or (wait.call in CONDITION_CALLS and plainly)  # it was woken, and wants its mutex back
        or (unseen and plainly and owner in known)
    ):
        return _for_lock(replace(wait, lock="mutex"), owner, known, directory)
    return wait


def _joined(address: int, value: int, known: Mapping[int, Thread]) -> Thread | None:
    """The thread whose end is waited for: the one in whose descriptor the address lies.

    Where its thread pointer is not known, the value may be its id, but a state would look like an id, too.
    """
    inside = [t for t in known.values() if t.pointer and abs(address - t.pointer) < DESCRIPTOR]
    if inside:
        return min(inside, key=lambda thread: abs(address - thread.pointer))
    return None if value == JOINABLE else known.get(value)


def _for_lock(wait: Wait, owner: int | None, known: Mapping[int, Thread], directory: Path) -> Wait:
    """The wait for a lock that names `owner` as its owner: 0 is nobody, or any number of readers."""
    return replace(
        wait,
        name=wait.thread.symbol or _argument(wait, directory),
        on=known.get(owner or 0),
        ended=bool(owner) and owner not in known,
        nobody=owner == 0 and wait.lock == "mutex",
    )


def _argument(wait: Wait, directory: Path) -> str:
    """The lock as the source line calls it: "room->lock" of `pthread_mutex_lock(&room->lock)`."""
    if not wait.place or not wait.call:
        return ""
    line = stacks.source_line(wait.place, directory)
    match = re.search(rf"\b{re.escape(wait.call)}\s*\(([^()]*)", line)
    arguments = match[1].split(",") if match else []
    number = 1 if wait.call in CONDITION_CALLS else 0
    return arguments[number].strip().lstrip("&").strip() if number < len(arguments) else ""
