"""What one check plays with: programs, networks and clients, a conversation, and an orderly end of it all."""

from __future__ import annotations

import math
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from labkit.box import network as networks, sandbox, shimstats
from labkit.box.program import Ended, Program
from labkit.build import build
from labkit.build.build import ASAN, PLAIN, TSAN, Builder, Flavour
from labkit.ground.budget import Budget
from labkit.ground.faults import Fault, Silent, Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline, Pace
from labkit.ground.words import _
from labkit.reports import helgrind
from labkit.wire.clients import Client
from labkit.wire.peers import Peer

Stdin = Literal["pipe", "terminal"] | bytes | None
ROOMY = "roomy"
START_SECONDS = 5.0
# The first pthread_exit or pthread_cancel makes glibc open this; without a descriptor for it, it aborts.
UNWINDER = "libgcc_s.so.1"
# A program that has too many threads is ended, by name; so many times more the kernel gives it until somebody looks.
SPARE = 2
WORD_SECONDS = 2.0  # from listen(2) to the message that says so
# gcc 12's libtsan loses a signal now and then; Helgrind gets the first one on its main thread alone.
STOP_AGAIN_SECONDS = {"tsan": 0.5, "helgrind": 3.0}


@dataclass(frozen=True)
class Tool:
    """What a program runs under. weight: how much slower it may be than plain."""

    name: str
    flavour: Flavour
    weight: float


NATIVELY = Tool("plain", PLAIN, 1.0)
UNDER_TSAN = Tool("tsan", TSAN, 4.0)
UNDER_ASAN = Tool("asan", ASAN, 3.0)
UNDER_HELGRIND = Tool("helgrind", PLAIN, 10.0)


@dataclass(frozen=True)
class Shim:
    """What the perturbation shim does: see harness/native/README.md.

    seed: None leaves the schedule alone. most_threads: above it thread creation fails with EAGAIN; None: no limit.
    create_us: by so much is thread creation slower. close_us: so much later goes on who has closed a connection. short: sockets move at most so many bytes a call, 0: whatever
    the kernel moves.
    """

    seed: int | None = None
    percent: int = 25
    max_us: int = 2000
    most_threads: int | None = None
    short: int = 0
    create_us: int = 0
    close_us: int = 0

    def environment(self) -> dict[str, str]:
        words = {"PERTURB_STATS": "/log/stats"}
        if self.seed is not None:
            words["PERTURB_SEED"] = str(self.seed)
            words["PERTURB_PERCENT"] = str(self.percent)
            words["PERTURB_MAX_US"] = str(self.max_us)
        if self.most_threads is not None:
            words["PERTURB_MAX_THREADS"] = str(self.most_threads)
        if self.create_us:
            words["PERTURB_CREATE_US"] = str(self.create_us)
        if self.close_us:
            words["PERTURB_CLOSE_US"] = str(self.close_us)
        if self.short:
            words["PERTURB_SHORT"] = str(self.short)
            words.setdefault("PERTURB_SEED", "1")
            words.setdefault("PERTURB_PERCENT", "0")
        return words


class Closing(Protocol):
    """What has to be closed when a check is over."""

    def close(self) -> None:
        """Give back what it holds."""


Thing = TypeVar("Thing", bound=Closing)


class Scene:
    """Everything that one check starts. `close` leaves nothing behind, whatever happened."""

    def __init__(
        self,
        builder: Builder,
        pace: Pace,
        seed: int,
        directory: Path,
        budget: Budget | None = None,
    ) -> None:
        """budget: of CPU time, of each program; None: no limit."""
        self.budget = budget
        self.builder = builder
        self.pace = pace
        self.seed = seed
        self.journal = Journal()
        self.programs: list[Running] = []
        pace.tested = lambda: [pid for program in self.programs for pid in program.everybody()]
        self.figures: list[str] = []
        self.stdin: Stdin = None  # the default of all programs
        # Raises what a tool has found in a program that has ended. Set by the module that can read its reports.
        self.judge: Callable[[Running], None] = lambda _program: None
        self.watched_by: Tool | None = None  # what programs run under that would run plainly
        self._directory = directory
        self._homes = 0
        self._networks: dict[str, networks.Network] = {}
        self._others: list[Closing] = []
        self._clients: list[Client] = []
        self._peers: list[Peer] = []

    # -- networks and clients ----------------------------------------------------------------

    def network(self, kind: str = ROOMY) -> networks.Network:
        """The check's network of a kind: see labkit/box/network.py."""
        if kind not in self._networks:
            self._networks[kind] = networks.make(sandbox.available(), kind)
        return self._networks[kind]

    def closing(self, thing: Thing) -> Thing:
        """Close what a lab's checks have opened together with the scene; returns it."""
        self._others.append(thing)
        return thing

    def client(self, sock: socket.socket, weight: float = 1.0, name: str = "") -> Client:
        """Wrap a connected socket as a named client; it is closed with the scene."""
        name = name or _("client {n}").format(n=len(self._clients) + 1)
        client = Client(sock, name, self.journal, self.pace, weight)
        self._clients.append(client)
        return client

    # -- programs ----------------------------------------------------------------------------

    def directory(self) -> Path:
        """A new directory for programs to be started in."""
        self._homes += 1
        home = self._directory / f"home-{self._homes}"
        home.mkdir()
        return home

    def start(
        self,
        program: str,
        *arguments: str,
        tool: Tool = NATIVELY,
        shim: Shim | None = None,
        limits: sandbox.Limits | None = None,
        network: str = ROOMY,
        stdin: Stdin = None,
        env: Mapping[str, str] | None = None,
        terminals: str = "",
        columns: int = 80,
        here: Path | None = None,
    ) -> Running:
        """Start one of the lab's programs. Faults if it does not compile.

        stdin: None is the scene's, which is empty at first; "pipe" and "terminal" are typed into with
        `Running.type`, bytes come as a file.
        terminals: which of "stdin stdout stderr" are a terminal, of so many columns, all the same one; what
        comes from it stands in `stdout`. With stdin, it is typed into and the program is its foreground job.
        here: the directory it starts in, made by `directory` or another's; None is a new one of its own.
        """
        if self.watched_by and tool is NATIVELY:
            tool = self.watched_by
        built = self.builder.build(program, tool.flavour)
        # Always there: it records what the program does, and tells a tool what that does not know.
        shim = shim or Shim()
        home = self._directory / f"run-{len(self.programs) + 1}"
        here, log = here or home / "here", home / "log"
        here.mkdir(parents=True, exist_ok=True)
        log.mkdir(parents=True)
        readable = {
            "/program": built.program.parent,
            "/native": build.NATIVE,
            "/shim": build.shim().parent,
        }
        view = sandbox.View(here, readable, {"/log": log})
        words = _tool_words(tool, view) + [sandbox.place(view, f"/program/{program}"), *arguments]
        if "stdin" in terminals.split():
            words = sandbox.foreground(words)
        most_threads = self.builder.lab.most_threads
        short = limits is not None and limits.files < sandbox.Limits.files
        environment = {
            **_shim_words(shim, view, program, [UNWINDER] if short else []),
            **_tool_environment(tool, view),
            **(env or {}),
        }
        mark = ""
        if not sandbox.available():
            environment["LAB_RUN"] = f"{os.getpid()}.{id(self)}.{len(self.programs)}"
            mark = f"LAB_RUN={environment['LAB_RUN']}"
        reader, writer = os.pipe() if sandbox.available() else (-1, -1)
        command = self.network(network).inside() + sandbox.command(
            words,
            view,
            env=environment,
            limits=replace(self._limited(limits), threads=SPARE * most_threads),
            status_fd=writer if writer >= 0 else None,
        )
        theirs, keyboard = _stdin(self.stdin if stdin is None else stdin, home)
        try:
            running = Running(
                program if not self.programs else f"{program} ({len(self.programs) + 1})",
                command,
                self.journal,
                cwd=here,
                stdin=theirs,
                status=(reader, writer) if writer >= 0 else None,
                shown=[program, *arguments],
                mark=mark,
                terminals=terminals.split(),
                columns=columns,
                most_threads=most_threads,
            )
        finally:
            os.close(theirs)
        running.attach(self, program, tool, log, network)
        running.here, running.places = here, (here, log)
        running.keyboard = running.keys() if "stdin" in terminals.split() else keyboard
        self.programs.append(running)
        return running

    def _limited(self, limits: sandbox.Limits | None) -> sandbox.Limits:
        """The limits, with the kernel's own on CPU time for where nobody looks: past the budget of all processes."""
        limits = limits or sandbox.Limits()
        return replace(limits, cpu=math.ceil(self.budget.most) + 5) if self.budget else limits

    def peer(self, host: str = "127.0.0.1", network: str = ROOMY) -> Peer:
        """A server of the harness's own, for a student's client to talk to."""
        peer = Peer(self.network(network), self.client, host)
        self._peers.append(peer)
        return peer

    def server(self, program: str, *arguments: str, **options: object) -> Server:
        """Start a server on a port that the kernel chooses, and wait until it listens and has said so."""
        if "-p" not in arguments:
            arguments = ("-p", "0", *arguments)
        running = self.start(program, *arguments, **options)  # type: ignore[arg-type]
        server = Server(running, wait_listening(running))
        self._await_word(running)
        return server

    def _await_word(self, running: Running) -> None:
        """Wait until a server says where it listens: before that it need not hear signals, or answer commands.

        Whether it says so at all is judged in a step of its own: the scene does not wait twice for a server that doesn't.
        """
        mute = self.builder.mute
        if running.program not in mute:
            if not running.stdout.wait_for(r"^listening on .*\n", running.deadline(WORD_SECONDS)):
                mute.add(running.program)

    def pause(self, seconds: float) -> None:
        """Let time pass for the sake of a figure; no verdict may rest on it."""
        time.sleep(seconds)

    def show(self, figure: str) -> None:
        """Something worth seeing when the check passes; it has no influence on the verdict."""
        self.figures.append(figure)

    # -- the end -----------------------------------------------------------------------------

    def cpu_used(self) -> float:
        """The seconds of CPU time that the hungriest of its programs has used so far."""
        return max((program.cpu_used for program in self.programs), default=0.0)

    def killed(self) -> Fault | None:
        """Why the harness had to end a program in the middle: whatever else went wrong came of that."""
        for program in self.programs:
            if program.killed_for:
                program.killed_for.about = program
                return program.killed_for
        return None

    def trouble(self) -> Trouble | None:
        """Why a program was never started, of which something was expected all the same."""
        return next(filter(None, (program.never_ran() for program in self.programs)), None)

    def ended_by_others(self) -> list[Running]:
        """The programs that somebody ended by SIGKILL, and not the harness: the kernel, for want of memory."""
        ended = [(program, program.ended()) for program in self.programs if not program.may_end]
        return [program for program, end in ended if end and end.signal == "SIGKILL"]

    def verify(self) -> None:
        """After a check's last line: a program that ended on its own, or had to be ended, is a fault."""
        killed = self.killed()
        if killed:
            raise killed
        for program in self.programs:
            program.must_not_have_died()

    def close(self) -> None:
        """Close every client, end every program, give every network back."""
        for client in self._clients:
            if not client.closed:
                client.closed = True
                client.sock.close()
        for program in self.programs:
            program.end_input()
            program.close()
        for peer in self._peers:
            peer.close()
        for other in self._others:
            other.close()
        for place in self._networks.values():
            place.close()


class Running(Program):
    """A program that a scene started, with its tool and its place."""

    def attach(self, scene: Scene, program: str, tool: Tool, log: Path, network: str) -> None:
        """Say what belongs to it: the lab's name for it, its tool, its log directory, its network."""
        self.scene = scene
        self.program = program
        self.tool = tool
        self.log = log
        self.network = network
        self.budget = scene.budget
        self.here = Path()  # the directory it was started in
        self.keyboard: int | None = None  # our end of its stdin
        self.may_end = False

    def deadline(self, seconds: float) -> Deadline:
        """A deadline for this program under its tool."""
        return self.scene.pace.deadline(seconds, self.tool.weight)

    def eventually(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition about this program; False at the deadline or when the program has ended."""
        self.scene.pace.eventually(
            lambda: not self.running or condition(), seconds, self.tool.weight
        )
        return condition()

    def stats(self) -> shimstats.ShimStats:
        """The shim's counters so far."""
        return shimstats.read(self.log / "stats")

    def must_not_have_died(self) -> None:
        """Fault if the program ended though nobody asked it to."""
        ended = self.ended()
        if ended and not self.may_end:
            raise death(self, ended)

    def type(self, data: bytes) -> None:
        """Write to the program's stdin, a pipe or a terminal's master; small amounts only."""
        self.journal.note(_("keyboard"), _("types"), data)
        try:
            if self.keyboard is not None:
                os.write(self.keyboard, data)
        except OSError:
            self.journal.note(_("keyboard"), _("finds stdin closed"))

    def end_input(self) -> None:
        """Close the program's stdin: end of file."""
        if self.keyboard is not None:
            self.journal.note(_("keyboard"), _("ends the input"))
            os.close(self.keyboard)
            self.keyboard = None

    def close_now(self) -> None:
        """End it at once; what it would have said is of no interest."""
        self.may_end = True
        self.kill()

    def must_end(self) -> None:
        """Wait until a program that was ended is gone, with all its output and logs."""
        if self.wait(self.deadline(10.0)) is None:
            raise Trouble(_("{program} cannot be ended").format(program=self.name))

    def run_to_end(self, seconds: float, deadline: Deadline | None = None) -> Ended:
        """Wait for an end that is due; Silent with cause `hang` if it does not come.

        deadline: where it was made before the start, so that the program's own threads are no load.
        """
        self.may_end = True
        deadline = deadline or self.deadline(seconds)
        ended = self.wait(deadline)
        if self.killed_for:
            raise self.killed_for
        if ended is None:
            raise Silent(
                _("{program} did not end within {s:.1f} s").format(
                    program=self.name, s=deadline.allowed
                ),
                cause="hang",
            )
        return ended


def of_end(ended: Ended) -> str:
    """The cause that an untimely end shows by itself."""
    if ended.signal == "SIGPIPE":
        return "sigpipe"
    if ended.signal == "SIGXCPU":
        return "cpu-budget"
    return "crash" if ended.signal else "ended-early"


def death(program: Running, ended: Ended) -> Fault:
    """What an end that nobody asked for means."""
    return Fault(
        _("{program} ended while it was still needed: {how}").format(
            program=program.name, how=ended
        ),
        expected=_("it runs on"),
        got=str(ended),
        cause=of_end(ended),
    )


@dataclass
class Server:
    """A server that listens. port, host: where, as the kernel says."""

    program: Running
    where: tuple[str, int]

    @property
    def host(self) -> str:
        return self.where[0]

    @property
    def port(self) -> int:
        return self.where[1]

    def connect(self, name: str = "") -> Client:
        """One client. Faults if the connection cannot be made."""
        return self.crowd(1, names=[name])[0]

    def crowd(self, count: int, names: Sequence[str] = (), *, some: bool = False) -> list[Client]:
        """`count` clients whose connects are all under way at once, so far as the accept queue has room.

        some: where a full queue stays full for a second, only the clients that are in come back.
        """
        scene = self.program.scene
        deadline = self.program.deadline(1.0 if some else 10.0)
        try:
            sockets = scene.network(self.program.network).dial(
                self.port, count, deadline.allowed, _reachable(self.host), some=some
            )
        except Fault:
            self.program.must_not_have_died()
            raise
        weight = self.program.tool.weight
        names = names or [""] * count
        clients = [scene.client(sock, weight, name) for sock, name in zip(sockets, names)]
        if count <= 8:
            for client in clients:
                scene.journal.note(client.name, _("connects from {a}").format(a=client.address))
        else:
            scene.journal.note(clients[0].name, _("and {n} others connect").format(n=count - 1))
        return clients

    def forgets(self, client: Client) -> None:
        """Wait until a reset has arrived at the server's side: on a busy machine that takes a moment."""
        port = int(client.address.rpartition(":")[2])
        self.program.eventually(lambda: not self.program.holds(port), 2.0)

    def waiting(self) -> int:
        """Clients in the accept queue: connected by the kernel, not yet taken by accept(2)."""
        return self.program.listening().get(self.where, 0)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 1.0) -> Ended:
        """Ask the server to stop and wait for its end, at most `seconds`. Faults if it hangs."""
        program = self.program
        program.must_not_have_died()
        program.may_end = True
        began = time.monotonic()
        # Under Helgrind a handler that runs on a worker thread makes a correct server fail; a program
        # that waits for signals in another thread gets the next one, which is sent to the process.
        program.signal(number, to_main=program.tool is UNDER_HELGRIND)
        limit = program.deadline(seconds)
        ended = self._wait_stopped(limit, number)
        if program.killed_for:
            raise program.killed_for
        if ended is None:
            patient = program.deadline(3.0)
            ended = self._wait_stopped(patient, number)
            took = time.monotonic() - began
            raise Silent(
                _("{program} did not end within {s:.1f} s of {signal}{later}").format(
                    program=program.name,
                    s=limit.allowed,
                    signal=number.name,
                    later=_(", only after {s:.1f} s").format(s=took) if ended else "",
                ),
                cause="slow-stop" if ended else "does-not-stop",
            )
        return ended

    def _wait_stopped(self, limit: Deadline, number: signal.Signals) -> Ended | None:
        """Wait; in a run under a tool that may lose it, the signal is sent again now and then."""
        again = STOP_AGAIN_SECONDS.get(self.program.tool.name)
        while again:
            patience = Deadline(min(limit.at, time.monotonic() + again), limit.allowed)
            ended = self.program.wait(patience)
            if ended or limit.passed:
                return ended
            self.program.signal(number)
        return self.program.wait(limit)


def wait_listening(program: Running, seconds: float = START_SECONDS) -> tuple[str, int]:
    """Wait until a program listens; returns (address, port). Faults name what it did instead."""
    program.eventually(lambda: bool(program.listening()), seconds)
    if program.killed_for:
        raise program.killed_for
    found = program.listening()
    if found:
        return next(iter(found))
    ended = program.wait(program.scene.pace.deadline(0.0))
    if ended and program.tool is not NATIVELY:
        program.scene.judge(program)  # the tool may have ended it, and says why
    if ended:
        raise Fault(
            _("{program} ended instead of listening: {how}").format(
                program=program.name, how=ended
            ),
            expected=_("it listens on a TCP port and runs on"),
            got=program.stderr.text() or str(ended),
            cause="crash" if ended.signal else "never-listens",
        )
    raise Silent(
        _("{program} runs but listens on no TCP port").format(program=program.name),
        expected=_("a socket in LISTEN state"),
        got=_("none"),
        cause="never-listens",
    )


def _reachable(host: str) -> str:
    """An address to connect to for one that is listened on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _stdin(stdin: Stdin, home: Path) -> tuple[int, int | None]:
    """The descriptor that a program gets as its stdin, and our end of it where there is one."""
    if stdin == "pipe":
        return os.pipe()
    if stdin == "terminal":
        ours, theirs = os.openpty()
        return theirs, ours
    if isinstance(stdin, bytes):
        (home / "stdin").write_bytes(stdin)
        return os.open(home / "stdin", os.O_RDONLY), None
    return os.open(os.devnull, os.O_RDONLY), None


def _tool_words(tool: Tool, view: sandbox.View) -> list[str]:
    if tool is not UNDER_HELGRIND:
        return []
    return helgrind.command(
        sandbox.place(view, "/log/helgrind.xml"), sandbox.place(view, "/native/perturb.supp")
    )


def _tool_environment(tool: Tool, view: sandbox.View) -> dict[str, str]:
    """Inside the sandbox the trusted objects' options say it all; without one the log lies elsewhere."""
    if sandbox.available():
        return {}
    if tool is UNDER_TSAN:
        return {"TSAN_OPTIONS": f"log_path={sandbox.place(view, '/log/tsan')}"}
    if tool is UNDER_ASAN:
        log = sandbox.place(view, "/log/asan")
        return {"ASAN_OPTIONS": f"log_path={log}", "UBSAN_OPTIONS": f"log_path={log}-ub"}
    return {}


def _shim_words(
    shim: Shim, view: sandbox.View, program: str, libraries: Sequence[str] = ()
) -> dict[str, str]:
    """The environment that loads the shim, and other libraries; the program shall not see it."""
    words = shim.environment()
    words["PERTURB_STATS"] = sandbox.place(view, words["PERTURB_STATS"])
    words["PERTURB_HIDE"] = program
    libraries = [sandbox.place(view, "/shim/perturb.so"), *libraries]
    return {**words, "LD_PRELOAD": ":".join(libraries)}


def seeded(seed: int, count: int) -> list[Shim]:
    """`count` perturbations, from consecutive seeds."""
    return [replace(Shim(), seed=seed + i) for i in range(count)]
