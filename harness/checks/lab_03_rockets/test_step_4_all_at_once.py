"""Lab 03, step 4: All at once."""

from __future__ import annotations

import signal

from checks.lab_03_rockets.launches import SEQUENTIAL, THREADS, Launch, flown, launch, silence_means
from checks.lab_03_rockets.shared import a_thread_each, crowded, fly_by_plan, watched
from labkit.scene.checking import UNDER_ASAN, Row, Scene, Shim, Span, _, require, step, timeline


@step(4, "thread-each")
def test_threads_are_threads(scene: Scene) -> None:
    """Each rocket has a thread of its own, in one process, and sleeps while it waits."""
    a_thread_each(scene, THREADS)


@step(4, "thread-each", "at-once", "plan-first")
def test_threads_in_a_crowd(scene: Scene) -> None:
    """When all print at the same time each line is whole, and each rocket has its own plan."""
    crowded(scene, THREADS)


@step(4, "signals")
def test_a_signal_ends_it(scene: Scene) -> None:
    """SIGINT and SIGTERM end a launch at once."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number, flight in [(n, launch(scene, THREADS, 20, 60_000, scene.seed)) for n in numbers]:
        flight.running.may_end = True
        flight.running.signal(number)
        with silence_means("does-not-stop"):
            ended = flight.running.run_to_end(1.0)
        # By which status is not said anywhere: some exit with 0, some with 130.
        require(
            ended.signal in (None, number.name),
            _("how {signal} ends a launch").format(signal=number.name),
            expected=_("killed by {signal}, or an exit").format(signal=number.name),
            got=str(ended),
            cause="crash",
        )


@step(4, "by-plan", "longest", "summary")
def test_threads(scene: Scene) -> None:
    """In mode threads 1,000 rockets fly at the same time, each line at its instant, also after one came late."""
    fly_by_plan(scene, THREADS)
    scene.show(launch_figure(scene))


@step(4, "sound-memory")
def test_memory_of_threads_is_sound(scene: Scene) -> None:
    """AddressSanitizer and LeakSanitizer find nothing, and every thread is joined or detached."""
    watched(scene, UNDER_ASAN, Shim(), (SEQUENTIAL, 3), (THREADS, 30), (THREADS, 30))


SHOWN = 5  # rockets
WAITS, COUNTS = "\N{MIDDLE DOT}", "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


def launch_figure(scene: Scene) -> str:
    """The same few rockets, one after another and all at once, as bars over time."""
    flights = [launch(scene, mode, SHOWN, 15, scene.seed) for mode in (SEQUENTIAL, THREADS)]
    rows: list[Row] = []
    for mode, flight in zip((SEQUENTIAL, THREADS), flights):
        flight.running.run_to_end(10.0)
        rows += _bars(mode, flight)
    title = _(
        "The same rockets one after another, and each in a thread ({a} delay, {b} countdown):"
    )
    return timeline(title.format(a=WAITS, b=COUNTS), rows)


def _bars(mode: str, flight: Launch) -> list[Row]:
    """A heading, then each rocket's delay and countdown by the moments of its lines, from the launch of all on."""
    rockets = flown(flight.running, flight.plan)
    waits = [rocket.delay * flight.tick for rocket in flight.plan]
    launched = min((said[0][0] - wait for said, wait in zip(rockets, waits) if said), default=0.0)
    rows, last = [], 0.0
    for index, (said, wait) in enumerate(zip(rockets, waits)):
        if said:
            counting, end = said[0][0] - launched, said[-1][0] - launched
            spans = [Span(counting - wait, counting, WAITS), Span(counting, end, COUNTS)]
            rows.append(Row("  " + _("rocket {n}").format(n=index), spans))
            last = max(last, end)
    return [Row(_("{mode}, {s:.2f} s in all").format(mode=mode, s=last), []), *rows]
