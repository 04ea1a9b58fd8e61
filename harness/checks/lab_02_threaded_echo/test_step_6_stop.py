"""Lab 02, step 6: Stop."""

from __future__ import annotations

import signal
from dataclasses import replace

from checks.lab_02_threaded_echo.shared import (
    FEW_DESCRIPTORS,
    MANY,
    MIB,
    MOST_THREADS,
    SERVER,
    paired_messages,
    stale_free,
    talk,
    token,
    wave,
)
from labkit.scene import aiming, manners, schedules, stopping
from labkit.scene.checking import Limits, Scene, Server, Shim, _, expect, judge, seeded, step


@step(6, "stop", "port-again")
def test_stops_with_50_clients(scene: Scene) -> None:
    """SIGTERM with 50 clients connected: all are closed and reported, exit 0 within a second."""
    server = scene.server(SERVER)
    mute, clients = server.crowd(3), server.crowd(50)
    judge(talk(server, clients), cause="lost-client")
    server.program.eventually(lambda: server.program.stdout.text().count(" connected\n") == 53, 2.0)
    stopping.stops(server, [*mute, *clients], signal.SIGTERM, unsaid="not-awaited")
    stopping.binds_again(scene, server)


@step(6, "stop")
def test_stops_without_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server that has no client, or never had one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        idle = manners.idle(scene.server(SERVER))
        stopping.stops(idle, [], number, unsaid="not-awaited")
        server = scene.server(SERVER)
        wave(server)
        stopping.stops(server, [], number, unsaid="not-awaited")


@step(6, "stop", "shortage")
def test_stops_in_a_shortage(scene: Scene) -> None:
    """A server that has run out of descriptors, or of threads, can be stopped like any other."""
    few = scene.server(SERVER, limits=Limits(files=FEW_DESCRIPTORS))
    stops_in_a_shortage(few, signal.SIGTERM)
    stops_in_a_shortage(scene.server(SERVER, shim=Shim(most_threads=MOST_THREADS)), signal.SIGINT)


def stops_in_a_shortage(server: Server, number: signal.Signals) -> None:
    """More clients come than can be served; then the server is stopped."""
    clients = server.crowd(MANY, some=True)
    server.program.eventually(lambda: bool(server.program.stderr.text()), 3.0)
    stopping.stops(server, [], number, unsaid="not-awaited")
    paired_messages(server, "not-awaited")
    for client in clients:
        client.close()


STOPS = 12


@step(6, "any-moment")
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same, no matter which is quicker at the
    end: the last client's thread or the main thread."""
    stopping.hears_every_signal(scene, SERVER, "lost-signal")
    servers = [
        scene.server(SERVER, shim=replace(shim, percent=100)) for shim in seeded(scene.seed, STOPS)
    ]
    for server in servers:
        client = server.connect()
        client.send(b"x\n")
        client.expect(b"x\n")
        stopping.ask_to_stop(server.program)
    for server in servers:
        stopping.must_stop(server.program, "lost-signal")


@step(6, "any-thread")
def test_whichever_thread_gets_the_signal(scene: Scene) -> None:
    """A signal that reaches a client's thread, since that does not block it, stops the server all the same."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server = scene.server(SERVER, shim=Shim())
        judge(talk(server, server.crowd(3)), cause="lost-client")
        server.connect()
        server.program.eventually(lambda: server.waiting() == 0, 2.0)
        manners.come_to_rest(server.program)
        threads = aiming.hearing(server.program, number)
        if not threads:
            return  # they block it: main hears it, or a thread that waits for it
        server.program.may_end = True
        aiming.send(server.program, threads[-1], number)
        stopping.must_stop(server.program, "signal-elsewhere")


@step(6, "safe-handler")
def test_handlers_are_safe(scene: Scene) -> None:
    """A handler of SIGINT or SIGTERM, if there is one, calls only what signal-safety(7) lists."""
    for number in (signal.SIGINT, signal.SIGTERM):
        server = scene.server(SERVER)
        server.connect()
        judge(talk(server, server.crowd(3)), cause="lost-client")
        server.stop(number)
        stopping.handlers_are_safe(server.program)


@step(6, "stop", "one-owner")
def test_stops_while_clients_are_busy(scene: Scene) -> None:
    """Clients that never read, or are in the middle of something, do not keep the server from stopping."""
    for shim in seeded(scene.seed, 3):
        server = scene.server(SERVER, shim=shim, network="narrow")
        clients = server.crowd(10)
        judge(talk(server, clients), cause="lost-client")
        for client in clients[:5]:
            client.push(token(0, MIB))
        stopping.stops(server, clients, signal.SIGINT, unsaid="not-awaited")
        stale_free(server)


@step(6, "any-moment", "one-owner", "messages")
def test_stops_while_clients_come(scene: Scene) -> None:
    """A stop while clients come and go ends the server all the same, also where a thread starts late."""
    servers = []
    for shim in seeded(scene.seed, 4):
        server = scene.server(SERVER, shim=shim)
        clients = server.crowd(20)
        for client in clients[:10]:
            client.send(b"x")
            client.reset()
        stopping.ask_to_stop(server.program)
        servers.append(server)
    slow = schedules.slowed(Shim(max_us=100_000), scene)
    for shim in schedules.forced(slow, scene.seed, 4, late=1):
        server = scene.server(SERVER, shim=shim)
        server.connect()
        server.program.eventually(lambda: server.program.stats().created > 0, 2.0)
        stopping.ask_to_stop(server.program)
        servers.append(server)
    for server in servers:
        stopping.must_stop(server.program)
        stale_free(server)
        paired_messages(server, "not-awaited")
        expect(
            "server stopped",
            "".join(server.program.stdout.lines()[-1:]),
            _("the last line must be `server stopped`"),
            "not-awaited",
        )
