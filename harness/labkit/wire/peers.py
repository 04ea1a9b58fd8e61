"""The harness as the other side of a student's client: a server that a check scripts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Protocol

from labkit.ground.faults import Silent
from labkit.ground.pace import Deadline
from labkit.ground.words import _
from labkit.wire.clients import Client

CONNECT_SECONDS = 5.0
LOOK_SECONDS = 0.05
ECHO_CHUNK = 1024


class Tool(Protocol):
    """What a client runs under."""

    @property
    def weight(self) -> float:
        """How much slower it may be than a plain run."""


class Caller(Protocol):
    """A program that connects to us: a `Running` of labkit/scene/running.py."""

    @property
    def tool(self) -> Tool:
        """What it runs under."""

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""

    def deadline(self, seconds: float) -> Deadline:
        """A deadline for it under its tool."""

    def must_not_have_died(self) -> None:
        """Fault if it ended though nobody asked it to."""


class Network(Protocol):
    """Where programs and we can meet: a `Network` of labkit/box/network.py."""

    def listen(self, host: str, port: int, backlog: int) -> socket.socket:
        """A listening socket in it; port 0: any."""


class Peer:
    """A listening socket in the scene's network; `accept` gives the conversation with one client."""

    def __init__(
        self, network: Network, client: Callable[[socket.socket, float, str], Client], host: str
    ) -> None:
        """client: makes a named Client of a socket."""
        self._client = client
        self._sock = network.listen(host, 0, 16)
        self._threads: list[threading.Thread] = []
        self.host = host
        self.port: int = self._sock.getsockname()[1]

    def accept(self, client: Caller) -> Client:
        """The next connection, as a Client whose name is "server". Silent if `client` makes none."""
        deadline = client.deadline(CONNECT_SECONDS)
        while True:
            gone = (
                not client.running
            )  # looked at first: what it has connected before its end counts
            try:
                self._sock.settimeout(0.001 if gone else min(LOOK_SECONDS, deadline.left + 0.001))
                sock, _address = self._sock.accept()
                break
            except TimeoutError:
                if gone or deadline.passed:
                    raise self._never(client, deadline) from None
        return self._client(sock, client.tool.weight, _("server"))

    def _never(self, client: Caller, deadline: Deadline) -> Silent:
        """What it means that no connection came; Fault if the client has died."""
        client.must_not_have_died()
        return Silent(
            _("the client did not connect to {host} port {port} in {s:.1f} s").format(
                host=self.host, port=self.port, s=deadline.allowed
            ),
            cause="never-connects",
        )

    def close(self) -> None:
        """Stop listening, and see that every echoing thread has ended."""
        self._sock.close()
        for thread in self._threads:
            thread.join(10)

    def echo(self, connection: Client) -> Echo:
        """Echo whatever comes on a connection, in a thread, until the client is done."""
        echo = Echo(connection.sock)
        thread = threading.Thread(target=echo.run, daemon=True)
        self._threads.append(thread)
        thread.start()
        return echo


class Echo:
    """An honest echo server's work with one client: it reads on only when its answer is written."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.seen = bytearray()

    def run(self) -> None:
        """Echo until end of input or an error."""
        self._sock.settimeout(60)
        try:
            while data := self._sock.recv(ECHO_CHUNK):
                self.seen += data
                self._sock.sendall(data)
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
