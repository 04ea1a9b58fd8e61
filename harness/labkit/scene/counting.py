"""Counters that several threads change: no update may be lost between an atomic load and an atomic store."""

from __future__ import annotations

from pathlib import Path

from labkit.box import addresses, updates
from labkit.box.updates import Lost
from labkit.build.build import Built
from labkit.ground.faults import Fault
from labkit.ground.stacks import Frame
from labkit.ground.words import _
from labkit.reports import wording
from labkit.reports.evidence import RECORD, Access, Finding
from labkit.reports.findings import describe
from labkit.scene import inspection
from labkit.scene.running import Running
from labkit.scene.scene import Scene
from labkit.scene.tools import UNDER_TSAN, Shim

WATCHING = Shim(updates=True)
_CALLS = tuple(b"__tsan_atomic%d_" % bits for bits in (8, 16, 32, 64))


def loads_and_stores(scene: Scene, program: str) -> bool:
    """Whether the program's own code has atomic loads and atomic stores: else no update can be lost between two."""
    built = scene.builder.build(program, UNDER_TSAN.flavour)
    code = b"".join(path.read_bytes() for path in built.objects)
    return all(any(call + kind in code for call in _CALLS) for kind in (b"load", b"store"))


def none_is_lost(running: Running) -> None:
    """A program that was watched, and whose threads have nothing more to count, may not have lost an update."""
    lost = updates.read(running.log / Path(updates.LOG).name)
    if lost:
        built = running.scene.builder.build(running.program, running.tool.flavour)
        raise _fault(running, built, lost[0])


def _fault(running: Running, built: Built, lost: Lost) -> Fault:
    """What was lost, with the lines where that was done."""
    sites = {site - 1 for site in (lost.site, lost.other)}
    frames = addresses.lines(built.program, sites, inspection.look_into)
    known = addresses.variables(built.program, inspection.look_into)
    variable = addresses.variable_at(lost.address, known)
    name = f"'{wording.plain_name(variable.name)}'" if variable else _("an atomic variable")
    finding = _finding(name, frames.get(lost.site - 1, ()), frames.get(lost.other - 1, ()))
    return Fault(
        _(
            "{name} is changed by a load and a store, and what another thread adds in between is lost"
        ).format(name=name),
        cause="lost-update",
        details=describe(finding, running.scene.builder.sources.directory),
        about=running,
        certain=True,
    )


def _finding(name: str, store: tuple[Frame, ...], other: tuple[Frame, ...]) -> Finding:
    mine = Access(
        _("stores in {name} what it has loaded from there and changed").format(name=name),
        "",
        _("a thread"),
        store,
    )
    theirs = Access(
        _("has changed {name} between that load and that store").format(name=name),
        "",
        _("another thread"),
        other,
    )
    title = _("a lost update")
    return Finding(
        RECORD, "lost-update", "lost-update", title, name, (mine, theirs), None, False, ""
    )
