"""Lab 06, step 2: Shutdown."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.console import Console, enter, names
from checks.lab_06_control_server.shared import (
    SERVER,
    STRANGER,
    crowd,
    drive,
    ends,
    nothing_left,
    prompted,
    say,
    stranger,
    talk,
    told,
)
from labkit.scene import aiming, departed, manners, schedules, stopping
from labkit.scene.checking import (
    UNDER_ASAN,
    Client,
    Fault,
    Running,
    Scene,
    Server,
    Shim,
    Silent,
    _,
    blame,
    end_and_inspect,
    exchange,
    expect,
    judge,
    require,
    seeded,
    step,
    wait_listening,
)

MIB = 1 << 20


def log_is_complete(console: Console, clients: Sequence[Client] = ()) -> None:
    """The log of a server that has ended says so last, and of each client that it left.

    On stdout clients need not be spoken of.
    """
    events = console.log().events
    cause = "not-awaited" if "server stopped" in events else "missing-event"
    expect(["server stopped"], events[-1:], _("the last line of the log"), cause)
    for client in clients:
        event = f"client {client.address} disconnected"
        expect(1, events.count(event), _("`{event}` in the log").format(event=event), "not-awaited")


WAYS = (Console.shut_down, Console.end_input)


@step(2, "shutdown", "port-again", "events")
def test_shutdown_with_50_clients(scene: Scene) -> None:
    """`shutdown` and the end of input close all clients, silent ones too, and end the server within a second."""
    for way in WAYS:
        console = consoles.start(scene)
        clients = crowd(console, 50)
        clients[0].send(b"SAY half a li")
        ends(console.program, way(console), "shutdown-hangs", clients)
        log_is_complete(console, clients)
        stopping.binds_again(_with_keyboard(scene), console.server)


def _with_keyboard(scene: Scene) -> Scene:
    """The scene, whose programs have an open stdin from now on."""
    scene.stdin = "pipe"
    return scene


@step(2, "shutdown")
def test_shutdown_without_a_client(scene: Scene) -> None:
    """`shutdown` and the end of input end a server that has no client, never had one, or is paused."""
    for way in WAYS:
        idle = consoles.start(scene)
        ends(idle.program, way(idle), "shutdown-hangs")
        console = consoles.start(scene)
        enter(console, "alice")[0].close()
        console.pause()
        ends(console.program, way(console), "shutdown-hangs")
    running = scene.start(SERVER, "-p", "0")  # its stdin is at its end from the start
    running.may_end = True
    ends(running, running.wait(running.deadline(2.0)), "end-of-input")


@step(2, "ctrl-z")
def test_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on with its clients and commands."""
    console = consoles.start(scene)
    clients = crowd(console, 5)
    manners.stopped_and_continued(console.server)
    with manners.survives(console.server, "interrupted-call"), blame("interrupted-call"):
        judge(talk(console, clients), cause="interrupted-call")
        console.status()
        stranger(console, "interrupted-call")


WAVES, WAVE = 60, 20
MOST_GROWTH = 6 * MIB


@step(2, "rude", "broken-pipe")
def test_rude_guests(scene: Scene) -> None:
    """Resets, half closes, garbage, silence and 1,000 connections at once harm nobody else."""
    console = consoles.start(scene, shim=Shim(seed=scene.seed))
    (witness,) = enter(console, "witness")
    with manners.survives(console.server, "fatal-client"), blame("fatal-client"):
        for _round in range(2):
            for index, client in enumerate(console.server.crowd(40)):
                client.send((b"SAY half", b"x\n", b"\0\xff\r\n\n", b"LOGIN a b\n")[index % 4])
                client.reset() if index % 2 else client.close()
            say(witness)
        for client in crowd(console, 10):
            client.reset()
        idle = console.server.crowd(1000)
        idle[0].send(b"\0" * 5000)
        say(witness)
        stranger(console, "fatal-client")
    broken_pipe(scene)
    stats = console.program.stats()
    expect(0, stats.stale_uses, _("calls on a descriptor that was closed before"), "closed-twice")


def broken_pipe(scene: Scene) -> None:
    """A client is gone while the server has much to write to it: SIGPIPE."""
    console = consoles.start(scene, shim=departed.piecemeal(scene))
    (client,) = enter(console, "client")
    with manners.survives(console.server, "fatal-client"):
        with manners.held(console.program):
            client.send(b"SAY many bytes, and nobody reads the answer\n" * 200)
            client.close()
        stranger(console, "fatal-client")


@step(2, "stop", "shutdown")
def test_stops_at_a_signal(scene: Scene) -> None:
    """SIGTERM and SIGINT stop the server with 50 clients, with none, and while it is paused."""
    scene.stdin = "pipe"
    console = consoles.start(scene)
    clients = crowd(console, 50)
    stopping.stops(console.server, clients, signal.SIGTERM, unsaid="not-awaited", aloud=False)
    log_is_complete(console, clients)
    for number in (signal.SIGINT, signal.SIGTERM):
        stopping.stops(
            manners.idle(scene.server(SERVER)), [], number, unsaid="not-awaited", aloud=False
        )
    console = consoles.start(scene)
    (alice,) = enter(console, "alice")
    console.pause()
    stopping.stops(console.server, [alice], signal.SIGINT, unsaid="not-awaited", aloud=False)


@step(2, "shutdown", "prompt")
def test_ctrl_c_at_a_terminal(scene: Scene) -> None:
    """At a terminal Ctrl-C stops the server, and so does `shutdown`."""
    for typed in (b"\x03", b"shutdown\n"):
        console = consoles.start(scene, terminals="stdin stdout stderr", stdin=None)
        prompted(console.program, 0)
        (alice,) = enter(console, "alice")
        console.program.may_end = True
        console.program.type(typed)
        ended = console.program.wait(console.program.deadline(1.0))
        ends(console.program, ended, "does-not-stop" if typed == b"\x03" else "shutdown-hangs")
        stopping.must_see_end(alice)


@step(2, "safe-handler")
def test_handlers_are_safe(scene: Scene) -> None:
    """A handler of SIGINT or SIGTERM, if there is one, calls only what signal-safety(7) lists."""
    for number in (signal.SIGINT, signal.SIGTERM):
        console = consoles.start(scene)
        judge(talk(console, enter(console, "ann", "bob")), cause="lost-client")
        console.status()
        console.server.stop(number)
        stopping.handlers_are_safe(console.program)


@step(2, "any-moment")
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same."""
    slow = schedules.slowed(stopping.SLOW_CALLS, scene)
    shims = [replace(slow, seed=scene.seed + run) for run in range(8)]
    at_start = schedules.forced(slow, scene.seed, 4, late=0, calls=4)
    moments: list[tuple[Shim, Callable[[Console], None]]] = [
        *((shim, once_it_listens) for shim in at_start),
        *((shim, as_a_client_leaves) for shim in shims),
        *((shim, once_it_has_answered) for shim in shims[:6]),
        *((shim, amid_commands) for shim in seeded(scene.seed, 4)),
    ]
    begun: list[Running] = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        # What they do is mostly to wait. But were there more at a time, we would miss their moments.
        for some in (moments[i : i + SIDE_BY_SIDE] for i in range(0, len(moments), SIDE_BY_SIDE)):
            now = [scene.start(SERVER, *CHEAPLY, stdin="pipe", shim=shim) for shim, _moment in some]
            begun += now
            for _done in pool.map(ask_at, now, (moment for _shim, moment in some)):
                pass
    for running, (_shim, moment) in zip(begun, moments):
        try:
            stopping.must_stop(running, "lost-signal")
        except Fault as fault:
            if isinstance(fault, Silent) or moment is not once_it_listens:
                raise  # else its handlers may have come too late: no matter


SIDE_BY_SIDE = 4
CHEAPLY = ("-c", "1", "-p", "0")
CONNECTING = Lock()  # held to connect: a network is asked for one thing at a time


def ask_at(running: Running, moment: Callable[[Console], None]) -> None:
    """Wait for the moment, and ask the server to stop."""
    moment(Console(Server(running, wait_listening(running))))
    stopping.ask_to_stop(running)


def once_it_listens(console: Console) -> None:
    """It has just said where it listens."""
    console.program.stdout.wait_for("^listening on", console.program.deadline(3.0))


def as_a_client_leaves(console: Console) -> None:
    """It has just noticed a client's end, and is on its way to wait for the next one."""
    with CONNECTING:
        client = console.server.connect()
    told(client, b"x", b"ERR unknown-command")
    client.close()
    console.program.stdout.wait_for("disconnected$", console.program.deadline(2.0))


def once_it_has_answered(console: Console) -> None:
    """It is on its way to wait for the next command."""
    console.status()


def amid_commands(console: Console) -> None:
    """It has hardly begun with what was typed."""
    console.type(*[b"status", b"logs 5", b"clear logs"] * 60)
    console.program.stdout.wait_for("^logs cleared", console.program.deadline(3.0))


@step(2, "shutdown")
def test_stops_while_clients_are_busy(scene: Scene) -> None:
    """Clients that never read, and those that come and go, do not keep the server from stopping."""
    ways: list[Callable[[Console], None]] = [
        lambda console: console.program.type(b"shutdown\n"),
        lambda console: console.program.end_input(),
    ]
    asked: list[tuple[Console, list[Client]]] = []
    for shim, way in zip(seeded(scene.seed, 4), ways * 2):
        console = consoles.start(scene, shim=shim, network="narrow")
        clients = crowd(console, 10)
        leaving = crowd(console, 20, "leaves")
        for client in clients[:2]:
            client.push((b"SAY " + b"y" * 1000 + b"\n") * 500, 0.1)
        with manners.held(console.program):  # so that they leave while it stops
            for client in leaving:
                client.reset()
            console.program.may_end = True
            way(console)
        asked.append((console, clients))
    for console, clients in asked:
        stopping.must_stop(console.program, "shutdown-hangs")
        stale = console.program.stats().stale_uses
        expect(0, stale, _("calls on a descriptor that was closed before"), "closed-twice")
        for client in clients:
            stopping.must_see_end(client)


@step(2, "own-number", "shutdown")
def test_a_number_that_was_closed(scene: Scene) -> None:
    """`shutdown` touches no socket whose number was given back: who leaves at that moment is off the list by then."""
    held = Shim(close_us=min(3_000_000, round(0.4e6 * scene.pace.factor())))
    console = consoles.start(scene, shim=held)
    program = console.program
    most = program.descriptors()
    for client in crowd(console, 4):
        client.close()
    program.eventually(lambda: program.descriptors() <= most, 2.0)
    program.may_end = True
    program.type(b"shutdown\n")
    stopping.must_stop(program, "shutdown-hangs")
    stale = program.stats().stale_uses
    expect(0, stale, _("calls on a descriptor that was closed before"), "closed-twice")


@step(2, "any-thread")
def test_a_signal_in_any_thread(scene: Scene) -> None:
    """The signal to stop does so whichever thread the kernel chooses to deliver it to."""
    for which in (0, -1):
        console = consoles.start(scene)
        console.server.connect("silent")
        alice, bob = enter(console, "alice", "bob")
        alice.send(b"SAY half a li")
        manners.come_to_rest(console.program)  # a thread that ends would take the signal with it
        threads = aiming.hearing(console.program, signal.SIGTERM)
        if not threads:
            return  # all but main block it: none of them can get it
        console.program.may_end = True
        aiming.send(console.program, threads[which], signal.SIGTERM)
        ended = console.program.wait(console.program.deadline(1.0))
        ends(console.program, ended, "signal-elsewhere", [bob])


@step(2, "given-back")
def test_gives_everything_back(scene: Scene) -> None:
    """After 1,200 connections threads, descriptors and memory are back where they were after the first."""
    console = consoles.start(scene, shim=Shim())
    program = console.program
    enter(console, *names("u", WAVE))
    for _round in range(2):
        wave(console)
    threads = manners.lowest(program, "threads")
    descriptors = manners.lowest(program, "descriptors")
    resident = program.resident()
    for number in range(WAVES):
        wave(console, number)
        console.ask(b"clear logs")  # a log that is kept in memory too is no leak
    nothing_left(console, threads, descriptors)
    stats = program.stats()
    unclaimed = stats.created - stats.joined - stats.detached - stats.alive
    grown = manners.settled(program, "resident", resident + MOST_GROWTH) - resident
    require(
        grown <= MOST_GROWTH,
        _("resident memory grew over {n} connections").format(n=WAVES * WAVE),
        expected=_("at most {kib} KiB").format(kib=MOST_GROWTH // 1024),
        got=_("{kib} KiB; threads ended, but neither joined nor detached: {n}").format(
            kib=grown // 1024, n=unclaimed
        ),
        cause="thread-leak" if unclaimed > 100 else "memory-leak",
    )


def wave(console: Console, number: int = 0) -> None:
    """Some clients come, say something and leave, a few of them with a reset."""
    clients = console.server.crowd(WAVE)
    talks = exchange(
        clients, lambda i: b"SAY x\n", console.program.deadline(5.0), lambda i: STRANGER
    )
    judge(talks, cause="lost-client")
    for index, client in enumerate(clients):
        client.reset() if (index + number) % 7 == 0 else client.close()


@step(2, "given-back")
def test_no_memory_is_lost(scene: Scene) -> None:
    """LeakSanitizer and AddressSanitizer find nothing, whatever clients and commands do."""
    console = consoles.start(scene, tool=UNDER_ASAN, shim=Shim(seed=scene.seed))
    try:
        drive(console, 8)
        console.shut_down(3.0)
    except Silent:
        pass  # it hangs: other checks say more about that
    except Fault:  # it may be ending, and the tool will have said why
        console.program.wait(console.program.deadline(2.0))
    end_and_inspect(console.program)
