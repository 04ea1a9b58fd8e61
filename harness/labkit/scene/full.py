"""Addresses as long as they can be, and whether a program's messages have room for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from labkit.box import connector
from labkit.ground.faults import Fault, Trouble
from labkit.ground.words import _
from labkit.scene.running import Running
from labkit.scene.scene import Scene
from labkit.wire.clients import Client


def addresses(scene: Scene) -> Iterator[str]:
    """Those of full length that a server can be told to listen on here, IPv4 and IPv6."""
    if not scene.network().own:
        return
    for address in ("127.255.255.254", connector.LONGEST):
        try:
            scene.network().listen(address, 0, 1).close()
        except Trouble:
            continue  # a machine without IPv6
        yield address


def named(program: Running, client: Client, said: Callable[[], Sequence[str]]) -> None:
    """A client that has come and gone must be named with its whole address and port."""
    wanted = [f"client {client.address} {verb}" for verb in ("connected", "disconnected")]
    if program.eventually(lambda: set(wanted) <= set(said()), 3.0):
        return
    got = [line for line in said() if line.startswith("client ")]
    cut = any(len(line) > 15 and line[7:15] in client.address for line in got)
    raise Fault(
        _("a client with a long address must be named in full"),
        expected="\n".join(wanted),
        got="\n".join(got) or _("nothing"),
        cause="address-cut" if cut else "missing-message",
    )
