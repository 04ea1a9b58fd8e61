"""Lab 03: what several steps need."""

from __future__ import annotations

import time

from checks.lab_03_rockets.instants import (
    LATE_SECONDS,
    at_its_best,
    in_time,
    lateness,
    mostly_in_time,
    no_later,
    nobody_early,
    summary_is_true,
)
from checks.lab_03_rockets.launches import (
    ROCKETS,
    awake,
    ends,
    judging,
    lands,
    launch,
    lines_of,
    nameless_lines_of,
    options,
)
from labkit.scene import manners
from labkit.scene.checking import (
    Fault,
    Running,
    Scene,
    Shim,
    Tool,
    _,
    calm,
    expect,
    inspected,
    require,
)


def watched(scene: Scene, tool: Tool, shim: Shim, *cases: tuple[str, int]) -> None:
    """Small launches under a tool at the same time, by mode and count; it must find nothing in any.

    The first one of two in the same mode is with -v, the second one without.
    """
    started: list[Running] = []
    for index, (mode, count) in enumerate(cases):
        words = options(mode, count, 5, scene.seed)
        if mode not in [before for before, _count in cases[:index]]:
            words.append("-v")
        started.append(scene.start(ROCKETS, *words, tool=tool, shim=shim))
    for running in started:
        running.may_end = True
    for running in started:
        with judging(running):
            _watched_to_its_end(running)


def _watched_to_its_end(running: Running) -> None:
    """What the tool says comes first, then whether it ended, and how."""
    with inspected(running):
        ended = running.run_to_end(10.0)
    stats = running.stats()
    expect(0, stats.unclaimed, _("threads neither joined nor detached"), "thread-leak")
    expect(0, ended.status, _("the exit status"), "wrong-exit-status")


def fly_by_plan(scene: Scene, mode: str) -> None:
    """A thousand, a thousand that are held up on their way, and one alone."""
    at_its_best(lambda: waits_long_enough(scene, mode))
    at_its_best(lambda: all_at_once(scene, mode, 1000, tick_ms=100))
    at_its_best(lambda: held_up(scene, mode))
    all_at_once(scene, mode, 1, tick_ms=20)


def waits_long_enough(scene: Scene, mode: str) -> None:
    """A launch of some seconds, so that each moment of a second is waited for: a sleep that fails shows as one that is
    too short, by more than a busy machine takes to start a program."""
    flight = launch(scene, mode, 60, 400, scene.seed)
    lands(flight)
    nobody_early(flight, lines_of(flight))


def all_at_once(scene: Scene, mode: str, count: int, tick_ms: int) -> None:
    """A launch in a threaded mode: lines, times and the summary by the plan."""
    flight = launch(scene, mode, count, tick_ms, scene.seed)
    took = lands(flight)
    in_time(flight, lines_of(flight))
    summary_is_true(flight.running, count, flight.longest, took, flight.total)
    no_later(
        flight.longest + 0.5 * scene.pace.factor(),
        took,
        _("the time from the program's start to its end"),
    )


# Thread creation is slowed down a little, so that a stop in the middle of it can be aimed at.
SLOW_CREATION = Shim(create_us=100)
STOP_SECONDS = 0.4
GRACE_SECONDS = 0.1


def held_up(scene: Scene, mode: str, count: int = 1000) -> None:
    """Stop the program while it starts its threads, and let it go on: rockets must be in time again.

    All threads that are started after the stop are started late, and rockets whose line was due meanwhile have
    lost up to STOP_SECONDS: a program that counts from the common launch has made that up by the next line.
    """
    flight = launch(scene, mode, count, 150, scene.seed, SLOW_CREATION)
    stopped, gone_on = _stop_in_the_middle(flight.running)
    lands(flight)
    said = lines_of(flight)
    nobody_early(flight, said)
    launched, late = lateness(flight, said)
    settled = gone_on - launched + GRACE_SECONDS * min(3.0, scene.pace.factor())
    lost = {
        index
        for index, rocket in enumerate(flight.plan)
        for instant, _words in rocket.words()
        if stopped <= launched + instant * flight.tick <= gone_on - 1.5 * LATE_SECONDS
    }
    # Of rockets that have said nothing yet, only a delay that begins late can make all lines late.
    fresh = {i for i, rocket in enumerate(flight.plan) if rocket.delay * flight.tick >= settled}
    for why, judged, share in (
        (_("the delay counts from the thread's start"), fresh, 0.25),
        (_("the sleeps add up"), lost, 0.5),
        (_("what is lost is not made up for"), set(range(count)), 0.25),
    ):
        mostly_in_time(why, late, settled, judged, share)


def _stop_in_the_middle(running: Running) -> tuple[float, float]:
    """Stop a program that starts threads for STOP_SECONDS; the moments of the stop and of its end."""
    ended = time.monotonic() + 1.0
    while running.running and running.threads() < 100 and time.monotonic() < ended:
        pass
    stopped = time.monotonic()
    with manners.held(running):
        running.scene.pause(STOP_SECONDS)
        gone_on = time.monotonic()
    return stopped, gone_on


def crowded(scene: Scene, mode: str) -> None:
    """Ticks so short that all print at the same time, and threads that start late: whole lines, right plans."""
    flights = [
        launch(scene, mode, 1500, 1, scene.seed),
        launch(scene, mode, 1500, 1, scene.seed + 1),
        launch(scene, mode, 300, 1, scene.seed, Shim(scene.seed, percent=50, max_us=3000)),
    ]
    for flight in flights:
        with judging(flight.running):
            lands(flight)
            lines_of(flight)
    nameless = scene.start(ROCKETS, *options(mode, 1500, 1, scene.seed))
    with judging(nameless):
        ends(nameless, flights[0].longest + 3.0)
        nameless_lines_of(nameless, flights[0].plan)


WAITING = 1000  # rockets, more than a pool of threads would be made for
LEAST_THREADS = WAITING * 99 // 100  # some rockets are done at once
HELPERS = (
    32  # threads that may be something else: that start the others, print, or wait for signals
)


def a_thread_each(scene: Scene, mode: str) -> None:
    """A thousand rockets, nearly all of which wait for minutes: as many threads, and the main one."""
    patience = (
        3.0 * scene.pace.factor()
    )  # before there are threads, which would be taken for a load
    flight = launch(scene, mode, WAITING, 60_000, scene.seed)
    running, planned, early = flight.running, time.monotonic(), 0

    def enough() -> bool:
        nonlocal early
        if time.monotonic() < planned + 0.3:
            early = running.threads()
        return running.threads() >= LEAST_THREADS

    running.eventually(enough, 1.5)
    nobody_early(flight, lines_of(flight, so_far=True))
    must_run_on(running)
    wait_asleep(running, patience)
    try:
        calm.must_sleep(running, _("all rockets have minutes to wait"), "busy-wait")
    except Fault:
        must_run_on(running)
        raise
    threads = running.threads()
    if not LEAST_THREADS <= threads <= WAITING + 1 + HELPERS:
        # Of a program that is about to end only the last ones are seen.
        running.wait(running.deadline(1.0))
    must_run_on(running)
    if threads < LEAST_THREADS and early > 2:
        crowded(
            scene, mode
        )  # a thread that flies another's rocket may be done too early: then this tells
    require(
        LEAST_THREADS <= threads <= WAITING + 1 + HELPERS,
        _("{n} rockets should be {n} threads beside the main one").format(n=WAITING),
        expected=_("about {n}").format(n=WAITING + 1),
        got=threads,
        # From the first moment to the last one beside main: it is joined before the next one is started.
        cause="one-after-another" if early == threads == 2 else "wrong-threads",
    )
    running.close_now()


def must_run_on(running: Running) -> None:
    """A thousand rockets have minutes to wait: a program that has ended by now has lost them."""
    require(
        running.running,
        _("it ended while {n} rockets still had minutes to wait").format(n=WAITING),
        expected=_("it runs on"),
        got=str(running.ended()),
        cause="lost-rocket",
    )


def wait_asleep(running: Running, patience: float) -> None:
    """Of its threads, which have nothing to do for minutes, most must sleep before the patience is at its end."""
    until = time.monotonic() + patience
    while (awake_now := awake(running)) > max(2, running.threads() // 2):
        require(
            time.monotonic() < until,
            _("threads that are awake, though their rockets have minutes to wait"),
            expected=_("none, or a few"),
            got=awake_now,
            cause="busy-wait",
        )
        running.scene.pause(0.05)
