"""A running program: its output as it comes, its end, what it uses; and nothing of it left afterwards."""

from __future__ import annotations

import functools
import os
import resource
import shlex
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from labkit.box import network, sandbox
from labkit.box.ends import outputs, read, ready, set_columns, shown_on, waiting
from labkit.box.family import first_process, orphans, pidfd_of, reap_orphans, send_quietly
from labkit.box.places import MOST_WRITTEN, Disk
from labkit.box.stream import Ended, Stream, how_ended, note_lines
from labkit.ground import proc, usage
from labkit.ground.budget import NICE, Budget
from labkit.ground.catalog import MOST_THREADS
from labkit.ground.faults import Fault, Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline
from labkit.ground.words import _

MOST_OUTPUT = 16 * sandbox.MIB
MOST_RESIDENT = 6 << 30  # a sanitizer with 1,000 threads needs 1 GiB
MOST_PROCESSES = 64
WATCH_EVERY = 0.2
COUNT_EVERY = 0.02  # of threads and processes, which come by the thousand between two looks
LAST_WORDS_SECONDS = 2.0
END_SECONDS = 10.0  # a killed process takes milliseconds, one of 1,000 threads under a sanitizer a little longer


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
        self._reading = threading.Lock()  # held by the pump from a read until its bytes stand there
        self.disk = Disk()
        self._began = time.monotonic()
        self._pid = 0
        self._mark = mark
        self._most_threads = most_threads
        self._killed = False  # by us
        ours, theirs = outputs(terminals, columns)
        self._ends = [(fd, getattr(self, stream)) for stream, fd in ours.items()]
        self._terminal = ours[shown_on(terminals)] if terminals else -1
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
        self._first = first_process(self._status) if self._status else self._popen.pid
        self._pidfd = os.pidfd_open(self._popen.pid)
        self._init = pidfd_of(self._first) if self._boxed else None
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
        return not ready([self._pidfd], 0)

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

    def may_open(self, descriptors: int) -> None:
        """Change the soft limit of its descriptors from now on, prlimit(2); no higher than the hard one."""
        with suppress(ProcessLookupError):
            _soft, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
            limit = min(descriptors, hard), hard
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limit)

    def state(self) -> str:
        """The state letter of its main thread, or where that has ended of its oldest: `T` is stopped. proc(5)"""
        return proc.state(self.pid, proc.first_thread(self.pid))

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
        while not ready([self._pidfd], deadline.turn) and not deadline.hopeless():
            pass
        return self.ended()

    def ended(self) -> Ended | None:
        """How it ended, with all its output read; None while it runs. Trouble if the sandbox never started it."""
        if self.running:
            return None
        self._pump.join()
        ended = how_ended(self._popen.wait())
        if trouble := self.never_ran():
            raise trouble
        return ended

    def never_ran(self) -> Trouble | None:
        """Why it was never started, though all has ended: its sandbox could not be made. None where it was."""
        if self.running or self._ran:
            return None
        self._pump.join()
        # A terminal shows both as one.
        said = self.stderr.text().strip() or self.stdout.text().strip()
        why = said or str(how_ended(self._popen.wait()))
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
            ready([self._init], END_SECONDS)
            # By its pidfd: its number may be another process's by now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._popen.wait()
        if self._pump.ident is not None:
            self._pump.join()
        reap_orphans(Program._started)
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
                    send_quietly(pid, number)
            time.sleep(0.002)

    def _family(self) -> list[int]:
        tree = proc.tree(self._popen.pid) if self.running else []
        return [
            *tree,
            *(proc.marked(self._mark) if self._mark else []),
            *orphans(Program._started),
        ]

    # -- what it says ------------------------------------------------------------------------

    def heard(self) -> bool:
        """Whether all that it has written so far stands in `stdout` and `stderr`."""
        with self._reading:
            return not any(waiting(fd) for fd, _stream in self._ends)

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
            came = ready(ends, COUNT_EVERY if running else WATCH_EVERY)
            with self._reading:
                for fd in streams.keys() & set(came):
                    data = read(fd)
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
            elif not came or time.monotonic() - alive > LAST_WORDS_SECONDS:
                break  # a grandchild may hold the pipes; its output is nobody's
        for stream in (self.stdout, self.stderr):
            stream.close()
        self.journal.note(self.name, str(how_ended(self._popen.wait())))

    def terminal_settings(self) -> list[Any]:
        """How its terminal is set, as termios.tcgetattr gives it; a master tells of its slave."""
        return termios.tcgetattr(self._terminal)

    def keys(self) -> int:
        """A descriptor, the caller's to close, into which a person at its terminal types."""
        return os.dup(self._terminal)

    def resize(self, columns: int) -> None:
        """Give its terminal another width, and tell it so: SIGWINCH."""
        set_columns(self._terminal, columns)
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
        note_lines(self.journal, self.name, stream, pending, data)

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
        elif self.disk.taken(family) > MOST_WRITTEN:
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
