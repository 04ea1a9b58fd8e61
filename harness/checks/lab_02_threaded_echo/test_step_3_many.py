"""Lab 02, step 3: Many."""

from __future__ import annotations

from checks.lab_02_threaded_echo.shared import SERVER, talk
from labkit.scene.checking import Scene, judge, step


@step(3, "thousand")
def test_a_thousand_at_once(scene: Scene) -> None:
    """1,000 clients are connected at the same time, and all of them are served, more than once."""
    server = scene.server(SERVER)
    clients = server.crowd(1000)
    for _round in range(2):
        judge(talk(server, clients, seconds=20.0), cause="lost-client")
