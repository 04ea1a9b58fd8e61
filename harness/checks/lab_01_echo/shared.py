"""Lab 01: what several steps need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labkit.scene.checking import Fault, Running, Scene

SERVER, CLIENT = "echo_server", "echo_client"
MIB = 1 << 20
SERVE = "{bin}/echo_server -p 9090 &"
TRY_CLIENT = (SERVE, "printf 'a long line\\nb\\n' | {bin}/echo_client; echo status $?")


@contextmanager
def means(cause: str, *kinds: type[Fault]) -> Iterator[None]:
    """A fault inside, of one of these kinds if some are given, means this, whatever its bytes suggest."""
    try:
        yield
    except kinds or Fault as fault:
        if fault.cause != cause:
            fault.cause, fault.by_hand = cause, ()
        raise


def pattern(size: int) -> bytes:
    """Bytes in which every place is different from its neighbourhood, so that a loss or a shift shows."""
    return b"".join(b"%07d\n" % i for i in range(size // 8 + 1))[:size]


def start_client(scene: Scene, port: int, **options: object) -> Running:
    """The student's client, connected to the harness's own server."""
    return scene.start(CLIENT, "-p", str(port), **options)  # type: ignore[arg-type]
