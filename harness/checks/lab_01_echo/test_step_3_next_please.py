"""Lab 01, step 3: Next, please."""

from __future__ import annotations

import time

from checks.lab_01_echo.shared import SERVER, means
from labkit.scene import departed, manners, shortages
from labkit.scene.checking import (
    Client,
    Disconnected,
    Fault,
    Limits,
    Row,
    Scene,
    Server,
    Shim,
    Silent,
    Span,
    _,
    blame,
    calm,
    death,
    require,
    step,
    timeline,
)

IDLE_SECONDS = 2.5


def served(server: Server, what: str, ended: str, stuck: str = "serves-once") -> None:
    """A new client must be served now; `what` has happened before.

    ended, stuck: the cause if it is not served because the server has ended, or though it still runs.
    """
    try:
        client = server.connect()
        client.send(b"next, please\n")
        client.expect(b"next, please\n")
        client.close()
    except Fault as fault:
        gone = server.program.wait(server.program.deadline(0.5))
        if gone and gone.signal:
            raise death(server.program, gone) from None
        if gone:
            raise Fault(
                _("after {what}, the server has ended").format(what=what),
                expected=_("it serves the next client"),
                got=str(gone),
                cause=ended,
            ) from None
        raise type(fault)(
            _("after {what}, the next client is not served").format(what=what),
            expected=b"next, please\n",
            got=fault.got if fault.got is not None else fault.what,
            cause=stuck,
        ) from None


@step(3, "in-turn")
def test_one_after_another(scene: Scene) -> None:
    """When a client has left, the next one is served."""
    server = scene.server(SERVER)
    for _round in range(5):
        served(server, _("a client that left"), "serves-once")


@step(3, "in-turn", "one-at-a-time")
def test_who_waits_is_served_in_turn(scene: Scene) -> None:
    """Clients that came while another was served are served when it has left."""
    server = scene.server(SERVER)
    began = time.monotonic()
    first, second, third = server.crowd(3, ["client 1", "client 2", "client 3"])
    second.send(b"hello\n")
    third.send(b"three\n")
    early = chat(scene, first, 10, second)
    nobody_else_is_served(server, second, began, early)
    first.close()
    left = time.monotonic() - began
    with means("lost-client", Silent, Disconnected):
        second.expect(b"hello\n")
        answered = time.monotonic() - began
        chat(scene, second, 5)
        second.close()
        end = time.monotonic() - began
        third.expect(b"three\n")
    waiting = Span(0, answered, "."), Span(answered, end, "=")
    scene.show(
        timeline(
            _("One thread: both are connected from the start, and client 2 waits. Why?"),
            [
                Row(_("client {n}").format(n=1), [Span(0, left, "=")], _("is served, and leaves")),
                Row(_("client {n}").format(n=2), waiting, _("waits {s:.2f} s").format(s=answered)),
            ],
        )
    )


def chat(scene: Scene, client: Client, lines: int, other: Client | None = None) -> float:
    """A person who types some lines, not too fast. Returns when `other` was seen to be answered, 0 if not."""
    answered = 0.0
    for _line in range(lines):
        client.send(b"hello\n")
        client.expect(b"hello\n")
        scene.pause(0.03)
        if other and not answered and other.has_answer():
            answered = time.monotonic()
    return answered


def nobody_else_is_served(server: Server, second: Client, began: float, answered: float) -> None:
    """While the first client is connected, and idle, the second must not be answered.

    answered: when it was, if it was already. If it has left the queue, an answer is waited for: somebody may
    be at work on it.
    """
    if not answered:
        server.program.eventually(lambda: second.has_answer() or server.waiting() > 0, 1.0)
        answered = time.monotonic() if second.has_answer() else 0.0
    if not answered:
        return
    now, at = time.monotonic() - began, answered - began
    spans = [Span(0, at, "."), Span(at, now, "=")]
    rows = [
        Row(_("client {n}").format(n=1), [Span(0, now, "=")], _("is still connected")),
        Row(_("client {n}").format(n=2), spans, _("is answered after {s:.2f} s").format(s=at)),
    ]
    raise Fault(
        _("the second client was answered while the first was connected and idle"),
        expected=_("it waits until the first has left"),
        got=_("an answer; threads: {n}, processes: {m}").format(
            n=server.program.threads(), m=server.program.processes()
        ),
        cause="not-one-at-a-time",
        details=timeline(_("Both are served at the same time:"), rows),
    )


@step(3, "survives", "broken-pipe")
def test_after_a_reset(scene: Scene) -> None:
    """A client that resets its connection does not end the server."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"hello\n")
    client.expect(b"hello\n")
    client.reset()
    served(server, _("a reset"), "fatal-client", "stuck-on-error")


@step(3, "survives")
def test_after_one_that_left_while_it_waited(scene: Scene) -> None:
    """A client that gives up before it is accepted does no harm."""
    server = scene.server(SERVER)
    first, second = server.crowd(2, ["client 1", "client 2"])
    first.send(b"hello\n")
    first.expect(b"hello\n")
    second.reset()
    server.forgets(second)
    first.close()
    served(server, _("a client that gave up while it waited"), "fatal-client", "lost-client")


@step(3, "survives")
def test_after_one_that_said_nothing(scene: Scene) -> None:
    """A client that connects and leaves without a word does no harm."""
    server = scene.server(SERVER)
    server.connect().close()
    served(server, _("a client that said nothing"), "fatal-client")


@step(3, "survives", "broken-pipe")
def test_after_a_broken_pipe(scene: Scene) -> None:
    """Writing to a client that is gone does not end the server."""
    server = departed.broken_pipe(scene, SERVER)
    left = _("a client that did not wait for its answer")
    served(server, left, "fatal-client", "stuck-on-error")


@step(3, "ctrl-z")
def test_after_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on where it was."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"before\n")
    client.expect(b"before\n")
    manners.stopped_and_continued(server)
    with means("interrupted-call", Silent, Disconnected):
        client.send(b"after\n")
        client.expect(b"after\n")
    client.close()
    manners.stopped_and_continued(server)
    served(server, _("Ctrl-Z and fg"), "interrupted-call", "interrupted-call")


@step(3, "descriptors")
def test_gives_descriptors_back(scene: Scene) -> None:
    """After many clients, whatever way they left, no descriptor is left open."""
    server = scene.server(SERVER, limits=Limits(files=32), shim=Shim(short=departed.SHORT))
    served(server, _("the start"), "ended-early")
    before = manners.settled(server.program, "descriptors", 0, 0.2)
    with means("descriptor-leak", Silent, Disconnected):
        for round_ in range(60):
            if round_ % 6 == 0:
                departed.leave_unread(server)
            client = server.connect()
            client.send(b"x")
            client.expect(b"x")
            client.reset() if round_ % 3 == 0 else client.close()
    after = manners.settled(server.program, "descriptors", before)
    require(
        after <= before,
        _("the clients have left, and more descriptors are open than before they came"),
        expected=_("{n} descriptors").format(n=before),
        got=_("{n} descriptors").format(n=after),
        cause="descriptor-leak",
    )


@step(3, "shortage", "survives")
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once and burns no CPU; a client that waits is served when there is one again."""
    server = manners.idle(scene.server(SERVER))
    program = server.program
    program.may_open(program.free_number())
    try:
        runs_short(server)
    except Fault as fault:
        ended = program.wait(program.deadline(0.3))
        if ended and not ended.signal:
            fault.cause = "accept-error-fatal"
        raise


def runs_short(server: Server) -> None:
    """A client comes while no descriptor is to be had, and is served when there is one again."""
    program = server.program
    early = server.connect()  # a call that waits has a number for it already
    early.send(b"early\n")
    early.close()
    client = server.connect()
    client.send(b"hello\n")
    program.eventually(lambda: bool(program.stderr.text()), 3.0)
    program.must_not_have_died()
    shortages.calm_while_short(program)
    program.may_open(Limits.files)
    with means("lost-client", Silent, Disconnected):
        client.expect(b"hello\n")


@step(3, "asleep")
def test_sleeps_while_nothing_happens(scene: Scene) -> None:
    """While nobody says anything, and when clients have left, the server uses no CPU."""
    server = scene.server(SERVER)
    calm.must_sleep(server.program, _("no client has come"))
    first, second = server.crowd(2, ["client 1", "client 2"])
    first.send(b"half a li")
    first.expect(b"half a li")
    calm.must_sleep(server.program, _("one client is silent, and another waits"))
    first.finish_sending()
    second.send(b"hello\n")
    second.expect(b"hello\n")
    second.close()
    server.program.stdout.wait_for(r"disconnected$", server.program.deadline(1.0))
    calm.must_sleep(server.program, _("all clients have left"))


@step(3, "no-timeout")
def test_no_idle_timeout(scene: Scene) -> None:
    """A client may be silent for as long as it likes."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"wait a moment\n")
    client.expect(b"wait a moment\n")
    until = time.monotonic() + IDLE_SECONDS
    client.sock.settimeout(IDLE_SECONDS)
    try:
        early = client.sock.recv(1)
    except TimeoutError:
        early = None
    except OSError:
        early = b""
    if early is not None:
        left = until - time.monotonic()
        client.journal.note(client.name, _("finds the connection closed"))
        raise Fault(
            _("a client was thrown out after {s:.1f} s of silence").format(s=IDLE_SECONDS - left),
            cause="idle-timeout",
        )
    client.send(b"here I am\n")
    with blame("idle-timeout"):
        client.expect(b"here I am\n")
