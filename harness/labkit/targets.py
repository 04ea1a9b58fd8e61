"""Ports to be scanned: open ones, closed ones, and silent ones, which need no root."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.faults import Trouble

if TYPE_CHECKING:
    from labkit.network import Network

LOWEST, HIGHEST = 2000, 9500  # below every ephemeral range in use
TRIES = 50


class Targets:
    """Listening sockets of the harness on one address of a network.

    A silent port is a listener with a backlog of 0 whose accept queue is full: the kernel drops whatever
    else asks, listen(2).
    """

    def __init__(self, network: Network, host: str, seed: int) -> None:
        self._network = network
        self._host = host
        self._random = random.Random(seed)
        self._sockets: list[socket.socket] = []

    def block(self, count: int) -> int:
        """The first of `count` consecutive ports on which nobody listens."""
        for _try in range(TRIES):
            first = self._random.randrange(LOWEST, HIGHEST - count)
            if not self.others() & set(range(first, first + count)):
                return first
        raise Trouble(f"there are no {count} consecutive free ports")

    def open(self, count: int) -> list[int]:
        """Open `count` ports that the kernel chooses."""
        return sorted(self._listen(0, 64) for _port in range(count))

    def open_at(self, ports: Iterable[int]) -> list[int]:
        """Open these ports."""
        return [self._listen(port, 64) for port in ports]

    def scattered(self, count: int) -> list[int]:
        """Open `count` ports anywhere below the ephemeral range, 1024 among them where it is free."""
        free = [port for port in range(1024, HIGHEST) if port not in self.others()]
        return self.open_at(sorted({free[0], *self._random.sample(free[1:], count - 1)}))

    def silence(self, ports: Iterable[int]) -> None:
        """Let these ports answer nothing."""
        for port in ports:
            self._listen(port, 0)
            self._sockets += self._network.dial(port, 1, 10.0, self._host)

    def others(self) -> set[int]:
        """The ports on which anybody listens; in a network of its own nobody but us."""
        if self._network.own:
            return {sock.getsockname()[1] for sock in self._sockets}
        ports = set()
        for table in ("tcp", "tcp6"):
            for row in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                ports.add(int(row.split()[1].rsplit(":", 1)[1], 16))
        return ports

    def close(self) -> None:
        """Close all of them."""
        for sock in self._sockets:
            sock.close()

    def _listen(self, port: int, backlog: int) -> int:
        sock = self._network.listen(self._host, port, backlog)
        self._sockets.append(sock)
        number: int = sock.getsockname()[1]
        return number
