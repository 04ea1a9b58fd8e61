"""Lab 02, step 1: Two at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from checks.lab_02_threaded_echo.shared import SERVER, seen_in_a_burst, token
from labkit.scene import manners, starting, usage
from labkit.scene.checking import (
    Client,
    Fault,
    Scene,
    Server,
    Shim,
    Silent,
    _,
    calm,
    exchange,
    expect,
    explain_hang,
    judge,
    require,
    step,
)


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    starting.compiles_cleanly(scene, SERVER)


@step(1, "first-lines", "address", "busy-port")
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with its real address and port."""
    starting.says_where_it_listens(scene, SERVER)
    starting.listens_where_told(scene, SERVER)
    starting.reports_busy_port(scene, SERVER)


@step(1, "arguments", "usage")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    cases = usage.wrong_ports() + usage.wrong_in_general()
    usage.refuses(scene, SERVER, cases + usage.wrong_addresses())
    usage.shows_usage(scene, SERVER)


@step(1, "nobody-waits", "as-lab-01")
def test_two_at_once(scene: Scene) -> None:
    """While one client is silent in the middle of a line, another is served."""
    server = scene.server(SERVER)
    with manners.survives(server, "ended-early"):
        served_at_all(scene, server)
        nobody_waits(server, b"half a li")


@step(1, "nobody-waits")
def test_one_who_says_nothing(scene: Scene) -> None:
    """While a client is connected that has said nothing at all, another is served."""
    server = scene.server(SERVER)
    with manners.survives(server, "ended-early"):
        nobody_waits(server, b"")


def nobody_waits(server: Server, said: bytes) -> None:
    """A client is silent that has said this; another one must be served. What is proved or seen twice is no chance."""
    fault, proved = alone(server, said)
    if fault and not proved:
        fault, proved = alone(server, said)
    if fault:
        raise fault


def served_at_all(scene: Scene, server: Server) -> None:
    """The very first client must be served; if not, its thread may have been given something else."""
    before = server.program.threads()
    client = server.connect()
    client.send(b"half a li")
    try:
        client.expect(b"half a li", 2.0)
    except Silent as fault:
        if not fault.got and server.program.threads() <= before:
            found = seen_in_a_burst(scene)
            fault.cause = "shared-argument" if found else "lost-client"
            fault.details = found.details if found and found.cause == "shared-argument" else ""
        raise
    client.close()
    manners.settled(server.program, "threads", before)


def alone(server: Server, said: bytes) -> tuple[Fault | None, bool]:
    """Whether a client gets no answer while another is silent, but gets it as soon as that one has left.

    said: by the silent one, before.
    Returns the fault, and whether it is proved that no answer would have come.
    """
    before = server.program.threads()
    silent = server.connect()
    if said:
        silent.send(said)
        silent.expect(said)
    else:
        server.program.eventually(lambda: server.waiting() == 0, 2.0)
        manners.come_to_rest(server.program)
    other = server.connect()
    other.send(b"hello\n")
    answer = other.patience(0.7)
    try:
        other.expect(b"hello\n", answer)
    except Silent as fault:
        explain_hang(server.program, fault)  # where the threads wait now, not when all is over
        cause = "one-at-a-time" if server.program.threads() < before + 2 else "lock-held"
        found = Fault(fault.what, fault.expected, fault.got, cause, fault.details)
        silent.close()
        try:
            other.expect(b"hello\n")
        except Silent:  # and it is not served after that either
            raise found from None
        other.close()
        manners.settled(server.program, "threads", before)
        return found, answer.proved
    silent.send(b"ne\n")
    try:
        silent.expect(b"ne\n", 2.0)
    except Silent as fault:
        with suppress(Fault):
            other.receive(1, other.patience(0.2))
            fault.cause = "mixed-clients"
            fault.what = _("what {client} sent came back to {other}").format(
                client=silent.name, other=other.name
            )
        raise
    silent.close()
    other.close()
    return None, False


def arrivals(server: Server, count: int) -> list[Client]:
    """Clients that stay, each of them served before the next one comes."""
    clients: list[Client] = []
    for index in range(count):
        clients.append(server.connect())
        deadline = server.program.deadline(5.0)
        judge(exchange(clients[-1:], lambda _i: token(index), deadline), cause="one-at-a-time")
    return clients


@step(1, "thread-each")
def test_one_more_thread_for_each_client(scene: Scene) -> None:
    """Each client has a thread of its own, neither a process nor a share of one loop."""
    server = scene.server(SERVER)
    arrivals(server, 2)
    manners.come_to_rest(server.program)  # main may end, when all that it started is at work
    before = server.program.threads()
    arrivals(server, 4)
    server.program.eventually(lambda: server.program.threads() == before + 4, 2.0)
    expect(
        4,
        server.program.threads() - before,
        _("threads that four more clients brought"),
        "no-thread-per-client",
    )


@step(1, "asleep")
def test_sleeps_while_nothing_happens(scene: Scene) -> None:
    """While clients are silent, and when some have left, no thread uses a CPU."""
    server = scene.server(SERVER)
    calm.must_sleep(server.program, _("no client has come"))
    mute, clients = server.crowd(4), server.crowd(8)
    for client in clients:
        client.send(b"half a li")
        client.expect(b"half a li")
    calm.must_sleep(server.program, _("all clients are silent"))
    for client in clients[:4]:
        client.close()
    for client in clients[4:6]:
        client.finish_sending()
    mute[0].close()
    calm.must_sleep(server.program, _("some clients have left, and the others are silent"))


@step(1, "messages")
def test_says_who_comes_and_goes(scene: Scene) -> None:
    """`connected` and `disconnected` are printed for each client; `received` and `sent` only with -v."""
    short = Shim(
        seed=scene.seed, percent=0, short=64
    )  # -v counts what went, not what was asked for
    over_ipv6 = [("-a", host) for host in scene.network().ipv6]
    for options in ((), ("-v",), *over_ipv6):
        server = scene.server(SERVER, *options, shim=short if "-v" in options else None)
        clients = arrivals(server, 3)
        for client in clients:
            client.close()
        for index, client in enumerate(clients):
            says_all(server, client, len(token(index)), "-v" in options)


def says_all(server: Server, client: Client, size: int, verbose: bool) -> None:
    """The lines about one client: connected first, disconnected last, and with -v true sums between."""
    first, last = f"client {client.address} connected", f"client {client.address} disconnected"
    server.program.eventually(lambda: last in server.program.stdout.lines(), 3.0)
    said = server.program.stdout.lines()
    lines = [line for line in said if client.address in line]
    require(
        lines[:1] == [first] and lines[-1:] == [last] and (verbose or len(lines) == 2),
        _("the lines about a client begin with `connected` and end with `disconnected`"),
        expected=f"{first}\n{last}" if not verbose else f"{first}\n…\n{last}",
        got="\n".join(said[2:]),
        cause=why_not_said(said, lines, first, last),
    )
    for verb, preposition in (("received", "from"), ("sent", "to")) if verbose else ():
        pattern = rf"{verb} (\d+) bytes {preposition} {re.escape(client.address)}"
        counts = [int(m[1]) for line in lines if (m := re.fullmatch(pattern, line))]
        require(
            counts,
            _("with -v a line says how many bytes were {verb}").format(verb=verb),
            expected=f"{verb} N bytes {preposition} {client.address}",
            got="\n".join(lines),
            cause="missing-message",
        )
        expect(size, sum(counts), _("the sum of bytes {verb}").format(verb=verb), "wrong-count")


def bare(line: str) -> str:
    """The name in a line about an IPv6 client, without its brackets."""
    return line.split()[1].replace("[", "").replace("]", "")


def why_not_said(said: Sequence[str], lines: Sequence[str], first: str, last: str) -> str:
    """The fault that the lines about one client show: one is missing, names another client, or is one too many."""
    if first in lines and last in lines:
        return "extra-message" if len(lines) > 2 else "wrong-message"
    events = [line for line in said if line.endswith("connected")]
    if any(line not in (first, last) and line.split()[1:2] == [bare(first)] for line in events):
        return "wrong-message"
    return "missing-message" if len(set(events)) == len(events) else "mixed-names"
