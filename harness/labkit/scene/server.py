"""A server that a scene has started: where it listens, its clients, and its stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.box.stream import Ended
from labkit.ground.faults import Fault, Silent
from labkit.ground.pace import Deadline, late
from labkit.ground.words import _
from labkit.scene.running import Running
from labkit.scene.tools import NATIVELY, UNDER_HELGRIND
from labkit.wire.clients import Client

START_SECONDS = 5.0
# gcc 12's libtsan loses a signal now and then; Helgrind gets the first one on its main thread alone.
STOP_AGAIN_SECONDS = {"tsan": 0.5, "helgrind": 3.0}
STOP_OFTEN = 4  # signals after each of which all threads sleep for good: none of them was heard, and none is lost


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
            # Where it was proved that it sleeps for good, that is proved again at once.
            ended = self._wait_stopped(program.deadline(3.0), number)
            took = time.monotonic() - began
            raise Silent(
                late(
                    limit,
                    _("{program} did not end within {s:.1f} s of {signal}{later}"),
                    _(
                        "{program} does not end after {signal}: all its threads sleep for good{later}"
                    ),
                ).format(
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
        again, in_vain = STOP_AGAIN_SECONDS.get(self.program.tool.name), 0
        while again:
            until = min(limit.at, time.monotonic() + again)
            patience = Deadline(until, limit.allowed, still=limit.still)
            ended = self.program.wait(patience)
            if ended or limit.passed:
                return ended
            in_vain = in_vain + 1 if patience.proved else 0
            if in_vain == STOP_OFTEN:
                limit.proved = True
                return None
            self.program.signal(number)
        return self.program.wait(limit)


def wait_listening(program: Running, seconds: float = START_SECONDS) -> tuple[str, int]:
    """Wait until a program listens; returns (address, port). Faults name what it did instead."""
    found: dict[tuple[str, int], int] = {}

    def listens() -> bool:
        found.update(program.listening())
        return bool(found)

    program.eventually(listens, seconds)
    if program.killed_for:
        raise program.killed_for
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
