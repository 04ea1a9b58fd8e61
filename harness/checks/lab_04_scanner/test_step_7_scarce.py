"""Lab 04, step 7: Scarce."""

from __future__ import annotations

from collections.abc import Sequence

from checks.lab_04_scanner.shared import HOST, SCANNER, finished, found, lasting, scan
from checks.lab_04_scanner.targets import targets_of
from labkit.scene import manners, shortages
from labkit.scene.checking import Fault, Limits, Running, Scene, Shim, Silent, blame, step


def exact(running: Running, ports: Sequence[int], counts: tuple[int, int, int]) -> None:
    """The scan must have found exactly these ports, though something was scarce."""
    try:
        found(running, ports, counts)
    except Fault as fault:
        fault.cause = "scarce"
        raise


@step(7, "scarce")
def test_few_descriptors(scene: Scene) -> None:
    """200 threads with 32 descriptors: a port that cannot be tried now is tried again."""
    targets = targets_of(scene)
    first = targets.block(600)
    targets.silence(range(first, first + 60))  # these keep descriptors in use
    open_ = targets.open_at(range(first + 60, first + 600, 7))
    words = ("-t", "200", "-w", "300", "-p", f"{first}-{first + 599}")
    running = scene.start(SCANNER, *words, HOST, limits=Limits(files=32))
    try:
        finished(running, 15, "scarce")
    except Silent as fault:
        # By now every probe has ended many times over: a program that has all of them open does not close them.
        fault.cause = "sockets-kept" if running.descriptors() >= 30 else "scarce"
        raise
    exact(running, open_, (len(open_), 540 - len(open_), 60))


@step(7, "scarce")
def test_no_local_ports(scene: Scene) -> None:
    """While the kernel has no local port to connect from, ports wait; when it has some again, they are tried."""
    if not scene.network("few-ports").own:
        return  # only where the kernel's choice of local ports is ours to narrow
    targets = targets_of(scene, network="few-ports")
    first = targets.block(40)
    open_ = targets.open_at(range(first, first + 40, 3))
    hoard = targets_of(scene, network="few-ports")
    hoard.open_at(range(20000, 20050))
    words = ("-t", "10", "-p", f"{first}-{first + 39}", HOST)
    running = scene.start(SCANNER, *words, network="few-ports")
    manners.lowest(running, "threads", 0.5)  # a correct scan waits for as long as we do
    hoard.close()
    with lasting("scarce"):
        finished(running, cause="scarce")
    exact(running, open_, (len(open_), 40 - len(open_), 0))


@step(7, "no-threads", "scarce", "reason")
def test_few_threads(scene: Scene) -> None:
    """Where few threads, or none, can be started, the scan is done all the same."""
    targets = targets_of(scene)
    first = targets.block(100)
    open_ = targets.open_at(range(first, first + 100, 9))
    words = ("-t", "50", "-p", f"{first}-{first + 99}")
    for most in (0, 3):
        with lasting("no-threads"):
            running = scan(scene, *words, shim=Shim(most_threads=most), cause="no-threads")
        with blame("no-threads"):
            found(running, open_, (len(open_), 100 - len(open_), 0))
        shortages.gives_a_reason(running)
