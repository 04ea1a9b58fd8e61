"""Takes down what programs show at a failure: first what disturbs nobody, then their stacks.

What comes first is taken at the moment at which the fault is raised: the flight record, and which threads use the
CPU. gdb stops a program, which interrupts calls, and unwinding closes clients, which wakes threads: both come later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from labkit.box import addresses
from labkit.box.symbols import Runner
from labkit.diagnosis.facts import EXITS, Busy, Evidence
from labkit.ground import proc
from labkit.ground.faults import Fault, Silent, Trouble
from labkit.ground.stacks import Frame, own
from labkit.ground.words import _
from labkit.hang import flight, hang, threads, waits
from labkit.hang.calls import Flight
from labkit.hang.waits import Wait
from labkit.reports import wording
from labkit.scene.running import Running, of_end

LOOK_SECONDS = 15.0  # that gdb may take
WATCHED_SECONDS = 0.2  # for which threads are watched, to see who never sleeps
BUSY_SECONDS = 0.03  # of the CPU that a thread must have used then
MOST_WATCHED = 256  # threads
STACK_BYTES = 8 << 20  # of a thread, unless its attributes say otherwise
_SAYS_ALL = ("SIGPIPE", "SIGXCPU")  # why such a signal came, whatever a check was about to see
_OUR_SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")


@dataclass
class Snapshot:
    """What one program showed.

    busy: the shares of its threads that never slept, by their ids as the program knows them; None if not known.
    queue: how many clients wait to be accepted. shares_port: a port on which another program listens as well.
    """

    flight: Flight | None = None
    busy: Mapping[int, float] | None = None
    queue: int = 0
    shares_port: int = 0
    waits: Sequence[Wait] = field(default_factory=tuple)


def first_look(fault: Fault, programs: Iterable[Running]) -> dict[str, Snapshot]:
    """What programs show at this moment, by their names; nothing is done to them."""
    programs = [program for program in programs if program is fault.about or not fault.about]
    seen = {program.name: Snapshot(_flight(program)) for program in programs}
    running = [program for program in programs if program.running]
    for program, busy in zip(running, _busy(running)):
        seen[program.name].busy = busy
        seen[program.name].queue = sum(program.listening().values())
        seen[program.name].shares_port = _shared(program, running)
    return seen


def _flight(program: Running) -> Flight | None:
    """The record of its calls so far; None where there is none."""
    try:
        return flight.read(program.log / "stats")
    except (Trouble, Fault):
        return None


def _busy(programs: Sequence[Running]) -> list[dict[int, float]]:
    """For each program the threads that run all the time."""
    before = [proc.tasks(program.pid, MOST_WATCHED) for program in programs]
    if not any(task.state == "R" for found in before for task in found.values()):
        return [{} for _program in programs]
    began = time.monotonic()
    time.sleep(WATCHED_SECONDS)
    after = [proc.tasks(program.pid, MOST_WATCHED) for program in programs]
    seconds = time.monotonic() - began
    found = []
    for first, then in zip(before, after):
        both = [(first[tid], now) for tid, now in then.items() if tid in first]
        shares = {
            now.inner: (now.ran - old.ran) / seconds
            for old, now in both
            if old.state == now.state == "R"
            and now.slept == old.slept
            and now.ran - old.ran > BUSY_SECONDS
        }
        found.append(shares)
    return found


def _shared(program: Running, running: Sequence[Running]) -> int:
    """A port on which this program and another one of the same network listen, 0 if there is none."""
    mine = set(program.listening())
    for other in running:
        if other is not program and other.network == program.network:
            common = mine & set(other.listening())
            if common:
                return int(next(iter(common))[1])
    return 0


def stacks(program: Running, fault: Fault) -> str:
    """Where the threads of a running program wait, in words, by gdb, once; the fault keeps what was seen.

    It stops the program for a moment, which interrupts calls.
    """
    seen: dict[str, Snapshot] = fault.evidence if isinstance(fault.evidence, dict) else {}
    snapshot = seen.setdefault(program.name, Snapshot())
    if snapshot.waits or not program.running:
        return ""
    fault.evidence = seen
    directory = program.scene.builder.sources.directory
    look = threads.look(program.pid, LOOK_SECONDS)
    snapshot.waits = _without_copies(hang.of_program(look, directory), snapshot.flight)
    return hang.told(program.pid, look, snapshot.waits, directory)


def is_ending(program: Running, fault: Fault) -> bool:
    """Whether a program had called exit, or one of its kin, when the fault was made."""
    seen = (fault.evidence or {}).get(program.name)
    record = seen.flight if seen and seen.flight else Flight({})
    return any(event.call in EXITS for events in record.events.values() for event in events)


def _without_copies(found: Sequence[Wait], record: Flight | None) -> list[Wait]:
    """The waits, those for a lock on the thread's own stack that nobody has taken without the holder that it names.

    A copy of a lock names who held the one that was copied.
    """
    lives = {life.tid: life for life in record.lives.values()} if record else {}
    taken = {held.lock for life in lives.values() for held in life.held}

    def is_copy(wait: Wait) -> bool:
        life, address = lives.get(wait.thread.inner), next(iter(wait.thread.arguments), 0)
        mine = life and life.number and 0 < life.handle - address < STACK_BYTES
        return bool(mine and wait.lock == "mutex" and address not in taken)

    return [
        replace(wait, on=None, ended=False, nobody=True) if is_copy(wait) else wait
        for wait in found
    ]


def evidence(program: Running, seen: Snapshot | None, fault: Fault, run: Runner) -> Evidence:
    """All that is known of a program at a failure, with source lines. run: what looks into the program."""
    seen = seen or Snapshot(_flight(program))
    record = seen.flight or Flight({})
    ended = program.ended()
    reader = _Reader(program, record, run)
    return Evidence(
        calls=record.events,
        inside=record.inside,
        held={held.lock: (n, held.site) for n, life in record.lives.items() for held in life.held},
        numbers=record.numbers,
        failed=[life.failed for life in record.lives.values() if life.failed],
        whole=not record.unrecorded and not any(map(record.lost, record.lives)),
        at=reader.place,
        variable=reader.variable,
        on_stack=reader.on_stack,
        role=reader.role,
        busy=None if seen.busy is None else reader.busy(seen),
        said=program.stderr.text(),
        got=fault.got,
        silent=isinstance(fault, Silent),
        queue=seen.queue,
        shares_port=seen.shares_port,
        stuck=waits.stuck(seen.waits) or "",
        end=_untimely(program, fault),
        signal=(ended.signal or "") if ended else "",
        unsafe=record.unsafe,
        ended=frozenset(n for n, life in record.lives.items() if life.ended is not None),
        status=ended.status if ended and not program.may_end else None,
    )


def _untimely(program: Running, fault: Fault) -> str:
    """The cause that a program's end shows by itself, where that explains more than what the fault has."""
    ended = program.ended()
    if ended is None:
        return ""
    if ended.signal in _SAYS_ALL:
        return of_end(ended)
    ours = ended.signal in (None, *_OUR_SIGNALS)
    unasked = not program.may_end and not fault.cause
    return of_end(ended) if unasked or (not ours and not fault.details) else ""


class _Reader:
    """Knows the lines of a program's calls and the functions of its threads. What cannot be read stays empty."""

    def __init__(self, program: Running, record: Flight, run: Runner) -> None:
        self._lives = record.lives
        self._by_tid = {life.tid: number for number, life in record.lives.items()}
        self._bias = record.bias
        self._variables: list[addresses.Variable] = []
        self._frames: Callable[[int], tuple[Frame, ...]] = lambda _site: ()
        if not record.events:
            return
        with suppress(Trouble, Fault):
            built = program.scene.builder.build(program.program, program.tool.flavour)
            self._frames = flight.lines(record, built.program, run)
            self._variables = addresses.variables(built.program, run)

    def variable(self, address: int) -> str:
        """The name of the variable of static duration that an address lies in."""
        found = addresses.variable_at(address - self._bias, self._variables)
        return wording.plain_name(found.name) if found else ""

    def on_stack(self, number: int, address: int) -> bool:
        """Whether an address lies on the stack of a thread but main: below what its pthread_t points to."""
        life = self._lives.get(number)
        return bool(number and life and 0 < life.handle - address < STACK_BYTES)

    def place(self, site: int) -> str:
        """`echo_server.c:12`, the student's line where there is one."""
        frames = self._frames(site)
        frame = own(frames) or next((frame for frame in frames if frame.file), None)
        return frame.where if frame else ""

    def role(self, number: int) -> str:
        """What a thread is called: by its number in the order of creation and the function that it began in."""
        if number == 0:
            return _("the main thread")
        life = self._lives.get(number)
        frames = self._frames(life.routine) if life else ()
        name = _("thread {number}").format(number=number + 1)
        return f"{name} ({frames[-1].function})" if frames else name

    def busy(self, seen: Snapshot) -> list[Busy]:
        """The threads that run all the time, with where they are."""
        waits_ = {wait.thread.inner: wait for wait in seen.waits}
        found = []
        for tid, share in (seen.busy or {}).items():
            wait, number = waits_.get(tid), self._by_tid.get(tid)
            who = _("a thread") if number is None else self.role(number)
            found.append(Busy(who, share, wait.place.where if wait and wait.place else ""))
        return found
