"""Where programs meet: a network namespace of their own, or, where none can be had, the host's loopback."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Protocol

from labkit.box import connector
from labkit.ground import proc, tcp_table
from labkit.ground.faults import Disconnected, Silent, Trouble
from labkit.ground.words import _

READY_SECONDS = 30.0  # for a connector, which needs a fiftieth of one where the machine lets it

# Buffers so small that a stall or a lost byte shows at tens of kilobytes instead of megabytes.
SMALL = 16_384
NARROW = {"tcp_rmem": f"4096 {SMALL} {SMALL}", "tcp_wmem": f"4096 {SMALL} {SMALL}"}
# Room for many thousands of connections in TIME_WAIT between two runs of a check.
ROOMY = {"ip_local_port_range": "10000 65000"}
# So few local ports that a connect to one of them is likely to meet itself.
FEW_PORTS = {"ip_local_port_range": "20000 20049"}
KINDS: dict[str, dict[str, str]] = {
    "roomy": ROOMY,
    "narrow": {**ROOMY, **NARROW},
    "few-ports": FEW_PORTS,
    "usual": {},
}


class Network(Protocol):
    """A place for servers and clients; `own` says whether nobody else can be in it."""

    own: bool
    ipv6: list[str]  # addresses of its loopback, the longest that there can be last

    def inside(self) -> list[str]:
        """The words that, put before a command, run it in this network."""

    def dial(
        self, port: int, count: int, timeout: float, host: str, *, some: bool = False
    ) -> list[socket.socket]:
        """Connect `count` sockets, as many at once as the accept queue holds, within `timeout` seconds.

        Raises Disconnected where the server refused, Silent where it did not take all in time; with `some`,
        those that it took until then are enough.
        """

    def listen(self, host: str, port: int, backlog: int) -> socket.socket:
        """A listening socket of the harness's own in this network."""

    def close(self) -> None:
        """Give everything back."""


def _judge(
    sockets: list[socket.socket], failed: int, count: int, host: str, port: int, some: bool
) -> list[socket.socket]:
    """The connected sockets, if they are what `dial` promises; else raise what `failed`, an errno, means."""
    if not failed or (some and sockets and failed == errno.ETIMEDOUT):
        return sockets
    for sock in sockets:
        sock.close()
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if failed in (errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        raise Trouble(
            _("cannot make {n} connections: {why}").format(n=count, why=os.strerror(failed))
        )
    if failed == errno.ETIMEDOUT:
        raise Silent(
            _("only {got} of {count} connections to {where} were established in time").format(
                got=len(sockets), count=count, where=where
            )
        )
    raise Disconnected(
        _("connecting to {where}: {why}").format(where=where, why=os.strerror(failed))
    )


class HostNetwork:
    """The machine's own loopback: the fallback. Only our side asks for small buffers."""

    own = False
    ipv6 = ["::1"]

    def __init__(self, narrow: bool = False) -> None:
        self._buffer = SMALL // 4 if narrow else 0

    def inside(self) -> list[str]:
        return []

    def dial(
        self,
        port: int,
        count: int = 1,
        timeout: float = 10.0,
        host: str = "127.0.0.1",
        *,
        some: bool = False,
    ) -> list[socket.socket]:
        sockets, failed = connector.dial(host, port, count, timeout, self._buffer)
        return _judge(sockets, failed, count, host, port, some)

    def listen(self, host: str = "127.0.0.1", port: int = 0, backlog: int = 128) -> socket.socket:
        return connector.listen(host, port, backlog, self._buffer)

    def close(self) -> None:
        pass


class OwnNetwork:
    """A network namespace, held open by a connector process."""

    own = True
    ipv6 = ["::1", connector.LONGEST]

    def __init__(self, sysctls: Mapping[str, str]) -> None:
        """Raises OSError where this machine refuses namespaces."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        settings = [f"{key}={value}" for key, value in sysctls.items()]
        with theirs:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", connector.__file__, str(theirs.fileno()), *settings],
                pass_fds=[theirs.fileno()],
            )
        ours.settimeout(READY_SECONDS)
        try:
            answer = ours.recv(4096)
        except OSError:
            self._keeper.kill()
            self.close()
            raise
        if answer != b"ready":
            self.close()
            raise OSError(answer.decode() or _("the network's connector has ended"))

    def inside(self) -> list[str]:
        target = str(self._keeper.pid)
        return [
            "/usr/bin/nsenter",
            "--user",
            "--net",
            f"--target={target}",
            "--preserve-credentials",
            "--",
        ]

    def _ask(self, patience: float, **request: object) -> tuple[list[socket.socket], int]:
        self._control.settimeout(patience + 30)
        sockets: list[socket.socket] = []
        try:
            self._control.send(json.dumps(request).encode())
            while True:
                message, fds, _flags, _from = socket.recv_fds(self._control, 4096, connector.BATCH)
                sockets += [socket.socket(fileno=fd) for fd in fds]
                if message != b"some":
                    break
        except OSError as error:
            words = _("the network's connector does not answer: {why}")
            raise Trouble(words.format(why=error)) from error
        if not message:
            raise Trouble(_("the network's connector has ended"))
        return sockets, json.loads(message)["failed"]

    def dial(
        self,
        port: int,
        count: int = 1,
        timeout: float = 10.0,
        host: str = "127.0.0.1",
        *,
        some: bool = False,
    ) -> list[socket.socket]:
        sockets, failed = self._ask(
            timeout, do="dial", host=host, port=port, count=count, timeout=timeout
        )
        return _judge(sockets, failed, count, host, port, some)

    def listen(self, host: str = "127.0.0.1", port: int = 0, backlog: int = 128) -> socket.socket:
        sockets, failed = self._ask(10, do="listen", host=host, port=port, backlog=backlog)
        if failed:
            words = _("cannot listen on {host} port {port}: {why}")
            raise Trouble(words.format(host=host, port=port, why=os.strerror(failed)))
        return sockets[0]

    def close(self) -> None:
        self._control.close()
        try:
            self._keeper.wait(5)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()


def make(sandboxed: bool, kind: str) -> Network:
    """A network of one's own where `sandboxed` says that one can be had, else the host's loopback.

    kind: "roomy", "narrow" (small socket buffers), "few-ports" (a short ephemeral range) or "usual" (all as the
    kernel has it, which leaves ports below 32768 to servers).
    """
    if not sandboxed:
        return HostNetwork(kind == "narrow")
    try:
        return OwnNetwork(KINDS[kind])
    except OSError as error:
        words = _("cannot make a network namespace: {why}")
        raise Trouble(words.format(why=error)) from error


def listening_ports(pid: int) -> dict[tuple[str, int], int]:
    """The TCP sockets on which a process listens: (address, port) -> clients waiting to be accepted.

    Read from /proc, so that nothing is taken from the accept queue, and a program that forgot to flush its
    output is seen too. For a socket in LISTEN state the column rx_queue is the accept queue's length.
    """
    # A table takes milliseconds to read, however little is in it: none is read without need.
    left = {what for what in proc.descriptors(pid).values() if what.startswith("socket:")}
    found: dict[tuple[str, int], int] = {}
    for row in tcp_table.rows(pid) if left else ():
        if row.state == tcp_table.LISTEN and f"socket:[{row.inode}]" in left:
            found[row.local] = row.received
        left.discard(f"socket:[{row.inode}]")
        if not left:
            break
    return found


def holds(pid: int, port: int) -> bool:
    """Whether a connection with a client's port is established in a process's network, accepted or not."""
    return any(
        row.state == tcp_table.ESTABLISHED and row.remote[1] == port for row in tcp_table.rows(pid)
    )
