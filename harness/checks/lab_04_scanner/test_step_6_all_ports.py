"""Lab 04, step 6: All ports."""

from __future__ import annotations

from itertools import product

from checks.lab_04_scanner.shared import (
    HOST,
    SCANNER,
    _why_other,
    finished,
    found,
    open_ports,
    scan,
    summary,
)
from checks.lab_04_scanner.targets import targets_of
from labkit.scene.checking import Limits, Scene, _, blame, expect, step


@step(6, "not-itself")
def test_not_its_own_sockets(scene: Scene) -> None:
    """A socket that is connected to itself is no open port."""
    if not scene.network("few-ports").own:
        return  # only where the kernel's choice of local ports is ours to narrow
    for _again, host in product(range(12), (HOST, "::1")):
        # One thread: two sockets of the scanner's own that meet are a rarity of which nothing is demanded.
        running = scan(scene, "-t", "1", "-p", "20000-20049", host=host, network="few-ports")
        with blame("self-connect"):
            found(running, [])


@step(6, "all-ports", "summary")
def test_all_ports(scene: Scene) -> None:
    """All 65,535 ports with 1,024 descriptors: the open ones are found, 65535 among them, and nothing else."""
    targets = targets_of(scene)
    ports = targets.everywhere(20)
    before = targets.others()
    running = scene.start(SCANNER, HOST, limits=Limits(files=1024))
    finished(running, 18.0)
    if scene.network().own:
        found(running, ports)
        match = summary(running)  # a socket that met itself may be called closed or filtered
        sums = f"{match[5]} + {int(match[6]) + int(match[7])} of {match[1]}"
        expect(
            f"{len(ports)} + {65535 - len(ports)} of 65535",
            sums,
            _("open and other ports in the summary"),
            "wrong-summary",
        )
        return
    others = (before | targets.others()) - set(ports)  # of whom any may come and go
    got = [port for port in open_ports(running.stdout.text()) if port not in others]
    expect(ports, got, _("the open ports, without those of other programs"), _why_other(ports, got))
