"""Lab 04, step 3: In parallel."""

from __future__ import annotations

import time
from collections.abc import Callable

from checks.lab_04_scanner.shared import (
    HOST,
    SCANNER,
    _why_other,
    counted,
    finished,
    found,
    lasting,
    open_ports,
    scan,
    silent,
    summary,
)
from checks.lab_04_scanner.targets import targets_of, under_way
from labkit.scene import manners
from labkit.scene.checking import (
    UNDER_ASAN,
    Deadline,
    Fault,
    Running,
    Scene,
    _,
    calm,
    end_and_inspect,
    require,
    step,
)


def timed_scan(
    scene: Scene,
    first: int,
    count: int,
    *words: str,
    least: float,
    most: float,
    short: str,
    long: str,
    look: Callable[[Running], None] = lambda running: None,
) -> tuple[Running, float]:
    """A scan of so many ports, which must end well after so many seconds; and how many it took.

    short, long: what it means if it takes less, or more. look: what else is looked at while it runs.
    """
    scene.builder.build(SCANNER)
    # Made before there is a crowd of threads, which would be taken for a load of this machine. A scan is
    # mostly waiting, which load makes no longer: past five times, one port after another would pass.
    allowed, before = min(5 * most, scene.pace.deadline(most).allowed), time.monotonic()
    deadline = Deadline(before + allowed, allowed)
    running = scene.start(SCANNER, "-p", f"{first}-{first + count - 1}", *words, HOST)
    look(running)
    with lasting(long):
        finished(running, most, deadline=deadline)
    took = time.monotonic() - before
    require(
        took >= least,
        _("how long the scan took"),
        expected=_("from {least} to {most} s").format(least=least, most=most),
        got=_("{s:.2f} s").format(s=took),
        cause=short,
    )
    return running, took


@step(3, "parallel", "summary")
def test_silent_ports_in_parallel(scene: Scene) -> None:
    """64 silent ports with 64 threads take one time-out, not 64 of them."""
    running, took = timed_scan(
        scene,
        silent(scene, 64),
        64,
        *("-t", "64", "-w", "1000"),
        least=0.95,
        most=3.0,
        short="no-timeout",
        long="not-parallel",
    )
    found(running, [], (0, 0, 64))
    require(
        0.5 <= float(summary(running)[4]) <= took + 0.6,
        _("the seconds in the summary"),
        expected=_("about {s:.1f} s").format(s=took),
        got=summary(running)[0],
        cause="wrong-summary",
    )


SPARE_THREADS = 4  # main, one that prints, one for signals


@step(3, "threads-asked", "asleep")
def test_as_many_threads_as_asked_for(scene: Scene) -> None:
    """-t says how many ports are tried at the same time, however many there are; who waits for an answer sleeps."""
    first, asked = silent(scene, 40), 5
    words = ("-t", str(asked), "-w", "60000", "-p", f"{first}-{first + 39}", HOST)
    running = scene.start(SCANNER, *words, terminals="stderr")
    running.eventually(lambda: under_way(running.pid) >= asked, 3.0)
    calm.must_sleep(running, _("no port answers"), "busy-wait")
    tried, threads = under_way(running.pid), running.threads()
    require(
        threads <= asked + SPARE_THREADS and (tried <= asked or not scene.network().own),
        _("with -t {n}, and {ports} silent ports").format(n=asked, ports=40),
        expected=_(
            "{n} threads that scan, few besides, and {n} ports tried at the same time"
        ).format(n=asked),
        got=_("{n} threads, {m} ports tried at the same time").format(n=threads, m=tried),
        cause="thread-count",
    )
    running.close_now()


@step(3, "parallel")
def test_one_thread_takes_the_sum(scene: Scene) -> None:
    """With -t 1 the time-outs add up, each as long as -w says; the answers are the same."""
    targets = targets_of(scene)
    first = targets.block(12)
    open_ = targets.open_at([first + 11])
    targets.silence(range(first + 1, first + 11))
    several = False

    def at_once(running: Running) -> None:
        nonlocal several
        several = running.eventually(lambda: under_way(running.pid) > 1, 0.3)

    try:
        running, _took = timed_scan(
            scene,
            first,
            12,
            *("-t", "1", "-w", "100"),
            least=0.95,
            most=1.6,
            short="wrong-timing",
            long="wrong-timing",
            look=at_once,
        )
    except Fault as fault:
        if several:
            fault.cause = "thread-count"
        raise
    found(running, open_, (1, 1, 10))


def has_a_hundred_threads(running: Running) -> None:
    """So many must come to be, and few besides: main, one that prints, one for signals."""
    seen = 0

    def a_hundred() -> bool:
        nonlocal seen
        seen = max(seen, running.threads())
        return seen >= 100

    enough = running.eventually(a_hundred, 3.0)
    most = manners.lowest(running, "threads", 0.1) if enough else seen
    require(
        enough and most <= 104,
        _("without -t there should be 100 threads that scan"),
        expected=_("{n}, and few besides").format(n=100),
        got=most,
        cause="thread-count" if most > 2 else "not-parallel",
    )


@step(3, "defaults")
def test_defaults(scene: Scene) -> None:
    """Without -t and -w there are 100 threads, and a time-out of a second."""
    running, _took = timed_scan(
        scene,
        silent(scene, 110),
        110,
        least=1.9,
        most=4.0,
        short="wrong-timing",
        long="wrong-timing",
        look=has_a_hundred_threads,
    )
    found(running, [], (0, 0, 110))


@step(3, "each-once", "port-lines")
def test_each_port_once(scene: Scene) -> None:
    """Many threads share the ports, and each port is tried once."""
    targets = targets_of(scene)
    first = targets.block(96)
    open_ = targets.open_at(range(first, first + 96))
    found(scan(scene, "-t", "16", "-p", f"{first}-{first + 95}"), open_, (96, 0, 0))
    if not scene.network().own:
        return  # others may have tried them too
    tries = dict.fromkeys(open_, 0)

    def have_all_come() -> bool:
        for port, count in targets.accept_all().items():
            tries[port] += count
        return all(tries.values())

    scene.pace.eventually(have_all_come, 2.0)
    often = {port: count for port, count in tries.items() if count > 1}
    require(
        not often,
        _("connections to each of the open ports"),
        expected=_("one"),
        got="\n".join(
            _("{n} to port {port}").format(n=count, port=port) for port, count in often.items()
        ),
        cause="port-twice",
    )


@step(3, "filtered")
def test_other_answers_are_filtered(scene: Scene) -> None:
    """A host that cannot be reached has neither open nor closed ports: they are filtered."""
    if not scene.network().own:
        return  # only where there is surely no way to it
    found(scan(scene, "-p", "1-3", host="192.0.2.1"), [], (0, 0, 3))  # RFC 5737: nobody's address


def other_than_overflow(running: Running) -> Fault | None:
    """What AddressSanitizer found in a program that has ended, unless it is what `select` does: an overflow."""
    try:
        end_and_inspect(running)
    except Fault as found:
        return found if found.cause != "buffer-overflow" else None
    return None


@step(3, "thousand-sockets", "arguments")
def test_more_than_a_thousand_sockets(scene: Scene) -> None:
    """With 1,100 threads sockets have numbers above 1,023: they are scanned with like any other."""
    targets = targets_of(scene)
    first = targets.block(1150)
    targets.silence(range(first, first + 1080))
    open_ = targets.open_at(range(first + 1080, first + 1150, 2))
    words = ("-t", "1150", "-w", "1500", "-p", f"{first}-{first + 1149}", HOST)
    # A set that is written past its end may have no consequences natively.
    running = scene.start(SCANNER, *words, tool=UNDER_ASAN)
    ended = running.run_to_end(15.0)
    # In any order, which is step 4's.
    got = sorted(open_ports(running.stdout.text()))
    other = other_than_overflow(running) if ended.status else None
    if other:
        raise other
    if ended.status or got != open_:
        raise Fault(
            _("with more than 1,024 sockets at once the scan goes wrong"),
            expected=" ".join(map(str, open_)),
            got=f"{running.stdout.text()}\n{ended}",
            cause="select-limit" if ended.status else _why_other(open_, got),
            details=running.stderr.text()[-1000:] or " ",
        )
    counted(running, (35, 35, 1080))
