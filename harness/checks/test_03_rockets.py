"""Lab 03: ten thousand rockets, one after another, each in a thread, and as objects."""

from __future__ import annotations

import errno
import re
import signal
import time
from collections.abc import Sequence
from itertools import pairwise

from labkit import manners
from labkit.checking import (
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Fault,
    Row,
    Running,
    Scene,
    Shim,
    Span,
    Tool,
    _,
    expect,
    inspected,
    require,
    screened,
    step,
    timeline,
)
from labkit.instants import (
    LATE_SECONDS,
    SUMMARY,
    UNTIMELY,
    at_its_best,
    in_time,
    lateness,
    mostly_in_time,
    no_earlier,
    no_later,
    steps_in_time,
    summary_is_true,
)
from labkit.launches import (
    LAUNCH,
    MODES,
    OBJECTS,
    ROCKETS,
    SEQUENTIAL,
    THREADS,
    Launch,
    Rocket,
    Said,
    awake,
    ends,
    flown,
    judging,
    lands,
    launch,
    lines_of,
    nameless_lines,
    nameless_lines_of,
    options,
    plan_in,
    plan_of,
    silence_means,
)

MIB = 1 << 20


# -- under a tool ------------------------------------------------------------------------------------------


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


# -- step 1: One rocket ------------------------------------------------------------------------------------


@step(1)
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    manners.compiles_cleanly(scene, ROCKETS)


@step(1)
def test_one_rocket_counts_down(scene: Scene) -> None:
    """One rocket waits its delay, counts down a tick for each number, and is launched."""
    # One seed in four will do: 100 that do not are no chance.
    for seed in range(scene.seed, scene.seed + 100):
        (rocket,) = plan_of(scene, 1, seed)
        if rocket.countdown >= 2 and 1 <= rocket.delay < 3:
            break
    else:
        raise Fault(_("of 100 seeds, none gives a countdown of 2 or more"), cause="wrong-plan")
    at_its_best(lambda: one_rocket(scene, rocket, seed))


def one_rocket(scene: Scene, rocket: Rocket, seed: int) -> None:
    """Launch a rocket whose plan is known."""
    tick = 0.15
    began = time.monotonic()
    running = scene.start(ROCKETS, "-n", "1", "-s", str(seed), "-t", "150")
    ends(running, rocket.length * tick + 3.0)
    took = time.monotonic() - began
    lines, expected = running.stdout.timed_lines(), rocket.words()
    expect(
        "\n".join(words for _instant, words in expected),
        "\n".join(line for _at, line in lines),
        _("what a rocket with countdown {n} prints").format(n=rocket.countdown),
        "wrong-countdown",
    )
    _each_line_at_once(lines, took)
    for (instant, words), (at, _line) in zip(expected, lines):
        no_earlier(
            instant * tick,
            at - began,
            _("the time from the start to `{words}`").format(words=words),
        )
    allowed = tick + min(0.06, 0.04 * scene.pace.factor())
    for (before, _before), (at, words) in pairwise(lines):
        what = _("the time from one line to `{words}`").format(words=words)
        no_later(allowed, at - before, what)
        no_earlier(2 * tick - allowed, at - before, what)
    summary_is_true(running, 1, rocket.length * tick, took, rocket.length * tick)
    after = began + took - lines[-1][0]
    no_later(min(0.1, 0.05 * scene.pace.factor()), after, _("the time from the launch to the end"))


def _each_line_at_once(lines: Said, took: float) -> None:
    """Lines that all come in one piece, after some seconds, were kept in a buffer."""
    require(
        took < 0.2 or len({at for at, _line in lines}) > 1,
        _("the lines come all at once, at the end"),
        expected=_("each line as soon as it is printed, into a pipe too"),
        cause="not-flushed",
    )


@step(1)
def test_no_rocket(scene: Scene) -> None:
    """No rocket at all is no error: nothing is printed but the summary."""
    began = time.monotonic()
    for running in [scene.start(ROCKETS, "-n", "0", "-m", mode) for mode in MODES]:
        ends(running, 3.0)
        expect("", running.stdout.text(), _("what is printed for -n 0"), "wrong-countdown")
        summary_is_true(running, 0, 0.0, time.monotonic() - began, 0.0)


@step(1)
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    none = ("", "80x", "-1", "99999999999999999999")
    numbers = [[option, text] for option in ("-n", "-s", "-t") for text in none]
    ranges = [["-n", "100001"], ["-t", "0"], ["-t", "60001"], ["-s", "2147483648"]]
    others = [["-m", "rocket"], ["-m", ""], ["-n", "1", "surplus"], ["-Z"], ["-n"]]
    manners.refuses(scene, ROCKETS, numbers + ranges + others, "-n")
    manners.shows_usage(scene, ROCKETS, "-n")


# -- step 2: The plan --------------------------------------------------------------------------------------


def spread_evenly(what: str, counts: Sequence[int]) -> None:
    """Counts of values that are equally likely must be about the same."""
    fair = sum(counts) / len(counts)
    # Six standard deviations: chance alone does that once in 500 million.
    allowed = 6 * (fair * (1 - 1 / len(counts))) ** 0.5
    require(
        all(abs(n - fair) <= allowed for n in counts),
        _("{what} are not spread evenly").format(what=what),
        expected=_("about {n:.0f} each").format(n=fair),
        got=" ".join(map(str, counts)),
        cause="wrong-plan",
    )


@step(2)
def test_plan_is_in_its_ranges(scene: Scene) -> None:
    """However large COUNT is, delays are spread evenly over 0 to 4.999 ticks, and countdowns over 0 to 4."""
    plan = plan_of(scene, 100_000, scene.seed)
    halves, countdowns, digits = [0] * 10, [0] * 5, [0] * 10
    for rocket in plan:
        halves[int(rocket.delay * 2)] += 1
        countdowns[rocket.countdown] += 1
        digits[round(rocket.delay * 1000) % 10] += 1
    spread_evenly(_("delays by halves of a tick"), halves)
    spread_evenly(_("countdowns"), countdowns)
    spread_evenly(_("delays by their last digits"), digits)


@step(2)
def test_same_seed_same_plan(scene: Scene) -> None:
    """The same seed gives the same plan in every mode, another seed another one; 0 is a seed as well."""
    first = plan_of(scene, 300, scene.seed)
    for seed in (0, 2_147_483_647):
        plan_of(scene, 10, seed)
    for mode in MODES:
        require(
            plan_of(scene, 300, scene.seed, mode) == first,
            _("with the same seed, mode {mode} has another plan").format(mode=mode),
            cause="wrong-plan",
        )
    for mode, more in zip(MODES, (1, 1 << 8, 1 << 16)):
        require(
            plan_of(scene, 300, scene.seed + more, mode) != first,
            _("another seed gives the same plan in mode {mode}").format(mode=mode),
            expected=_("seeds {a} and {b} give different plans").format(
                a=scene.seed, b=scene.seed + more
            ),
            cause="wrong-plan",
        )


@step(2)
def test_random_seed(scene: Scene) -> None:
    """Without -s each launch has a plan of its own, at the latest a second later."""
    plans: list[list[Rocket]] = []

    def another() -> bool:
        running = scene.start(ROCKETS, "-n", "50", "-m", SEQUENTIAL, "-t", "60000", "-v")
        plans.append(plan_in(running, 50))
        running.close_now()
        if plans[-1] == plans[0] and len(plans) > 1:
            scene.pause(0.3)
        return plans[-1] != plans[0]

    require(
        scene.pace.eventually(another, 2.5),
        _("without -s the plan is always the same"),
        cause="wrong-plan",
    )


# -- step 3: One after another -----------------------------------------------------------------------------


@step(3)
def test_sequential(scene: Scene) -> None:
    """In mode sequential rockets fly in the order of the plan, and it takes the sum of their times."""
    at_its_best(lambda: sequential(scene, 6))
    at_its_best(lambda: sequential(scene, 1))


def sequential(scene: Scene, count: int) -> None:
    """A launch in mode sequential: its lines, its threads, its times."""
    flight = launch(scene, SEQUENTIAL, count, 40, scene.seed, Shim())
    ended = flight.running.run_to_end(flight.total + 3.0)
    took = time.monotonic() - flight.began
    if not ended.signal:
        in_the_order_of_the_plan(flight)
    ends(flight.running, 0.0)
    created = flight.running.stats().created
    # One that waits for signals, say, is no rocket's.
    require(
        created < max(2, count),
        _("threads started in mode sequential, for {n} rockets").format(n=count),
        expected=_("none that a rocket flies in"),
        got=created,
        cause="wrong-threads",
    )
    steps_in_time(flight)
    summary_is_true(flight.running, count, flight.total, took, flight.total)


def in_the_order_of_the_plan(flight: Launch) -> None:
    """All lines of the first rocket, then all of the second, and so on."""
    expected = [
        f"rocket {index}: {words}"
        for index, rocket in enumerate(flight.plan)
        for _instant, words in rocket.words()
    ]
    got = flight.running.stdout.lines()[len(flight.plan) :]
    missing = sum(LAUNCH in line for line in got) < len(flight.plan)
    cause = "lost-rocket" if missing else "wrong-order"
    expect("\n".join(expected), "\n".join(got), _("the lines, in the order of the plan"), cause)


# -- steps 4 and 5: All at once, and as objects ------------------------------------------------------------


def fly_by_plan(scene: Scene, mode: str) -> None:
    """A thousand, a thousand that are held up on their way, and one alone."""
    at_its_best(lambda: all_at_once(scene, mode, 1000, tick_ms=100))
    at_its_best(lambda: held_up(scene, mode))
    all_at_once(scene, mode, 1, tick_ms=20)


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
    lost up to STOP_SECONDS: who counts from the common launch has made that up by the next line.
    """
    flight = launch(scene, mode, count, 150, scene.seed, SLOW_CREATION)
    stopped, gone_on = _stop_in_the_middle(flight.running)
    lands(flight)
    launched, late = lateness(flight, lines_of(flight))
    settled = gone_on - launched + GRACE_SECONDS * min(3.0, scene.pace.factor())
    lost = {
        index
        for index, rocket in enumerate(flight.plan)
        for instant, _words in rocket.words()
        if stopped <= launched + instant * flight.tick <= gone_on - 1.5 * LATE_SECONDS
    }
    # Of who has said nothing yet, only a delay that begins late can make all lines late.
    fresh = {i for i, rocket in enumerate(flight.plan) if rocket.delay * flight.tick >= settled}
    for why, rockets, share in (
        (_("the delay counts from the thread's start"), fresh, 0.25),
        (_("the sleeps add up"), lost, 0.5),
        (_("what is lost is not made up for"), set(range(count)), 0.25),
    ):
        mostly_in_time(why, late, settled, rockets, share)


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
    require(
        running.running,
        _("it ended while {n} rockets still had minutes to wait").format(n=WAITING),
        expected=_("it runs on"),
        got=str(running.ended()),
        cause="lost-rocket",
    )
    wait_asleep(running, patience)
    threads = running.threads()
    if threads < LEAST_THREADS and early > 2:
        crowded(
            scene, mode
        )  # who flies another one's rocket may be done too early: then this tells
    require(
        LEAST_THREADS <= threads <= WAITING + 1 + HELPERS,
        _("{n} rockets should be {n} threads beside the main one").format(n=WAITING),
        expected=_("about {n}").format(n=WAITING + 1),
        got=threads,
        # From the first moment to the last one beside main: it is joined before the next one is started.
        cause="one-after-another" if early == threads == 2 else "wrong-threads",
    )
    running.close_now()


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


@step(4)
def test_threads_are_threads(scene: Scene) -> None:
    """Each rocket has a thread of its own, in one process, and sleeps while it waits."""
    a_thread_each(scene, THREADS)


@step(4)
def test_threads_in_a_crowd(scene: Scene) -> None:
    """When all print at the same time each line is whole, and each rocket has its own plan."""
    crowded(scene, THREADS)


@step(4)
def test_a_signal_ends_it(scene: Scene) -> None:
    """SIGINT and SIGTERM end a launch at once."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number, flight in [(n, launch(scene, THREADS, 20, 60_000, scene.seed)) for n in numbers]:
        flight.running.may_end = True
        flight.running.signal(number)
        with silence_means("does-not-stop"):
            ended = flight.running.run_to_end(1.0)
        require(
            ended.status == 0 or ended.signal == number.name,
            _("how {signal} ends a launch").format(signal=number.name),
            expected=_("killed by {signal}, or exit status 0").format(signal=number.name),
            got=str(ended),
            cause="wrong-exit-status",
        )


@step(4)
def test_threads(scene: Scene) -> None:
    """In mode threads 1,000 rockets fly at the same time, each line at its instant, also after one came late."""
    fly_by_plan(scene, THREADS)
    scene.show(launch_figure(scene))


@step(4)
def test_memory_of_threads_is_sound(scene: Scene) -> None:
    """AddressSanitizer and LeakSanitizer find nothing, and every thread is joined or detached."""
    watched(scene, UNDER_ASAN, Shim(), (SEQUENTIAL, 3), (THREADS, 30), (THREADS, 30))


@step(5)
def test_objects_have_threads(scene: Scene) -> None:
    """Each rocket owns a thread, which sleeps while it waits."""
    a_thread_each(scene, OBJECTS)


@step(5)
def test_objects_in_a_crowd(scene: Scene) -> None:
    """When all print at the same time each line is whole, and no rocket gets another one's plan."""
    crowded(scene, OBJECTS)


@step(5)
def test_objects(scene: Scene) -> None:
    """In mode objects rockets fly as in mode threads, each line at its instant, also after one came late."""
    fly_by_plan(scene, OBJECTS)


@step(5)
def test_memory_of_objects_is_sound(scene: Scene) -> None:
    """AddressSanitizer and LeakSanitizer find nothing: every rocket is joined and freed."""
    watched(scene, UNDER_ASAN, Shim(), (OBJECTS, 30), (OBJECTS, 30))


# -- step 6: Ten thousand ----------------------------------------------------------------------------------

FULL = 10_000
MOST_MEMORY = 500 * MIB
SPARE = 1000  # threads that others may start meanwhile


@step(6)
def test_ten_thousand(scene: Scene) -> None:
    """10,000 rockets, in no more time than the longest one and little besides, and in little memory."""
    plan = plan_of(scene, FULL, scene.seed)
    began = time.monotonic()
    try:
        full_launch(scene, plan)
    except Fault as fault:
        if fault.cause not in UNTIMELY or time.monotonic() - began > 13.0:
            raise
        full_launch(scene, plan)


def full_launch(scene: Scene, plan: list[Rocket]) -> None:
    """A launch with all defaults but the seed."""
    wait_for_room(scene, FULL + SPARE)
    longest = max(rocket.length for rocket in plan)
    # Made before there are threads, which would be taken for a load of this machine.
    deadline = scene.pace.deadline(longest * 1.05 + 15.0)
    began = time.monotonic()
    running = scene.start(ROCKETS, "-s", str(scene.seed))
    takes_little_memory(running, longest - 0.5)
    with silence_means("one-after-another"):
        ends(running, 0.0, deadline=deadline)
    took = time.monotonic() - began
    nameless_lines_of(running, plan)
    what = _("the launch of {n} rockets took {s:.2f} s").format(n=FULL, s=took)
    no_earlier(longest, took, what)
    allowed = longest * 1.05 + 0.5 * scene.pace.factor()
    require(
        took <= allowed,
        what,
        expected=_("from {a:.2f} s, the longest rocket, to {b:.2f} s").format(a=longest, b=allowed),
        got=_("{s:.2f} s").format(s=took),
        cause="sleeps-add-up",
    )
    summary_is_true(running, FULL, longest, took, sum(rocket.length for rocket in plan))


def takes_little_memory(running: Running, seconds: float) -> None:
    """For these seconds of a launch its resident memory must stay below the limit."""
    running.may_end = True
    until = time.monotonic() + seconds
    while running.running and time.monotonic() < until:
        memory = running.peak_resident()
        require(
            memory < MOST_MEMORY,
            _("the threads take {mib} MiB of memory").format(mib=memory // MIB),
            expected=_("less than {mib} MiB resident").format(mib=MOST_MEMORY // MIB),
            got=_("{n} MiB").format(n=memory // MIB),
            cause="big-stacks",
        )
        running.scene.pause(0.1)


def wait_for_room(scene: Scene, threads: int) -> None:
    """Wait until the machine has numbers left for so many threads: what others use is not the program's fault."""

    def is_there() -> bool:
        with open("/proc/loadavg", encoding="ascii") as load:
            taken = int(load.read().split()[3].split("/")[1])
        return taken + threads < min(map(_kernel_limit, ("pid_max", "threads-max")))

    if not scene.pace.eventually(is_there, 20.0):
        raise OSError(
            errno.EAGAIN, _("there is no room for {n} threads on this machine").format(n=threads)
        )


def _kernel_limit(name: str) -> int:
    with open(f"/proc/sys/kernel/{name}", encoding="ascii") as limit:
        return int(limit.read())


# -- step 7: When threads run out --------------------------------------------------------------------------


@step(7)
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


# -- step 8: No races --------------------------------------------------------------------------------------


@step(8)
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    running = scene.start(ROCKETS, "-h")
    running.run_to_end(3.0)
    screened(running)


@step(8)
def test_no_races_for_threadsanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds nothing in a launch of 200, in mode threads and in mode objects."""
    watched(scene, UNDER_TSAN, Shim(seed=scene.seed), (THREADS, 200), (OBJECTS, 200))


@step(8)
def test_no_races_for_helgrind(scene: Scene) -> None:
    """Helgrind finds nothing in a launch of 200, in mode threads and in mode objects."""
    watched(scene, UNDER_HELGRIND, Shim(), (THREADS, 200), (OBJECTS, 200))


# -- a picture ---------------------------------------------------------------------------------------------


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
