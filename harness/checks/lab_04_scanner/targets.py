"""Ports to be scanned: open ones, closed ones, and silent ones, which need no root."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Iterable

from labkit.box.network import Network
from labkit.ground import tcp_table
from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.scene.checking import Scene

LOWEST, HIGHEST = 2000, 9500  # below every ephemeral range in use
TRIES = 50
QUEUE = 1000  # nobody accepts from an open port: each probe of it stays in its queue
# Where counters, signed or narrow ones, and loops over a range go wrong.
EDGES = (1, 255, 256, 257, 1023, 1024, 32767, 32768, 32769, 49151, 49152, 65279, 65280, 65534)


class Targets:
    """Listening sockets of the harness on one address of a network.

    A silent port is a listener with a backlog of 0 whose accept queue is full: the kernel drops whatever
    else asks, listen(2).
    """

    def __init__(self, network: Network, host: str, seed: int) -> None:
        self._network = network
        self._host = host
        # On the machine's own loopback other checks may run beside this one: keep out of their way.
        self._random = random.Random(seed if network.own else f"{seed} {os.getpid()}")
        self._sockets: list[socket.socket] = []

    def block(self, count: int) -> int:
        """The first of `count` consecutive ports on which nobody listens."""
        for _try in range(TRIES):
            first = self._random.randrange(LOWEST, HIGHEST - count)
            if not self.others() & set(range(first, first + count)):
                return first
        raise Trouble(_("there are no {n} consecutive free ports").format(n=count))

    def open(self, count: int) -> list[int]:
        """Open `count` ports that the kernel chooses."""
        return sorted(self._listen(0, QUEUE) for _port in range(count))

    def open_at(self, ports: Iterable[int]) -> list[int]:
        """Open these ports."""
        return [self._listen(port, QUEUE) for port in ports]

    def open_if_free(self, ports: Iterable[int]) -> list[int]:
        """Open those of these ports that can be had: on the machine's own loopback some may not."""
        return [port for port in ports if self._may_listen(port, QUEUE)]

    def everywhere(self, count: int) -> list[int]:
        """Open `count` ports all over the range, the last and as many edges as can be had among them."""
        ports = self.open_if_free([65535, *EDGES])
        free = sorted(set(range(1024, 65535 if self._network.own else HIGHEST)) - self.others())
        return sorted(ports + self.open_at(self._random.sample(free, count - len(ports))))

    def silence(self, ports: Iterable[int]) -> None:
        """Let these ports answer nothing."""
        for port in ports:
            self._listen(port, 0)
            for sock in self._network.dial(port, 1, 10.0, self._host):
                sock.close()  # it stays in the queue until it is accepted

    def accept_all(self) -> dict[int, int]:
        """Accept the connections that wait at the ports, and close them: port -> how many they were."""
        return {sock.getsockname()[1]: _accepted(sock) for sock in self._sockets}

    def others(self) -> set[int]:
        """The ports on which anybody listens; in a network of its own nobody but us."""
        if self._network.own:
            return {sock.getsockname()[1] for sock in self._sockets}
        listening = (row for row in tcp_table.rows("self") if row.state == tcp_table.LISTEN)
        return {row.local[1] for row in listening}

    def close(self) -> None:
        """Close all of them."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    def _listen(self, port: int, backlog: int) -> int:
        try:
            sock = self._network.listen(self._host, port, backlog)
        except OSError as error:
            words = _("cannot listen on {host} port {port}: {why}")
            why = os.strerror(error.errno or errno.EIO)
            raise Trouble(words.format(host=self._host, port=port, why=why)) from error
        self._sockets.append(sock)
        number: int = sock.getsockname()[1]
        return number

    def _may_listen(self, port: int, backlog: int) -> bool:
        """Listen on this port; False where that cannot be."""
        try:
            self._listen(port, backlog)
        except Trouble:
            return False
        return True


def targets_of(scene: Scene, host: str = "127.0.0.1", network: str = "roomy") -> Targets:
    """Ports to be scanned, on one address of the scene's network; they are closed with the scene."""
    return scene.closing(Targets(scene.network(network), host, scene.seed))


def _accepted(listener: socket.socket) -> int:
    """How many connections waited in a listener's queue, all of which are closed now."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def under_way(pid: int) -> int:
    """How many connects a process's network has sent a SYN for that got no answer yet."""
    return sum(row.state == tcp_table.SYN_SENT for row in tcp_table.rows(pid))
