"""A running program: its output as it comes, its end, what it uses; and nothing of it left afterwards."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import resource
import select
import shlex
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from labkit.box import network, sandbox
from labkit.ground import proc, usage
from labkit.ground.budget import NICE, Budget
from labkit.ground.catalog import MOST_THREADS
from labkit.ground.faults import Fault, Silent, Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline
from labkit.ground.words import _

MOST_OUTPUT = 16 * sandbox.MIB
MOST_RESIDENT = 6 << 30  # a sanitizer with 1,000 threads needs 1 GiB
MOST_PROCESSES = 64
MOST_WRITTEN = 512 * sandbox.MIB  # into all files of its directories
MOST_ENTRIES = 10_000  # of its directories
MOST_PATH = 2_000  # characters: longer ones than the kernel takes could not be looked at
WATCH_EVERY = 0.2
COUNT_EVERY = 0.02  # of threads and processes, which come by the thousand between two looks
LAST_WORDS_SECONDS = 2.0
END_SECONDS = 10.0  # a killed process takes milliseconds, one of 1,000 threads under a sanitizer a little longer
JOURNALED = 100  # lines of one piece of output that the conversation shows


@dataclass(frozen=True)
class Ended:
    """How a process ended: an exit status, or a signal by name."""

    status: int
    signal: str | None

    def __str__(self) -> str:
        if self.signal:
            return _("killed by {signal}").format(signal=self.signal)
        return _("exit status {status}").format(status=self.status)


def _ended(code: int) -> Ended:
    """From Popen's return code; the sandbox's init reports a signal as 128 + its number."""
    number = -code if code < 0 else code - 128 if code > 128 else 0
    try:
        return Ended(code, signal.Signals(number).name if number else None)
    except ValueError:
        return Ended(code, None)


class Stream:
    """One output of a program, whole, with waiting for what is to come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = bytearray()
        self.closed = False
        self._came: list[tuple[int, float]] = []  # (length of data then, when)
        self.changed = threading.Condition()  # guards data, _came and closed

    def add(self, data: bytes) -> None:
        with self.changed:
            self.data += data
            self._came.append((len(self.data), time.monotonic()))
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def taken(self) -> bytes:
        with self.changed:
            return bytes(self.data)

    def text(self) -> str:
        return self.taken().decode("utf-8", "backslashreplace")

    def lines(self) -> list[str]:
        """All finished lines so far."""
        return self.text().split("\n")[:-1]

    def timed_lines(self) -> list[tuple[float, str]]:
        """All finished lines so far, each with the monotonic time at which its end was read."""
        with self.changed:
            data, came = bytes(self.data), list(self._came)
        lines, position, index = [], 0, 0
        for line in data.split(b"\n")[:-1]:
            position += len(line) + 1
            while came[index][0] < position:
                index += 1
            lines.append((came[index][1], line.decode("utf-8", "backslashreplace")))
        return lines

    def wait_until(self, enough: Callable[[bytes], bool], deadline: Deadline) -> bool:
        """Wait until the bytes so far are `enough`; False at the deadline, at the stream's end or where none will come."""
        while not self._comes(enough, deadline.turn):
            # Not with the lock: the pump needs it to bring what has been written.
            if self.closed or deadline.hopeless():
                return self._comes(enough, 0.0)
        return True

    def _comes(self, enough: Callable[[bytes], bool], seconds: float) -> bool:
        """Whether the bytes are `enough`, now or within so many seconds; it may return earlier."""
        with self.changed:
            if not enough(bytes(self.data)) and not self.closed and seconds:
                self.changed.wait(seconds)
            return enough(bytes(self.data))

    def wait_for(self, pattern: str, deadline: Deadline) -> re.Match[str] | None:
        """Wait for a regular expression in the text so far; None if it does not come."""
        compiled = re.compile(pattern, re.MULTILINE)
        self.wait_until(
            lambda data: bool(compiled.search(data.decode("utf-8", "replace"))), deadline
        )
        return compiled.search(self.text())


class Program:
    """One program started by the harness, alone in its process namespace or process group.

    `name` is how the conversation calls it. Always `close` it; `Scene` does.
    """

    _started: ClassVar[set[int]] = set()  # the processes that Popen waits for

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        journal: Journal,
        *,
        cwd: Path,
        stdin: int = subprocess.DEVNULL,
        status: tuple[int, int] | None = None,
        shown: Sequence[str] = (),
        mark: str = "",
        terminals: Sequence[str] = (),
        columns: int = 80,
        most_threads: int = MOST_THREADS,
    ) -> None:
        """Start `command`. status: a pipe (read end, write end) into which bubblewrap writes.

        mark: a word of its environment by which, without a sandbox, its descendants are found.
        terminals: which of stdin, stdout and stderr are a terminal, of so many columns; if several are, they
        are the same one, and what comes from it stands in `stdout`, or in `stderr` where stdout is no terminal.
        most_threads: a program that has more is ended.
        """
        self.name = name
        self.shown = list(shown) or list(command)
        self.journal = journal
        self.stdout, self.stderr = Stream("stdout"), Stream("stderr")
        self.killed_for: Fault | None = None
        self.budget: Budget | None = None  # of CPU time
        self.cpu_used = 0.0  # by all its processes, as far as it was seen, in seconds
        self.most_resident = 0  # bytes that all its processes were seen to have at a time
        self._nice = False
        self._reading = (
            threading.Lock()
        )  # held by the pump from a read on until its bytes stand in the stream
        self.places: tuple[Path, ...] = ()  # directories of this machine that it can write to
        self._began = time.monotonic()
        self._pid = 0
        self._mark = mark
        self._most_threads = most_threads
        self._killed = False  # by us
        ours, theirs = _outputs(terminals, columns)
        self._ends = [(fd, getattr(self, stream)) for stream, fd in ours.items()]
        self._terminal = ours[_shown_on(terminals)] if terminals else -1
        try:
            self._popen = subprocess.Popen(
                command,
                cwd=cwd,
                env=sandbox.environment(),
                stdin=theirs.get("stdin", stdin),
                stdout=theirs["stdout"],
                stderr=theirs["stderr"],
                pass_fds=[status[1]] if status else [],
                start_new_session=True,
            )
        except OSError as error:
            if status:
                os.close(status[0])
            words = _("cannot start {program}: {why}")
            raise Trouble(words.format(program=command[0], why=error)) from error
        finally:
            for fd in {*theirs.values(), *(status[1:] if status else ())}:
                os.close(fd)
        Program._started.add(self._popen.pid)
        self._status = os.fdopen(status[0], "rb") if status else None
        self._boxed = status is not None
        self._first = _first_process(self._status) if self._status else self._popen.pid
        self._pidfd = os.pidfd_open(self._popen.pid)
        self._init = _pidfd(self._first) if self._boxed else None
        self._pump = threading.Thread(target=self._run_pump, name=f"pump {name}", daemon=True)
        try:
            self._pump.start()
        except RuntimeError as error:  # this machine has no thread left
            self.close()
            words = _("cannot watch {program}: {why}")
            raise Trouble(words.format(program=name, why=error)) from error
        self.journal.note(name, _("is started: {line}").format(line=shlex.join(self.shown)))

    # -- what it is --------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The program's process id as the harness sees it; 0 once it has ended."""
        if not self._pid:
            if self._first == self._popen.pid:
                self._pid = self._popen.pid
            elif self._first:
                self._pid = next(iter(proc.children(self._first)), 0)
        return self._pid if self.running else 0

    @property
    def running(self) -> bool:
        # Not by Popen.poll(), which says "still running" while another thread is polling too.
        return not _ready([self._pidfd], 0)

    def threads(self) -> int:
        return len(proc.threads(self.pid))

    def processes(self) -> int:
        """It and all its descendants."""
        return len(proc.tree(self.pid)) if self.pid else 0

    def everybody(self) -> list[int]:
        """All its processes that live, by their ids, wherever they went; with bubblewrap's own."""
        if not self.running:
            return []
        if self.pid and self._boxed and len(proc.inside(self._first)) == 1:
            return [self.pid]  # its threads need not be asked for children, one by one
        return proc.tree(self._first, MOST_PROCESSES + 1) if self._boxed else self._family()

    def descriptors(self) -> int:
        return len(proc.descriptors(self.pid))

    def free_number(self) -> int:
        """The lowest number that is no open descriptor's: the next one's."""
        used = set(proc.descriptors(self.pid))
        return min(set(range(len(used) + 1)) - used)

    def resident(self) -> int:
        """Resident memory in bytes that is in no file: the shim's record is none of the program's."""
        return proc.own_resident(self.pid)

    def peak_resident(self) -> int:
        """The most resident memory that it has had so far, in bytes."""
        return proc.peak_resident(self.pid)

    def cpu_seconds(self) -> float:
        return proc.cpu_seconds(self.pid)

    def cpu_by_thread(self) -> dict[int, float]:
        """What each of its threads, by its id, has used so far, in seconds."""
        return {thread: proc.cpu_seconds(self.pid, thread) for thread in proc.threads(self.pid)}

    def may_open(self, descriptors: int) -> None:
        """Change the soft limit of its descriptors from now on, prlimit(2); no higher than the hard one."""
        with suppress(ProcessLookupError):
            _soft, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
            limit = min(descriptors, hard), hard
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limit)

    def state(self) -> str:
        """The state letter of its main thread, or where that has ended of its oldest: `T` is stopped. proc(5)"""
        return proc.state(self.pid, proc.first_thread(self.pid))

    def at_rest(self) -> bool:
        """Whether all its threads sleep at this moment: none works, or waits for a CPU or a disk."""
        return not any(proc.state(self.pid, t) in "RD" for t in proc.threads(self.pid))

    def listening(self) -> dict[tuple[str, int], int]:
        """(address, port) -> clients waiting in the accept queue."""
        return network.listening_ports(self.pid) if self.pid else {}

    def holds(self, port: int) -> bool:
        """Whether a client's connection, known by its port, is still established on this program's side."""
        return bool(self.pid) and network.holds(self.pid, port)

    # -- what is done to it ------------------------------------------------------------------

    def signal(self, number: signal.Signals, to_main: bool = False) -> None:
        """Send a signal to the process; to_main: to its main thread, if that lives, whatever that thread blocks."""
        self.journal.note(self.name, _("gets {signal}").format(signal=number.name))
        if self.pid and to_main and proc.state(self.pid) not in proc.ENDED:
            proc.tgkill(self.pid, self.pid, number)
        elif self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, deadline: Deadline) -> Ended | None:
        """Wait for its end; None if it is still running at the deadline."""
        while not _ready([self._pidfd], deadline.turn) and not deadline.hopeless():
            pass
        return self.ended()

    def ended(self) -> Ended | None:
        """How it ended, with all its output read; None while it runs. Trouble if the sandbox never started it."""
        if self.running:
            return None
        self._pump.join()
        ended = _ended(self._popen.wait())
        if trouble := self.never_ran():
            raise trouble
        return ended

    def never_ran(self) -> Trouble | None:
        """Why it was never started, though all has ended: its sandbox could not be made. None where it was."""
        if self.running or self._ran:
            return None
        self._pump.join()
        said = (
            self.stderr.text().strip() or self.stdout.text().strip()
        )  # a terminal shows both as one
        why = said or str(_ended(self._popen.wait()))
        words = _("the sandbox of {program} could not be made: {why}")
        return Trouble(words.format(program=self.name, why=why))

    @functools.cached_property
    def _ran(self) -> bool:
        """Whether the program was started at all, now that all has ended: bubblewrap says so, or we ended it.

        What fails before that is the machine's: processes, namespaces or memory are short.
        """
        return not self._status or self._killed or b"exit-code" in self._status.read()

    def close(self) -> None:
        """Kill whatever is left of it, and reap it: afterwards none of its processes is there."""
        self.kill()
        if self._init is not None:
            # The first process of a namespace is gone only when all the others are: pid_namespaces(7).
            _ready([self._init], END_SECONDS)
            # By its pidfd: its number may be another process's by now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._popen.wait()
        if self._pump.ident is not None:
            self._pump.join()
        _reap_orphans(Program._started)
        for fd in (self._pidfd, self._init, *(fd for fd, _stream in self._ends)):
            if fd is not None:
                os.close(fd)
        if self._status:
            self._status.close()

    def kill(self) -> None:
        """Kill the whole tree. With the first process of a PID namespace, all of it dies."""
        self._killed = True
        if self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        elif self._boxed:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        else:
            self._kill_family()

    def _kill_family(self) -> None:
        """Without a namespace: the tree, and processes that left it, found by their environment or as our orphans."""
        while left := self._family():
            # Stopped first: none of them shall see how the others end, and draw its conclusions.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in reversed(left):
                    _send_quietly(pid, number)
            time.sleep(0.002)

    def _family(self) -> list[int]:
        tree = proc.tree(self._popen.pid) if self.running else []
        return [
            *tree,
            *(proc.marked(self._mark) if self._mark else []),
            *_orphans(Program._started),
        ]

    # -- what it says ------------------------------------------------------------------------

    def heard(self) -> bool:
        """Whether all that it has written so far stands in `stdout` and `stderr`."""
        with self._reading:
            return not any(_waiting(fd) for fd, _stream in self._ends)

    @property
    def on_terminal(self) -> bool:
        """Whether it has a terminal, which takes its time to pass on what is written and typed."""
        return self._terminal >= 0

    def _run_pump(self) -> None:
        """Read both outputs until they close; end a program that floods, forks or eats the machine."""
        streams = dict(self._ends)
        partial = {fd: bytearray() for fd in streams}  # lines that are not finished yet
        looked = counted = alive = time.monotonic()
        while streams or self.running:
            # Asked before the outputs are looked at: what it writes and then ends comes in the next round.
            running = self.running
            ends = [*streams, *([self._pidfd] if running else [])]
            ready = _ready(ends, COUNT_EVERY if running else WATCH_EVERY)
            with self._reading:
                for fd in streams.keys() & set(ready):
                    data = _read(fd)
                    if data:
                        self._take(streams[fd], partial[fd], data)
                    else:
                        streams.pop(fd).close()
            if time.monotonic() - counted > COUNT_EVERY:
                self._count()
                counted = time.monotonic()
            if time.monotonic() - looked > WATCH_EVERY:
                self._watch()
                looked = time.monotonic()
            if running:
                alive = time.monotonic()
            elif not ready or time.monotonic() - alive > LAST_WORDS_SECONDS:
                break  # a grandchild may hold the pipes; its output is nobody's
        for stream in (self.stdout, self.stderr):
            stream.close()
        self.journal.note(self.name, str(_ended(self._popen.wait())))

    def terminal_settings(self) -> list[Any]:
        """How its terminal is set, as termios.tcgetattr gives it; a master tells of its slave."""
        return termios.tcgetattr(self._terminal)

    def keys(self) -> int:
        """A descriptor, the caller's to close, into which a person at its terminal types."""
        return os.dup(self._terminal)

    def resize(self, columns: int) -> None:
        """Give its terminal another width, and tell it so: SIGWINCH."""
        _set_columns(self._terminal, columns)
        self.signal(signal.SIGWINCH)

    def _take(self, stream: Stream, pending: bytearray, data: bytes) -> None:
        """Keep new output, note its finished lines in the journal; the unfinished rest is pending."""
        if len(stream.data) + len(data) > MOST_OUTPUT:
            self._stop(
                "flood",
                _("it printed more than {n} MiB on {stream}").format(
                    n=MOST_OUTPUT // sandbox.MIB, stream=stream.name
                ),
            )
            return
        stream.add(data)
        finished, newline, rest = data.rpartition(b"\n")
        if not newline:  # a line without an end is not looked through again and again
            pending += data
            return
        lines = bytes(pending + finished).split(b"\n")
        pending[:] = rest
        verb = _("prints") if stream.name == "stdout" else _("complains")
        for line in lines[:JOURNALED] if len(lines) > 2 * JOURNALED else lines:
            self.journal.note(self.name, verb, line)
        if len(lines) > 2 * JOURNALED:
            left_out = len(lines) - JOURNALED
            self.journal.note(self.name, _("and {n} more lines").format(n=left_out))

    def _count(self) -> None:
        """End a program that has too many processes or threads."""
        if not self.pid:
            return
        own = proc.inside(self._first) if self._boxed else [Path(f"/proc/{self.pid}")]
        if len(own) > MOST_PROCESSES:
            self._stop("forks", _("it started more than {n} processes").format(n=MOST_PROCESSES))
        elif sum(map(proc.thread_count, own)) > self._most_threads:
            n = self._most_threads
            self._stop("too-many-threads", _("it has more than {n} threads").format(n=n))

    def _watch(self) -> None:
        """End a program that has too many processes, too much memory, or too much in files."""
        if not self.pid:
            return
        alone = self._boxed and len(proc.inside(self._first)) == 1
        family = [self.pid] if alone else proc.tree(self._first, MOST_PROCESSES + 1)
        resident = sum(map(proc.resident, family))
        self.most_resident = max(self.most_resident, resident)
        if len(family) > MOST_PROCESSES:
            self._stop("forks", _("it started more than {n} processes").format(n=MOST_PROCESSES))
        elif resident > MOST_RESIDENT:
            self._stop("memory", _("it used more than {n} GiB").format(n=MOST_RESIDENT >> 30))
        elif _written(self.places) > MOST_WRITTEN:
            n = MOST_WRITTEN // sandbox.MIB
            self._stop("flood", _("it wrote more than {n} MiB into files").format(n=n))
        self._watch_cpu(family)

    def _watch_cpu(self, family: list[int]) -> None:
        """A program that spins stands back behind others after a while, and is ended in the end."""
        self.cpu_used = max(self.cpu_used, usage.cpu_seconds(family))
        if not self.budget:
            return
        if self.budget.spent(self.cpu_used):
            self._stop("cpu-budget", self.budget.words(self.cpu_used))
        elif self.budget.stands_back(self.cpu_used) and not self._nice:
            self._nice = True
            usage.be_nice(family, NICE)

    def _stop(self, cause: str, what: str) -> None:
        if not self.killed_for:
            self.killed_for = Fault(what, cause=cause)
            self.journal.note(self.name, what)
        self.kill()


def _shown_on(terminals: Sequence[str]) -> str:
    """The stream that gets what comes from a terminal."""
    return next(name for name in terminals if name != "stdin")


def _outputs(terminals: Sequence[str], columns: int) -> tuple[dict[str, int], dict[str, int]]:
    """Our ends and the program's of its stdout and stderr: pipes, or one terminal for those named.

    If stdin is named, that terminal is the program's stdin too.
    """
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    if terminals:
        ours[_shown_on(terminals)], slave = os.openpty()
        _set_columns(slave, columns)
        theirs = {stream: slave for stream in terminals}
    for stream in ("stdout", "stderr"):
        if stream not in theirs:
            ours[stream], theirs[stream] = os.pipe()
    return ours, theirs


def _set_columns(fd: int, columns: int) -> None:
    """Set a terminal's window to so many columns of 24 lines: ioctl_tty(2)."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def _read(fd: int) -> bytes:
    """What has come; empty at the end, which a terminal shows by an error."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


def _waiting(fd: int) -> int:
    """How many bytes are there to be read: ioctl(2), FIONREAD."""
    (count,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))
    return int(count)


def _first_process(status: IO[bytes]) -> int:
    """The id of the sandbox's first process, which bubblewrap writes as JSON; 0 if it did not start."""
    try:
        return int(json.loads(status.readline())["child-pid"])
    except (ValueError, KeyError):
        return 0


def _pidfd(pid: int) -> int | None:
    """A descriptor of a process, which no other process can take over; None where it has ended."""
    try:
        return os.pidfd_open(pid) if pid else None
    except ProcessLookupError:
        return None


def _ready(fds: Sequence[int], seconds: float) -> list[int]:
    """Those of the descriptors that can be read, at the latest after `seconds`. Not select(2), which ends at 1023."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _events in poller.poll(seconds * 1000)]


def _written(places: Sequence[Path]) -> int:
    """The bytes on disk of all files in these directories and below; more than allowed where they are too many."""
    total, entries, left = 0, 0, [str(place) for place in places]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as found:
            for entry in found:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                entries += 1
                if entries > MOST_ENTRIES or len(entry.path) > MOST_PATH:
                    return MOST_WRITTEN + 1
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return total


def _reap_orphans(ours: set[int]) -> None:
    """Reap dead descendants of programs, which were handed to us; not what `Popen` itself waits for."""
    for pid in proc.children(os.getpid()):
        if pid not in ours and not proc.threads(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _orphans(ours: set[int]) -> list[int]:
    """Living descendants of programs that were handed to us. A program has a session of its own, a helper ours."""
    return [
        pid
        for pid in proc.children(os.getpid())
        if pid not in ours and proc.threads(pid) and _session(pid) != os.getsid(0)
    ]


def _session(pid: int) -> int:
    """A process's session; ours where it has ended, so that it is left alone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return os.getsid(0)


def _send_quietly(pid: int, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def must_end(program: Program, deadline: Deadline, why: str) -> Ended:
    """Wait for a program's end; Silent if it does not come."""
    ended = program.wait(deadline)
    if ended is None:
        raise Silent(why, cause="hang")
    return ended
