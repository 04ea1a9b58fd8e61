"""Clients that are gone before a server is done with them: broken pipes, resets, names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labkit.ground.faults import Fault
from labkit.ground.words import _
from labkit.scene.manners import held
from labkit.scene.scene import Scene
from labkit.scene.server import Server
from labkit.scene.tools import NATIVELY, Shim, Tool
from labkit.wire.clients import Client


def broken_pipe(scene: Scene, program: str, tool: Tool = NATIVELY) -> Server:
    """A server that has to write to a client that is gone for good: the write that raises SIGPIPE."""
    server = scene.server(program, tool=tool, shim=piecemeal(scene))
    leave_unread(server)
    return server


def piecemeal(scene: Scene) -> Shim:
    """Transfers so short that much has to be written to a client that is gone, with delays: on a busy machine the
    kernel processes a reset late, and a server that never paused would be done before."""
    return Shim(seed=scene.seed, percent=25, max_us=1000, short=64)


SHORT = 1000  # bytes a call, where `leave_unread` must meet a broken pipe


def leave_unread(server: Server, count: int = 1) -> list[Client]:
    """So many clients are served, then send many bytes, and are gone before the answer comes.

    The server is stopped meanwhile; with short transfers (at most SHORT) it then has to write many times, the
    first write to each of them is answered by a reset, and the next ones meet a broken pipe.
    """
    clients = server.crowd(count)
    for client in clients:
        client.send(b"first\n")
        client.expect(b"first\n")
    with held(server.program):
        for client in clients:
            client.send(b"many bytes, and nobody reads the answer\n" * 200)
            client.close()
    return clients


def gone_before_accept(server: Server, count: int) -> list[Client]:
    """So many clients connect, one at a time, and reset their connections before the server can accept them."""
    clients = []
    for _client in range(count):
        with held(server.program):
            clients.append(server.connect())
            clients[-1].reset()
        server.program.eventually(lambda: server.waiting() == 0, 3.0)
    return clients


def names_are_true(server: Server, clients: Sequence[Client]) -> None:
    """`connected` and `disconnected` may name these clients and nobody else."""
    lines = server.program.stdout.lines()
    said = [line for line in lines if re.fullmatch(r"client \S+ (dis)?connected", line)]
    true = {client.address for client in clients}
    false = [line for line in said if line.split()[1] not in true]
    if false:
        raise Fault(
            _("a client is named that never was there"),
            expected=_("the address and port of one of the clients"),
            got="\n".join(false[:10]),
            cause="false-name",
        )
