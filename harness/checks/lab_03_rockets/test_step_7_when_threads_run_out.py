"""Lab 03, step 7: When threads run out."""

from __future__ import annotations

import re

from checks.lab_03_rockets.instants import SUMMARY
from checks.lab_03_rockets.launches import (
    LAUNCH,
    OBJECTS,
    ROCKETS,
    THREADS,
    ends,
    judging,
    nameless_lines,
    options,
    silence_means,
)
from checks.lab_03_rockets.shared import HELPERS
from labkit.scene import shortages
from labkit.scene.checking import Running, Scene, Shim, _, expect, require, step


@step(7, "run-out")
def test_when_threads_run_out(scene: Scene) -> None:
    """Where threads run out, an error says how many were started, and all of those land."""
    limit = Shim(most_threads=100)
    modes = (THREADS, OBJECTS)
    started = [scene.start(ROCKETS, *options(m, 500, 100, scene.seed), shim=limit) for m in modes]
    for running in started:
        running.may_end = True
    for running in started:
        with judging(running):
            fewer_land(running)


def fewer_land(running: Running) -> None:
    """Of a launch that ran out of threads: those that were started land, and stderr says how many."""
    with silence_means("threads-run-out"):
        ends(running, 5.0, status=1, unless="threads-run-out")
    launched = nameless_lines(running).count(LAUNCH)
    created = running.stats().created
    require(
        created - HELPERS <= launched <= created,
        _("rockets that were started, and landed"),
        expected=created,
        got=launched,
        cause="lost-rocket" if launched < created else "wrong-threads",
    )
    shortages.gives_a_reason(running)
    said = SUMMARY.sub("", running.stderr.text())
    require(
        re.search(rf"\b{launched}\b", said),
        _("{n} rockets were started, and the error does not say so").format(n=launched),
        expected=_("an error on stderr with the number {n}").format(n=launched),
        got=running.stderr.text() or _("nothing"),
        cause="threads-run-out",
    )
    summary = SUMMARY.search(running.stderr.text())
    if summary:
        expect(launched, int(summary[1]), _("the count in the summary"), "false-summary")
