"""Lab 02, step 5: Survive."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from checks.lab_02_threaded_echo.shared import (
    FEW_DESCRIPTORS,
    MANY,
    MIB,
    MOST_THREADS,
    SERVER,
    owners,
    paired_messages,
    seen_in_a_burst,
    talk,
    token,
)
from labkit.scene import departed, manners, shortages
from labkit.scene.checking import (
    UNDER_ASAN,
    Client,
    Disconnected,
    Fault,
    Limits,
    Scene,
    Server,
    Shim,
    Silent,
    Talk,
    _,
    blame,
    end_and_inspect,
    exchange,
    expect,
    judge,
    require,
    step,
)


@contextmanager
def crash_explained(scene: Scene, server: Server) -> Iterator[None]:
    """What resets do to the server; ThreadSanitizer may see why it crashes of them."""
    try:
        with manners.survives(server, "fatal-client"):
            yield
    except Fault as fault:
        found = seen_in_a_burst(scene, leave=True) if fault.cause == "crash" else None
        if found:
            fault.cause, fault.details, fault.about = found.cause, found.details, server.program
        raise


def still_serves(server: Server, what: str, cause: str) -> Client:
    """A new client, which is returned, must be served now, though `what` has happened."""
    try:
        client = server.connect()
        client.send(b"still there?\n")
        client.expect(b"still there?\n")
        client.close()
        return client
    except Fault as fault:
        fault.cause = cause
        fault.what = _("after {what}: {why}").format(what=what, why=fault.what)
        raise


@step(5, "rude", "one-owner")
def test_resets(scene: Scene) -> None:
    """Clients that reset their connections at any moment harm nobody else."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed))
    with crash_explained(scene, server), owners(server), blame("fatal-client"):
        witness = server.connect("witness")
        for _round in range(3):
            resets(server)
            witness.send(b"me?\n")
            witness.expect(b"me?\n")
        still_serves(server, _("many resets"), "fatal-client")


SLOW_US, MOST_SLOW_US = 5_000, 20_000


@step(5, "messages", "true-names", "rude")
def test_says_who_was_reset(scene: Scene) -> None:
    """Clients that reset their connections, or are gone while they are written to, are named truly, and said
    to be disconnected."""
    # A thread is created so slowly that a client who is gone is noticed before whoever created it goes on.
    slow = round(min(MOST_SLOW_US, SLOW_US * scene.pace.factor()))
    shim = Shim(seed=scene.seed, short=departed.SHORT, create_us=slow)
    server = scene.server(SERVER, "-v", shim=shim)
    with manners.survives(server, "fatal-client"):
        early = departed.gone_before_accept(server, 5)
        reset = resets(server)
        broken = departed.leave_unread(server, 3)
        last = still_serves(server, _("many resets"), "fatal-client")
    paired_messages(server)
    none = [line for line in server.program.stdout.lines() if re.match(r"\w+ -\d+ bytes", line)]
    expect(
        "",
        "\n".join(none[:10]),
        _("a call that failed has moved no bytes, and there is nothing to say of it"),
        "wrong-count",
    )
    departed.names_are_true(server, [*early, *reset, *broken, last])


def resets(server: Server) -> list[Client]:
    """Clients reset their connections: at once, after they have sent something, after they were answered.

    Returns them.
    """
    clients = server.crowd(30)
    for client in clients[:10]:
        client.reset()
    for client in clients[10:]:
        client.send(b"hello\n")
    for client in clients[10:20]:
        client.reset()
    for client in clients[20:]:
        client.expect(b"hello\n")
        client.reset()
    return clients


@step(5, "broken-pipe")
def test_a_broken_pipe(scene: Scene) -> None:
    """Writing to a client that is gone ends neither the server nor anybody else's connection."""
    server = departed.broken_pipe(scene, SERVER)
    with manners.survives(server, "fatal-client"):
        still_serves(server, _("a client that did not wait for its answer"), "fatal-client")


@step(5, "rude", "as-lab-01")
def test_half_closes(scene: Scene) -> None:
    """A client that half-closes gets the rest of its bytes, and then the connection is closed."""
    server = scene.server(SERVER)
    for _round in range(3):
        with manners.held(server.program):  # so that bytes and half close are there at once
            client = server.connect()
            client.send(token(1, 30_000))
            client.finish_sending()
        with blame("does-not-close", only=Silent), blame("closes-early", only=Disconnected):
            client.expect(token(1, 30_000))
            client.expect_end()
        client.close()


@step(5, "never-reads")
def test_a_client_that_never_reads(scene: Scene) -> None:
    """A client that sends and never reads delays nobody else."""
    server = scene.server(SERVER, "-v", network="narrow")
    hog, other = server.connect("hog"), server.connect("other")
    hog.push(token(0, MIB))
    for _round in range(5):
        other.send(b"hello\n")
        with blame("lock-held", only=Silent):
            try:
                other.expect(b"hello\n")
            except Silent as fault:
                fault.cause = "lock-held"
                raise
        hog.push(token(0, MIB))
    hog.reset()
    with manners.survives(server, "fatal-client"):
        still_serves(server, _("a client that never read"), "lock-held")


@step(5, "ctrl-z")
def test_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on with all its clients."""
    server = scene.server(SERVER)
    clients = server.crowd(5)
    judge(talk(server, clients), cause="lost-client")
    manners.stopped_and_continued(server)
    with manners.survives(server, "interrupted-call"):
        judge(talk(server, clients), cause="interrupted-call")
        still_serves(server, _("Ctrl-Z and fg"), "interrupted-call")


@step(5, "shortage", "soon-in")
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once, burns no CPU and loses no client; those that wait are served
    as soon as another leaves."""
    server = scene.server(SERVER, limits=Limits(files=FEW_DESCRIPTORS))
    with manners.survives(server, "accept-error-fatal"):
        runs_short(server)


def runs_short(server: Server) -> None:
    """More clients come than there are descriptors; some leave, then all."""
    talks = answered(server, server.crowd(MANY, some=True))
    inside = [one.client for one in talks if one.done]
    outside = [one for one in talks if not one.done]
    lost = [one for one in outside if one.error and not one.client.sock_open()]
    require(
        not lost and len(inside) >= 20,
        _("{n} clients are served, {m} were thrown out").format(n=len(inside), m=len(lost)),
        expected=_("clients that have a descriptor are served, the others wait"),
        got=lost[0].error if lost else _("too few are served"),
        cause="lost-client",
    )
    shortages.calm_while_short(server.program)
    came: list[Talk] = []
    for leaving in (inside[:5], inside[5:10]):  # the second right after a try to accept
        for client in leaving:
            client.close()
        came += shortages.let_talks_in(server, [one for one in outside if one not in came])
    with blame("lost-client"):
        for client in inside[10:]:
            client.send(b"me?\n")
            client.expect(b"me?\n")
            client.close()
    for one in came:
        one.client.close()
    rest = [one for one in outside if one not in came]
    for one in rest:
        with blame("lost-client"):
            expect(
                one.payload,
                one.client.receive(len(one.payload)),
                _("a client that waited is served"),
                "lost-client",
            )
        one.client.close()


def answered(server: Server, clients: Sequence[Client]) -> list[Talk]:
    """All say something; returns when nobody has been answered for a moment."""
    deadline = server.program.deadline(0.7)
    return exchange(clients, lambda i: b"token-%010d" % i, deadline)


@step(5, "no-thread", "messages")
def test_out_of_threads(scene: Scene) -> None:
    """Where no thread can be started, that one client is closed, with a message, and all others go on."""
    server = scene.server(SERVER, shim=Shim(most_threads=MOST_THREADS))
    with manners.survives(server, "thread-failure"), blame("thread-failure"):
        runs_out_of_threads(server)
    paired_messages(server)


def runs_out_of_threads(server: Server) -> None:
    """More clients come than threads can be had; then all leave, and others come."""
    talks = talk(server, server.crowd(2 * MOST_THREADS), seconds=2.0)
    inside = [one.client for one in talks if one.right]
    hanging = [one for one in talks if not one.done and one.client.sock_open()]
    if len(inside) < MOST_THREADS // 2 or hanging:
        raise Silent(
            _("with {n} threads to be had, {m} clients are served and {k} wait for nothing").format(
                n=MOST_THREADS, m=len(inside), k=len(hanging)
            ),
            expected=_("a client for whom there is no thread is closed"),
            got=hanging[0].client.name if hanging else "",
            cause="thread-failure",
        )
    require(
        server.program.eventually(lambda: bool(server.program.stderr.text()), 2.0),
        _("a client was closed because there was no thread, and nobody said so"),
        expected=_("a message on stderr"),
        got=_("nothing"),
        cause="thread-failure",
    )
    shortages.gives_a_reason(server.program)
    for client in inside:
        client.send(b"me?\n")
        client.expect(b"me?\n")
        client.close()
    server.program.eventually(lambda: server.program.stats().alive < MOST_THREADS, 3.0)
    for _round in range(2 * MOST_THREADS):
        still_serves(server, _("a shortage of threads"), "thread-failure")


@step(5, "no-thread", "given-back", "sound-memory")
def test_a_refused_client_costs_nothing(scene: Scene) -> None:
    """What a client was given before there was no thread for it is given back: its descriptor, its memory."""
    server = scene.server(SERVER, tool=UNDER_ASAN, shim=Shim(most_threads=4))
    program = server.program
    with manners.survives(server, "thread-failure"):
        still_serves(server, _("the start"), "lost-client")
        before = manners.lowest(program, "descriptors")
        clients = server.crowd(12)
        program.eventually(lambda: bool(program.stderr.text()), 3.0)
        for client in clients:
            client.close()
    left = manners.settled(program, "descriptors", before)
    expect(before, max(left, before), _("descriptors after all clients left"), "descriptor-leak")
    with suppress(Fault):  # how it stops is judged in step 6
        server.stop(signal.SIGTERM, 2.0)
    end_and_inspect(program)
