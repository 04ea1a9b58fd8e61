"""What one check plays with: programs, networks and clients, a conversation, and an orderly end of it all."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from labkit.box import network as networks, sandbox
from labkit.build import build
from labkit.build.build import Builder
from labkit.ground.budget import Budget
from labkit.ground.faults import Fault, Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Pace
from labkit.ground.words import _
from labkit.scene import stillness
from labkit.scene.running import Running, Stdin, stdin_of
from labkit.scene.server import Server, wait_listening
from labkit.scene.tools import (
    NATIVELY,
    UNWINDER,
    Shim,
    Tool,
    shim_words,
    tool_environment,
    tool_words,
)
from labkit.wire.clients import Client
from labkit.wire.peers import Peer

ROOMY = "roomy"
# A program that has too many threads is ended, by name; so many times more the kernel gives it until somebody looks.
SPARE = 2
WORD_SECONDS = 2.0  # from listen(2) to the message that says so


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
        self._rest: object = None  # what its programs were last proved to be in for good
        pace.still = self._still
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

    def rests(self) -> bool:
        """Whether it is proved that all its programs run, and sleep until something comes from us."""
        return self._still() is not None

    def _still(self) -> object:
        """What all its programs are in for good, so that nothing comes of waiting; None where that is not proved."""
        rest = stillness.of(self.programs)
        if rest is not None and rest != self._rest:
            words = _("all threads of what runs sleep, and nothing is on its way to them")
            self.journal.note(_("the kernel"), words)
            self._rest = rest
        return rest

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
        words = tool_words(tool, view) + [sandbox.place(view, f"/program/{program}"), *arguments]
        if "stdin" in terminals.split():
            words = sandbox.foreground(words)
        most_threads = self.builder.lab.most_threads
        short = limits is not None and limits.files < sandbox.Limits.files
        environment = {
            **shim_words(shim, view, program, [UNWINDER] if short else []),
            **tool_environment(tool, view),
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
        theirs, keyboard = stdin_of(self.stdin if stdin is None else stdin, home)
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
        running.here, running.disk.places = here, (here, log)
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
