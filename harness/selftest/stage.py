"""For the self-tests: a handout's commands and terminal sessions, done again with the reference programs."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pexpect

from commandline import hear_signals
from once import contents, made
from labkit.ground.catalog import COMMON, SOLUTIONS, Lab
from labkit.workbook.handout import Block

SECONDS = 120  # no command or terminal takes a tenth of it, unless the machine is very busy
COMPILE = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", str(COMMON)]
ALONE, RUN, TERMINAL = "run", "run beside: ", "terminal, types: "


@dataclass(frozen=True)
class Stage:
    """Where a handout's commands run: built references, a directory and a port of its own."""

    home: Path
    port: int

    @staticmethod
    def build(lab: Lab, home: Path) -> Stage:
        """Build the reference's programs where `make check` would leave them."""
        place = home / "build/bin"
        place.mkdir(parents=True)
        (place / lab.name).symlink_to(programs(lab))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return Stage(home, sock.getsockname()[1])

    def command(self, text: str, pid: int = 0) -> str:
        """A handout's command as it is run here; pid: the server's."""
        text = re.sub(r"(build/bin/\S+_(?:server|client))\b(?! -p)", r"\1 -p 9090", text)
        text = re.sub(r"\$\(pidof \w+\)", str(pid), text)
        text = text.replace("/tmp/", f"{self.home}/").replace("9090", str(self.port))
        return text.replace("build/bin/", f"{self.home}/build/bin/")

    def shown(self, text: str) -> str:
        """What a terminal shows, without seconds, its other ports named in the order in which they appear."""
        text = re.sub(rf"\b{self.port}\b", "9090", text.replace("\r\n", "\n"))
        text = re.sub(r"\bin \d+\.\d{3} s\b", "in S s", text)
        text = re.sub(r"\b[0-9a-f]{32}\b", "TOKEN", text)
        ports = list(dict.fromkeys(re.findall(r":(\d{4,5})\b", text)))
        for port in ports:
            text = text if port == "9090" else re.sub(rf":{port}\b", f":p{ports.index(port)}", text)
        return text

    @contextmanager
    def beside(self, command: str) -> Iterator[int]:
        """Run a server; its process id. In the end it must stop as it should."""
        words = command if "exec " in command else f"exec {command}"
        said = self.home / "said"
        with said.open("w") as out:
            server = subprocess.Popen(
                ["bash", "-c", self.command(words)],
                cwd=self.home,
                stdout=out,
                stderr=subprocess.DEVNULL,
            )
        try:
            until = time.monotonic() + SECONDS
            while "listening on" not in said.read_text():
                assert server.poll() is None and time.monotonic() < until, command
                time.sleep(0.01)
            yield server.pid
            server.terminate()
            assert server.wait(SECONDS) == 0
        finally:
            server.kill()
            server.wait()

    def run(self, line: str, pid: int) -> str:
        """Run a command line; all that it prints."""
        command = ["bash", "-c", self.command(line, pid)]
        output, none = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.run(
            command,
            cwd=self.home,
            stdin=none,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        ).stdout


def programs(lab: Lab) -> Path:
    """The directory of a reference's programs, built with a handout's flags."""
    parts = [path for path in (SOLUTIONS / lab.name).glob("*.c") if path.stem not in lab.programs]
    shared = [*parts, *COMMON.glob("*.c")]

    def make(home: Path) -> None:
        for program in lab.programs:
            sources = [SOLUTIONS / lab.name / f"{program}.c", *shared]
            subprocess.run([*COMPILE, *sources, "-lcrypt", "-o", home / program], check=True)

    texts = contents(*(SOLUTIONS / lab.name).glob("*.[ch]"), *COMMON.glob("*.[ch]"))
    return made(f"handout-{lab.name}", [COMPILE, texts], make)


@dataclass
class Terminal:
    """A terminal that a block of a handout shows."""

    stage: Stage
    block: Block
    screen: StringIO = field(default_factory=StringIO)

    def __post_init__(self) -> None:
        command, self.wanted = self.block.text.split("\n", 1)
        words = ["-c", "exec " + self.stage.command(command.removeprefix("$ "))]
        self.child = pexpect.spawn(
            "/bin/bash",
            words,
            cwd=str(self.stage.home),
            encoding="utf-8",
            timeout=SECONDS,
            preexec_fn=hear_signals,
        )
        self.child.logfile_read = self.screen

    @property
    def shown(self) -> str:
        return self.stage.shown(self.screen.getvalue())

    def type(self) -> None:
        """Type what the block's mark says, each word when all before it is on the screen."""
        wanted, place = self.stage.shown(self.wanted), 0
        for word in self.block.mark.removeprefix(TERMINAL).split(" | "):
            place = wanted.index(word, place)
            until = time.monotonic() + SECONDS
            while len(self.shown) < place and time.monotonic() < until:
                self.child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.02)
            self.child.sendintr() if word == "^C" else self.child.sendline(word)
            place += len(word)
        self.child.expect(pexpect.EOF)


def replay(stage: Stage, blocks: Sequence[Block]) -> None:
    """Open all terminals, type, end them in the reverse order, and compare."""
    server = Terminal(stage, blocks[0])
    terminals = [server]
    try:
        server.child.expect("listening on")
        for block in blocks[1:]:
            terminals.append(Terminal(stage, block))
            server.child.expect(" connected")
        for terminal in reversed(terminals[1:]):
            terminal.type()
            server.child.expect(" disconnected")
        server.type()
    finally:
        for terminal in terminals:
            terminal.child.close(force=True)
    for terminal in terminals:
        assert terminal.shown.rstrip() == stage.shown(terminal.wanted).rstrip()
