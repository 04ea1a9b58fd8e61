"""Lab 01, step 1: Listen."""

from __future__ import annotations

from checks.lab_01_echo.shared import CLIENT, SERVER
from labkit.scene import starting, usage
from labkit.scene.checking import Scene, _, require, step


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """Both programs compile without a warning, with gcc and with clang."""
    for program in (SERVER, CLIENT):
        starting.compiles_cleanly(scene, program)


@step(1, "first-lines", "at-once", "address")
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with the port that the kernel chose."""
    starting.says_where_it_listens(scene, SERVER)


@step(1, "address", "first-lines", "at-once")
def test_listens_where_it_is_told(scene: Scene) -> None:
    """-a and -p say where the server listens, for IPv4 and IPv6; else it is 127.0.0.1:9090."""
    starting.listens_where_told(scene, SERVER)


@step(1, "accepts")
def test_accepts(scene: Scene) -> None:
    """The server takes a client that connects from the queue."""
    server = scene.server(SERVER)
    server.connect()
    taken = server.program.eventually(lambda: server.waiting() == 0, 3.0)
    require(
        taken and server.program.running,
        _("a client is connected, but the server does not accept it"),
        expected=_("an empty accept queue"),
        got=_("{n} waiting").format(n=server.waiting()),
        cause="never-accepts",
    )


@step(1, "busy-port")
def test_reports_a_busy_port(scene: Scene) -> None:
    """A port in use is an error that names address and port, exit status 1."""
    starting.reports_busy_port(scene, SERVER)


@step(1, "arguments", "usage")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    cases = usage.wrong_ports() + usage.wrong_in_general()
    usage.refuses(scene, SERVER, cases + usage.wrong_addresses())
    usage.shows_usage(scene, SERVER)
