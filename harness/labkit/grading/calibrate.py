"""How fast is this machine, now? Measured on a program that is known to be right: lab 02's reference."""

from __future__ import annotations

import time
from pathlib import Path

from labkit.build.build import Builder
from labkit.build.intake import stage
from labkit.ground import catalog, scratch
from labkit.ground.faults import Fault
from labkit.ground.pace import Pace
from labkit.scene.scene import Scene
from labkit.wire.crowd import exchange

YARDSTICK = "02"
CLIENTS = 100
# What the work below takes on two idle cores of the machine on which the contract's times were set, in seconds.
NOMINAL = 0.06


def measure() -> Pace:
    """The pace of this machine: how much longer than NOMINAL the reference takes, and the load.

    Where there are no solutions (the archive that students get), the load alone must do.
    """
    if not catalog.SOLUTIONS.is_dir():
        return Pace()
    try:
        lab = catalog.find(YARDSTICK)
        with scratch.directory("pace") as directory:
            return Pace(_reference_seconds(lab, directory) / NOMINAL)
    except (Fault, catalog.NoSuchLab):
        return Pace()


def _reference_seconds(lab: catalog.Lab, directory: Path) -> float:
    """Start the reference and let a crowd have its bytes echoed; seconds, without the building."""
    builder = Builder(lab, stage(lab, catalog.SOLUTIONS, directory / "sources"))
    builder.build("echo_server")
    scene = Scene(builder, Pace(), 1, directory)
    try:
        scene.network()
        began = time.monotonic()
        server = scene.server("echo_server")
        talks = exchange(server.crowd(CLIENTS), lambda i: b"%d\n" % i, scene.pace.deadline(10.0))
        took = time.monotonic() - began
        server.stop(seconds=10.0)
        return took if all(talk.right for talk in talks) else NOMINAL
    finally:
        scene.close()
