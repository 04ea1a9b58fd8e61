"""Lab 04, step 2: One port after another."""

from __future__ import annotations

from checks.lab_04_scanner.shared import found, lasting, open_ports, scan
from checks.lab_04_scanner.targets import targets_of
from labkit.scene.checking import Scene, _, blame, expect, step


@step(2, "port-lines", "single-port", "summary")
def test_exactly_the_open_ports(scene: Scene) -> None:
    """Of a range exactly the open ports are found, also at both of its ends; a range may be a single port."""
    targets = targets_of(scene)
    first = targets.block(61)
    last = first + 59
    open_ = targets.open_at([first, first + 1, first + 30, last])
    found(scan(scene, "-t", "1", "-p", f"{first}-{last}"), open_, (4, 56, 0))
    found(scan(scene, "-t", "1", "-p", str(last)), [last], (1, 0, 0))
    found(scan(scene, "-t", "1", "-p", str(last + 1)), [], (0, 1, 0))


@step(2, "that-host")
def test_the_host_that_was_named(scene: Scene) -> None:
    """The ports that are scanned are those of HOST, also where that is IPv6 or another address of this machine."""
    first = targets_of(scene).block(2)
    for port, host in ((first, "127.0.0.2"), (first + 1, "::1")):
        targets_of(scene, host).open_at([port])
        running = scan(scene, "-t", "1", "-p", f"{first}-{first + 1}", host=host)
        with blame("wrong-host"):
            expect([port], open_ports(running.stdout.text()), _("the open ports of that host"))


@step(2, "single-port")
def test_the_last_port_of_all(scene: Scene) -> None:
    """Port 65535 is a port like any other, and there is none after it."""
    open_ = targets_of(scene).open_if_free([65535])
    for ports, count in (("65535", 1), ("65530-65535", 6)):
        with lasting("port-wraps"):
            running = scan(scene, "-t", "1", "-p", ports, seconds=2)
        own = scene.network().own
        found(running, open_, (len(open_), count - len(open_), 0) if own else None)
