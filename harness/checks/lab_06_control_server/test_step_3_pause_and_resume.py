"""Lab 06, step 3: Pause and resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.chorus import Chorus
from checks.lab_06_control_server.console import Console, enter
from checks.lab_06_control_server.shared import (
    STRANGER,
    at_once,
    crowd,
    nothing_left,
    say,
    stranger,
    strangers,
    talk,
)
from labkit.scene import manners, shortages
from labkit.scene.checking import (
    Client,
    Disconnected,
    Fault,
    Limits,
    Scene,
    Shim,
    Silent,
    Talk,
    _,
    blame,
    calm,
    exchange,
    expect,
    judge,
    renamed,
    require,
    seeded,
    step,
)


def refused(console: Console) -> None:
    """No socket listens any more, and a new client is refused."""
    try:
        console.server.connect().close()
    except Disconnected:
        pass
    except Silent as fault:
        fault.cause = "still-listening"
        raise
    else:
        raise Fault(
            _("the server is paused, and a client was connected all the same"),
            expected=_("connection refused"),
            got=_("connected"),
            cause="still-listening",
        )
    expect(
        {},
        console.program.listening(),
        _("sockets that listen while it is paused"),
        "still-listening",
    )


@step(3, "pause", "status")
def test_pause_and_resume(scene: Scene) -> None:
    """While the server is paused new clients are refused and old ones are served; then it listens again, on the
    same port."""
    own = scene.network().own
    cases = [["-p", "0"], ["-a", "::1", "-p", "0"]] + ([["-p", "7777"]] if own else [])
    for options in cases:
        console = consoles.start(scene, *options)
        where = console.status().where
        (alice,) = enter(console, "alice")
        for _round in range(2):
            console.pause()
            refused(console)
            expect("", console.status().where, _("`status` of a paused server"), "wrong-status")
            with lost_by_pause():
                say(alice)
            expect(where, console.resume(), _("where it listens again"), "other-port")
            listened = console.program.listening()
            expect(
                [console.server.where], list(listened), _("where it listens again"), "other-port"
            )
            expect(where, console.status().where, _("`status` of a resumed server"), "wrong-status")
            served_again(console)
            say(alice)


def served_again(console: Console) -> None:
    """Somebody new must be served after `resume`; who waits for an answer in vain shows that nobody accepts."""
    with renamed(["no-answer"], "not-resumed", only=Silent):
        stranger(console, "not-resumed")


@step(3, "sleeps")
def test_sleeps_while_paused(scene: Scene) -> None:
    """No thread works while nothing happens and the server is paused, or has been resumed."""
    console = consoles.start(scene)
    (alice,) = enter(console, "alice")
    alice.send(b"SAY half a li")
    console.pause()
    calm.must_sleep(console.program, _("the server is paused"), "spins-idle")
    console.resume()
    calm.must_sleep(console.program, _("the server has been paused and resumed"), "spins-idle")


@step(3, "no-change")
def test_nothing_to_change(scene: Scene) -> None:
    """A `pause` or `resume` that changes nothing says so and is no error."""
    console = consoles.start(scene)
    where = f"{console.server.host}:{console.server.port}"
    for command, answer in (
        (b"resume", f"already listening on {where}"),
        (b"pause", "paused"),
        (b"pause", "already paused"),
        (b"resume", f"listening on {where}"),
        (b"resume", f"already listening on {where}"),
    ):
        found = console.ask(command, "(?:already )?paused|(?:already )?listening on .*")
        expect(
            answer,
            found[0].strip(),
            _("the answer to `{c}`").format(c=command.decode()),
            "wrong-answer-to-command",
        )
    expect("", console.program.stderr.text(), _("what stderr says"), "wrong-answer-to-command")
    stranger(console)


CYCLES = 100


@step(3, "never-lost", "given-back")
def test_100_cycles_under_load(scene: Scene) -> None:
    """100 times `pause` and `resume` while clients talk lose no client that has had an answer."""
    console = consoles.start(scene)
    clients = crowd(console, 20)
    threads = manners.lowest(console.program, "threads")
    descriptors = manners.lowest(console.program, "descriptors")
    with manners.survives(console.server, "lost-by-pause"), lost_by_pause():
        with Chorus(console.program, clients) as chorus:
            for cycle in range(CYCLES):
                console.pause()
                console.resume()
                if cycle % 20 == 0:
                    chorus.went_on()
        served_again(console)
        judge(talk(console, clients), cause="lost-client")
    nothing_left(console, threads, descriptors)


@contextmanager
def lost_by_pause() -> Iterator[None]:
    """Inside, a client that is lost was lost by `pause` or `resume`."""
    try:
        yield
    except Fault as fault:
        if fault.cause in (None, "lost-client", "closes-early", "no-answer"):
            fault.cause = "lost-by-pause"
        raise


@step(3, "never-lost")
def test_who_comes_between(scene: Scene) -> None:
    """A client that comes while `pause` and `resume` alternate, and has had one answer, is served on."""
    for shim in seeded(scene.seed, 3):
        console = consoles.start(scene, shim=shim)
        (witness,) = enter(console, "witness")
        served: list[Client] = []
        with manners.survives(console.server, "lost-by-pause"), lost_by_pause():
            for _cycle in range(12):
                served += newcomers(console)
                console.resume()
                judge(strangers(console, served), cause="lost-client")
            say(witness)
        stats = console.program.stats()
        expect(
            0, stats.stale_uses, _("calls on a descriptor that was closed before"), "closed-twice"
        )


def newcomers(console: Console) -> list[Client]:
    """Three clients come, and at once the server is paused; returns those that have had an answer."""
    clients = console.server.crowd(3)
    before = console.type(b"pause")
    talks = strangers(console, clients)
    console.answer(before, b"pause", "paused")
    for one in talks:
        if not one.done and not one.error:
            raise Silent(_("neither served nor refused"), cause="lost-client")
        if one.late:
            raise Silent(
                _("{client} came before the pause, and is neither served nor reset").format(
                    client=one.client.name
                ),
                cause="lost-by-pause",
            )
    return [one.client for one in talks if one.right]


FEW_DESCRIPTORS, MANY = 64, 100


@step(3, "no-thread", "shortage", "soon-in")
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once, burns no CPU and loses no client; commands are answered; a
    client that waits is served as soon as another leaves."""
    console = consoles.start(scene, limits=Limits(files=FEW_DESCRIPTORS))
    with manners.survives(console.server, "accept-error-fatal"):
        talks = strangers_for(console, console.server.crowd(MANY, some=True), 0.7)
        inside = [one.client for one in talks if one.done]
        outside = [one for one in talks if not one.done]
        lost = [one for one in outside if one.error and not one.client.sock_open()]
        require(
            not lost and len(inside) >= FEW_DESCRIPTORS // 5,
            _("{n} clients are served, {m} were thrown out").format(n=len(inside), m=len(lost)),
            expected=_("clients that have a descriptor are served, the others wait"),
            got=lost[0].error if lost else _("too few are served"),
            cause="lost-client",
        )
        shortages.calm_while_short(console.program)
        at_once(console)
        came: list[Talk] = []
        for leaving in (inside[:5], inside[5:10]):  # the second right after a try to accept
            for client in leaving:
                client.close()
            came += shortages.let_talks_in(
                console.server, [one for one in outside if one not in came]
            )
        console.pause()  # now clients that wait may be reset
        served = inside[10:] + [one.client for one in came]
        judge(strangers(console, served), cause="lost-by-pause")
        for client in served:
            client.close()
        manners.settled(console.program, "descriptors", FEW_DESCRIPTORS // 2)
        console.resume()
        stranger(console)


def strangers_for(console: Console, clients: Sequence[Client], seconds: float) -> list[Talk]:
    """All say something; returns what has come after a while."""
    deadline = console.program.deadline(seconds)
    return exchange(clients, lambda i: b"SAY x\n", deadline, lambda i: STRANGER)


MOST_THREADS = 20


@step(3, "no-thread", "true-reason")
def test_out_of_threads(scene: Scene) -> None:
    """Where no thread can be started, that one client is closed, with a message, and all others go on."""
    console = consoles.start(scene, shim=Shim(most_threads=MOST_THREADS))
    with manners.survives(console.server, "thread-failure"), blame("thread-failure"):
        talks = strangers_for(console, console.server.crowd(2 * MOST_THREADS), 2.0)
        hanging = [one for one in talks if not one.done and one.client.sock_open()]
        inside = [one.client for one in talks if one.right]
        closed = len(talks) - len(inside) - len(hanging)
        if len(inside) < MOST_THREADS // 4 or hanging:
            raise Silent(
                _("{m} clients are served and {k} wait for nothing").format(
                    m=len(inside), k=len(hanging)
                ),
                expected=_("a client for whom there is no thread is closed"),
                cause="thread-failure",
            )
        require(
            not closed
            or console.program.eventually(lambda: bool(console.program.stderr.text()), 2.0),
            _("a client was closed because there was no thread, and nobody said so"),
            expected=_("a message on stderr"),
            got=_("nothing"),
            cause="thread-failure",
        )
        shortages.gives_a_reason(console.program)
        at_once(console)
        judge(strangers(console, inside), cause="thread-failure")
        for client in inside:
            client.close()
        console.program.eventually(lambda: console.program.stats().alive < MOST_THREADS, 3.0)
        for _round in range(2 * MOST_THREADS):
            stranger(console, "thread-failure")
    paired(console)


def paired(console: Console) -> None:
    """The server must say `connected` only of clients of which it also says `disconnected`, in the log as on stdout."""

    def unpaired() -> list[str]:
        said = console.log().events + console.program.stdout.lines()
        came = [one[: -len(" connected")] for one in said if one.endswith(" connected")]
        went = [one[: -len(" disconnected")] for one in said if one.endswith(" disconnected")]
        return [who for who in came if came.count(who) != went.count(who)]

    console.program.eventually(lambda: not unpaired(), 3.0)
    expect([], unpaired(), _("clients that connected and never disconnected"), "missing-event")
