"""Why a client is not served: tried out, by letting another one come, and then those speak who were silent.

Where the thread that accepts waits for a client's words, whoever comes later stays in the kernel's queue, and is taken
out of it as soon as those words have come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from labkit.ground.faults import Fault, Silent
from labkit.scene.server import Server
from labkit.wire.clients import Client

CAUSE = "accept-waits"
MOST_TRIED = 5


def accepting_waits_for(server: Server, silent: Sequence[Client]) -> bool:
    """Whether the thread that accepts waits for one of these clients, who have not ended their first line, to end it."""
    try:
        later = server.connect()
        if server.program.eventually(lambda: not server.waiting(), 0.5):
            return False  # somebody accepts, whatever those clients do
        for client in silent[:MOST_TRIED]:
            client.sock.send(b"\n")
            if server.program.eventually(lambda: not server.waiting(), 0.5):
                later.close()
                return True
    except (Fault, OSError):
        pass
    return False


@contextmanager
def held_up_by(server: Server, silent: Sequence[Client]) -> Iterator[None]:
    """Inside, others must be served, though these are silent: where one is not, the cause is tried out."""
    try:
        yield
    except Silent as fault:
        if accepting_waits_for(server, silent):
            fault.cause = CAUSE
        elif fault.cause in (None, "no-answer"):
            fault.cause = "lock-held"
        raise
