"""Lab 02: what several steps need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from labkit.scene import manners
from labkit.scene.checking import (
    UNDER_TSAN,
    Client,
    Fault,
    Scene,
    Server,
    Shim,
    Talk,
    _,
    end_and_inspect,
    exchange,
    expect,
    judge,
)

SERVER = "echo_server"
MIB = 1 << 20


def token(index: int, size: int = 200) -> bytes:
    """What client `index` sends: lines that begin with a word of its own."""
    word = b"client-%08d:" % index
    return b"".join(word + b"%07d\n" % i for i in range(size // 24 + 1))


def talk(
    server: Server,
    clients: Sequence[Client],
    payload: Callable[[int], bytes] = token,
    seconds: float = 5.0,
) -> list[Talk]:
    """All clients have their payloads echoed at the same time."""
    return exchange(clients, payload, server.program.deadline(seconds))


def seen_in_a_burst(scene: Scene, leave: bool = False) -> Fault | None:
    """What ThreadSanitizer finds where some clients come at once and say something, and, if asked, leave."""
    server = scene.server(SERVER, tool=UNDER_TSAN, shim=Shim(seed=scene.seed) if leave else Shim())
    with suppress(Fault):
        clients = server.crowd(40, [_("watched client")] * 40)
        talk(server, clients, seconds=2.0)
        if leave:
            for client in clients:
                client.close()
            manners.settled(server.program, "threads", 2, 1.0)
    try:
        end_and_inspect(server.program)
    except Fault as found:
        return found
    return None


@contextmanager
def owners(server: Server) -> Iterator[None]:
    """Inside, no descriptor may be used after it was closed; where one was, that is why a client is lost."""
    try:
        yield
    except Fault:
        stale_free(server)
        raise
    stale_free(server)


def stale_free(server: Server) -> None:
    """The server must not have used a descriptor after it closed it."""
    stats = server.program.stats()
    expect(
        0,
        stats.stale_uses,
        _("calls on a descriptor that the program had closed before (EBADF)"),
        "closed-twice",
    )


WAVES, WAVE = 150, 20


def wave(server: Server, number: int = 0) -> None:
    """Some clients come, are served and leave, a few of them with a reset."""
    with manners.survives(server, "fatal-client"):
        clients = server.crowd(WAVE)
        judge(talk(server, clients, lambda i: b"%016d" % i), cause="lost-client")
    for index, client in enumerate(clients):
        client.reset() if (index + number) % 7 == 0 else client.close()


FEW_DESCRIPTORS, MANY = 64, 100
MOST_THREADS = 20


def comings_and_goings(server: Server) -> dict[str, list[str]]:
    """`client ADDR:PORT` -> the events said of it, in order; a port may be another client's later."""
    found: dict[str, list[str]] = {}
    for line in server.program.stdout.lines():
        who, _space, event = line.rpartition(" ")
        if event in ("connected", "disconnected"):
            found.setdefault(who, []).append(event)
    return found


def paired_messages(server: Server, cause: str = "missing-message") -> None:
    """The server must say `connected` only of clients of which it also says `disconnected`, and before that."""

    def unpaired() -> list[str]:
        said = comings_and_goings(server).items()
        return [who for who, all_ in said if all_.count("connected") > all_.count("disconnected")]

    server.program.eventually(lambda: not unpaired(), 3.0)
    expect([], unpaired(), _("clients that connected and never disconnected"), cause)
    for who, events in comings_and_goings(server).items():
        if events[0] == "disconnected":
            expect(
                f"{who} connected\n{who} disconnected",
                "\n".join(f"{who} {event}" for event in events),
                _("the lines about a client begin with `connected` and end with `disconnected`"),
                "wrong-moment",
            )
