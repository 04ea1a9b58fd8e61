#!/usr/bin/env python3
"""The reference of lab 05 beside ngircd, in one run on the same machine, as ratios.

100 users, 10 of whom have 8 messages each under way: deliveries a second and their delay, the memory of a user,
and the delay again with one user who never reads. The median of some rounds, in turns. Installs nothing.

Exit status: 0 all within their bounds, 1 not, 3 something is missing.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "bench"
USERS, SENDERS, OUTSTANDING = 100, 10, 8
ROUNDS, SECONDS = 5, 3.0
LEAST_RATIO, MOST_P99_MS, MOST_KIB, MOST_CHANGE = 3.0, 10.0, 16.0, 0.10

NGIRCD = """
[Global]
Name = bench.example
Info = bench
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local7
"""


@dataclass(frozen=True)
class Result:
    """Deliveries a second, and their delay in milliseconds."""

    rate: float
    median: float
    p99: float


def build() -> None:
    """The reference server, and the program that loads it."""
    PLACE.mkdir(parents=True, exist_ok=True)
    lab, common = ROOT / "solutions/05-chat", ROOT / "labs/common"
    sources = [path for path in lab.glob("*.c") if path.stem != "chat_client"]
    flags = ["gcc", "-std=c11", "-O2", "-pthread", f"-I{common}"]
    server: list[str | Path] = [
        *flags,
        *sources,
        *common.glob("*.c"),
        "-lcrypt",
        "-o",
        PLACE / "chat_server",
    ]
    load: list[str | Path] = [
        *flags,
        Path(__file__).with_name("chat_load.c"),
        "-o",
        PLACE / "chat_load",
    ]
    for command in (server, load):
        subprocess.run(command, check=True)


@contextmanager
def running(command: list[str | Path], port: int, directory: Path) -> Iterator[int]:
    """A server, from when it listens on until it was ended; yields its process ID."""
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {command[0]}: {(directory / 'log').read_text()}")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def server(dialect: str) -> Iterator[tuple[int, int]]:
    """The reference or ngircd, fresh; yields its port and process ID."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory, port = Path(name), free_port()
        if dialect == "chat":
            command: list[str | Path] = [PLACE / "chat_server", "-p", str(port), "-c", "1"]
        else:
            (directory / "conf").write_text(NGIRCD.format(port=port))
            command = ["ngircd", "-n", "-f", directory / "conf"]
        with running(command, port, directory) as pid:
            yield port, pid


def load(dialect: str, port: int, users: int, seconds: float, silent: int = 0) -> Result:
    """Let `users` talk for so long."""
    words = [dialect, port, users, SENDERS, OUTSTANDING, seconds, silent]
    command = [str(word) for word in (PLACE / "chat_load", *words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        sys.exit(f"bench: {dialect}: {done.stderr}")
    return Result(*map(float, done.stdout.split()))


def resident_kib(pid: int) -> int:
    """A process's resident memory."""
    words = Path(f"/proc/{pid}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1])


def kib_per_user(count: int = 1000) -> float:
    """What each of `count` users who are logged in and silent costs the reference."""
    with server("chat") as (port, pid), tempfile.TemporaryFile("w+") as ready:
        load("chat", port, SENDERS + 1, 0.2)
        before = resident_kib(pid)
        words = ["chat", port, SENDERS + 1, SENDERS, 0, 3, count - SENDERS - 1]
        command = [str(word) for word in (PLACE / "chat_load", *words)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=ready, text=True)
        assert process.stderr
        process.stderr.readline()
        grown = resident_kib(pid) - before
        process.kill()
        process.wait()
        process.stderr.close()
        return grown / count


def rounds() -> dict[str, list[Result]]:
    """All three ways in turns, so that a change of the machine meets all of them."""
    found: dict[str, list[Result]] = {"chat": [], "silent": [], "irc": []}
    for _round in range(ROUNDS):
        for way, results in found.items():
            dialect = "irc" if way == "irc" else "chat"
            with server(dialect) as (port, _pid):
                results.append(load(dialect, port, USERS, SECONDS, int(way == "silent")))
    return found


def main() -> int:
    for tool in ("gcc", "ngircd"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
            print(f"bench: {tool} is missing", file=sys.stderr)
            return 3
    os.environ["PATH"] += ":/usr/sbin"
    build()
    found = rounds()
    rate = {way: statistics.median(r.rate for r in results) for way, results in found.items()}
    p99 = {way: statistics.median(r.p99 for r in results) for way, results in found.items()}
    ratio, change = rate["chat"] / rate["irc"], p99["silent"] / p99["chat"] - 1
    memory = kib_per_user()
    print(
        f"chat: {rate['chat']:,.0f} deliveries/s, ngircd {rate['irc']:,.0f}:"
        f" ratio {ratio:.1f} (at least {LEAST_RATIO:g})"
    )
    print(f"99% within {p99['chat']:.1f} ms (at most {MOST_P99_MS:g}), ngircd {p99['irc']:.1f} ms")
    print(
        f"with one who never reads: {p99['silent']:.1f} ms, {change:+.0%} (at most {MOST_CHANGE:.0%});"
        f" rounds without: {min(r.p99 for r in found['chat']):.1f}"
        f" to {max(r.p99 for r in found['chat']):.1f} ms"
    )
    print(f"memory: {memory:.1f} KiB a user (at most {MOST_KIB:g})")
    good = ratio >= LEAST_RATIO and p99["chat"] <= MOST_P99_MS and memory <= MOST_KIB
    noise = max(r.p99 for r in found["chat"]) / p99["chat"] - 1
    return 0 if good and change <= MOST_CHANGE + noise else 1


if __name__ == "__main__":
    sys.exit(main())
