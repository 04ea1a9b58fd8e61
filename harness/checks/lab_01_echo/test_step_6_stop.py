"""Lab 01, step 6: Stop."""

from __future__ import annotations

import signal

from checks.lab_01_echo.shared import MIB, SERVER, pattern
from labkit.scene import manners, schedules, stopping
from labkit.scene.checking import UNDER_ASAN, UNDER_TSAN, Scene, inspected, step


@step(6, "stop", "stop-with-clients")
def test_stops_without_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server that has no client, or never had one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        stopping.stops(manners.idle(scene.server(SERVER)), [], number)
        server = scene.server(SERVER)
        client = server.connect()
        client.send(b"x")
        client.expect(b"x")
        client.close()
        stopping.stops(server, [], number)


@step(6, "stop", "stop-with-clients", "port-again")
def test_stops_with_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server whose client is connected and silent; its port is free at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        server = scene.server(SERVER)
        client = server.connect()
        client.send(b"x")
        client.expect(b"x")
        stopping.stops(server, [client], number)
        stopping.binds_again(scene, server)
    server = scene.server(SERVER)
    mute = server.connect()
    server.program.stdout.wait_for(r"connected$", server.program.deadline(2.0))
    stopping.stops(server, [mute], signal.SIGTERM)


@step(6, "stop", "stop-with-clients")
def test_stops_while_a_client_does_not_read(scene: Scene) -> None:
    """A client that sends without reading does not keep the server from stopping."""
    server = scene.server(SERVER, network="narrow")
    client = server.connect()
    client.send(b"x")
    client.expect(b"x")
    client.push(pattern(MIB), calm=0.2)
    stopping.stops(server, [client], signal.SIGTERM)


@step(6, "stop", "stop-with-clients")
def test_stops_with_clients_that_wait(scene: Scene) -> None:
    """Clients that wait for their turn do not keep the server from stopping."""
    server = scene.server(SERVER)
    first, _second, _third = server.crowd(3)
    first.send(b"x")
    first.expect(b"x")
    stopping.stops(server, [first], signal.SIGINT)


STOPS, MOST_STOPS = 4, 16  # servers stopped while accept returns; servers tried for that


@step(6, "any-moment")
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same."""
    stopping.hears_every_signal(scene, SERVER, "lost-signal")
    slow, in_time = schedules.slowed(stopping.SLOW_CALLS, scene), 0
    for run_ in range(MOST_STOPS):
        (shim,) = schedules.forced(slow, scene.seed + run_, 1, late=0, calls=4)
        server = scene.server(SERVER, shim=shim)
        server.connect()
        server.program.eventually(lambda: server.waiting() == 0, 3.0)
        stopping.ask_to_stop(server.program)  # while accept is returning
        if "connected" in server.program.stdout.text():  # too late: a longer delay waits for us
            slow = schedules.longer(slow, 3.0)
        else:
            in_time += 1
        stopping.must_stop(server.program, "lost-signal")
        if in_time == STOPS:
            return


@step(6, "clean-stop")
def test_nothing_leaks_and_the_handler_is_safe(scene: Scene) -> None:
    """After a stop, no memory is lost (LeakSanitizer), and no handler called what it must not."""
    for tool, number in (UNDER_ASAN, signal.SIGTERM), (UNDER_TSAN, signal.SIGINT):
        server = scene.server(SERVER, tool=tool)
        with inspected(server.program):
            for round_ in range(4):
                client = server.connect()
                client.send(b"hello\n")
                client.expect(b"hello\n")
                if round_ < 3:
                    client.close()
            server.stop(number, 3.0)
