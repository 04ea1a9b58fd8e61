"""Lab 04: a TCP port scanner, in parallel, in order, with a progress bar."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, product

from labkit import manners, terminal
from labkit.checking import (
    NATIVELY,
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Deadline,
    Ended,
    Fault,
    Limits,
    Running,
    Scene,
    Shim,
    Silent,
    Tool,
    _,
    blame,
    expect,
    inspected,
    require,
    screened,
    step,
)

SCANNER = "scanner"
OPEN_LINE = re.compile(r"(?:Port (\d+) is open|Порт (\d+) открыт)")
SUMMARY = re.compile(
    r"scanned (\d+) ports of (\S+) \((\S+)\) in (\d+(?:\.\d+)?) s: (\d+) open, (\d+) closed, (\d+) filtered"
)
SUMMARY_FORM = "scanned N ports of HOST (ADDRESS) in S s: A open, B closed, C filtered"
HOST = "127.0.0.1"
# The kernel's choice of local ports in a network of our own, and about that on any machine.
EPHEMERAL = range(10000, 65001)


# -- reading what the program says -------------------------------------------------------------------------


def open_ports(text: str) -> list[int]:
    """The ports that stdout calls open, in the order of the lines; Fault on a line that is none."""
    ports = []
    for line in text.splitlines():
        match = OPEN_LINE.fullmatch(line)
        if not match:
            raise Fault(
                _("stdout holds a line that is not about an open port"),
                expected="Port N is open",
                got=line,
                cause="wrong-message",
            )
        ports.append(int(match[1] or match[2]))
    return ports


def scan(
    scene: Scene,
    *options: str,
    host: str = HOST,
    seconds: float = 10.0,
    tool: Tool = NATIVELY,
    shim: Shim | None = None,
    limits: Limits | None = None,
    network: str = "roomy",
    cause: str = "wrong-exit-status",
) -> Running:
    """Run a scan to its end, which must be a good one; cause: what it means if it is not."""
    running = scene.start(
        SCANNER, *options, host, tool=tool, shim=shim, limits=limits, network=network
    )
    finished(running, seconds, cause)
    return running


def finished(
    running: Running,
    seconds: float = 10.0,
    cause: str = "wrong-exit-status",
    deadline: Deadline | None = None,
) -> Ended:
    """The scan must end with status 0. deadline: one that was made for it before."""
    ended = running.run_to_end(seconds, deadline)
    require(
        ended.status == 0,
        _("how the scan ended"),
        expected=_("exit status {status}").format(status=0),
        got=f"{ended}\n{running.stderr.text()[-500:]}",
        cause=cause,
    )
    return ended


@contextmanager
def lasting(cause: str) -> Iterator[None]:
    """Inside, a scan that does not end has this cause, unless its threads show another one."""
    try:
        yield
    except Silent as fault:
        fault.cause = cause
        raise


def summary(running: Running) -> re.Match[str]:
    """The summary on stderr: its last line, from its first letter on where nothing was asked before."""
    text = (running.stderr.text() or running.stdout.text()).replace("\r\n", "\n")
    match = SUMMARY.search(text)
    require(
        match and text.endswith(match[0] + "\n"),
        _("the last line on stderr must be the summary"),
        expected=SUMMARY_FORM,
        got=text[-500:] or _("nothing"),
        cause="no-summary",
    )
    assert match
    return match


def found(
    running: Running, ports: Sequence[int], counts: tuple[int, int, int] | None = None
) -> None:
    """stdout must name exactly these ports, in order, and the summary count (open, closed, filtered)."""
    got = open_ports(running.stdout.text())
    wanted = sorted(ports)
    if got == wanted:
        pass
    elif sorted(got) == wanted:
        after, port = next((a, b) for a, b in pairwise(got) if a > b)
        raise Fault(
            _("the open ports are all there, but not in ascending order"),
            got=_("after {a} came {b}").format(a=after, b=port),
            cause="wrong-order",
        )
    else:
        raise Fault(
            _("the open ports are not the ones that are open"),
            expected=" ".join(map(str, wanted)) or _("none"),
            got=" ".join(map(str, got)) or _("none"),
            cause=_why_other(wanted, got),
        )
    if counts:
        counted(running, counts)


def counted(running: Running, counts: tuple[int, int, int]) -> None:
    """The summary must have these counts: open, closed, filtered."""
    match = summary(running)
    expect(
        "{} open, {} closed, {} filtered".format(*counts),
        f"{match[5]} open, {match[6]} closed, {match[7]} filtered",
        _("the counts in the summary"),
        "wrong-summary",
    )
    expect(str(sum(counts)), match[1], _("the number of ports in the summary"), "wrong-summary")


def _why_other(wanted: Sequence[int], got: Sequence[int]) -> str:
    if sorted(got) == list(wanted):
        return "wrong-order"
    if len(set(got)) < len(got):
        return "port-twice"
    if set(got) < set(wanted):
        return "last-port-missed" if set(wanted) - set(got) == {wanted[-1]} else "port-missed"
    extra = set(got) - set(wanted)
    return "self-connect" if len(extra) < 50 and extra <= set(EPHEMERAL) else "false-open"


# -- step 1: Ask for the host ------------------------------------------------------------------------------


@step(1)
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    manners.compiles_cleanly(scene, SCANNER)


def asked(running: Running) -> None:
    """The scan must have asked for a host, on stderr."""
    running.eventually(lambda: bool(running.stderr.taken() or running.stdout.taken()), 2.0)
    spoke, said = running.stderr.taken(), running.stdout.text()
    running.eventually(lambda: False, 0.05)  # an error that ends it is no question
    require(
        spoke and not said and running.running,
        _("without HOST it must ask for one, on stderr"),
        expected=_("a prompt on stderr, and nothing on stdout"),
        got=f"stderr: {running.stderr.text()}\nstdout: {said}",
        cause="prompt-on-stdout" if said else "not-asked",
    )


@step(1)
def test_asks_for_the_host(scene: Scene) -> None:
    """Without HOST the scanner asks for one; the answer comes from stdin, an empty one means localhost."""
    for typed, host in (
        (b"127.0.0.2\n", "127.0.0.2"),
        (b"::1\n", "::1"),
        (b"\n", "localhost"),
        (b"", "localhost"),
    ):
        running = scene.start(SCANNER, "-p", "1-3", stdin="pipe")
        asked(running)
        if typed:
            running.type(typed)
        running.end_input()
        with lasting("wrong-host"):
            finished(running, 4.0, "wrong-host")
        open_ports(running.stdout.text())
        expect(host, summary(running)[2], _("the host that was scanned"), "wrong-host")


@step(1)
def test_asks_at_a_keyboard(scene: Scene) -> None:
    """At a keyboard a line is the whole answer, and Ctrl-D is none: localhost."""
    for typed, host in ((b"127.0.0.2\n", "127.0.0.2"), (b"\x04", "localhost")):
        running = scene.start(SCANNER, "-p", "1-3", stdin="terminal")
        asked(running)
        running.type(typed)
        with lasting("wrong-host"):
            finished(running, 4.0, "wrong-host")
        expect(host, summary(running)[2], _("the host that was scanned"), "wrong-host")


@step(1)
def test_names_and_addresses(scene: Scene) -> None:
    """HOST is a name or an address, IPv4 or IPv6; the summary says what was asked for, and which address that is."""
    for host, addresses in (
        ("127.0.0.2", ["127.0.0.2"]),
        ("::1", ["::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
    ):
        running = scan(scene, "-p", "1-3", host=host, cause="wrong-host")
        match = summary(running)
        require(
            match[2] == host and match[3] in addresses,
            _("the summary names the host and its address"),
            expected=f"{host} ({' / '.join(addresses)})",
            got=match[0],
            cause="wrong-host",
        )


@step(1)
def test_unknown_name(scene: Scene) -> None:
    """A name that is none is an error: a message, exit status 1."""
    running = scene.start(SCANNER, "-p", "1-3", "x" * 70)
    ended = running.run_to_end(10.0)
    said = running.stderr.text()
    require(
        ended.status == 1 and said and not SUMMARY.search(said),
        _("a host that does not exist must be an error"),
        expected=_("exit status 1 and the reason on stderr"),
        got=f"{ended}\n{said}",
        cause="wrong-exit-status",
    )


@step(1)
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    ports = [
        "0",
        "65536",
        "80x",
        "",
        "x",
        "1-",
        "1-65536",
        "0-5",
        "1-2-3",
        "1-2x",
        "10-5",
        "9" * 20,
    ]
    threads = ["0", "10001", "4x", "", "-1", "9" * 20]
    timeouts = ["0", "3600001", "5s", "", "-1", "9" * 20]
    cases = [["-p", text, HOST] for text in ports]
    cases += [["-t", text, HOST] for text in threads]
    cases += [["-w", text, HOST] for text in timeouts]
    manners.refuses(scene, SCANNER, cases + [[HOST, "surplus"], ["-Z", HOST], ["-p"]])
    manners.shows_usage(scene, SCANNER)


# -- step 2: One port after another ------------------------------------------------------------------------


@step(2)
def test_exactly_the_open_ports(scene: Scene) -> None:
    """Of a range exactly the open ports are found, also at both of its ends; a range may be a single port."""
    targets = scene.targets()
    first = targets.block(61)
    last = first + 59
    open_ = targets.open_at([first, first + 1, first + 30, last])
    found(scan(scene, "-t", "1", "-p", f"{first}-{last}"), open_, (4, 56, 0))
    found(scan(scene, "-t", "1", "-p", str(last)), [last], (1, 0, 0))
    found(scan(scene, "-t", "1", "-p", str(last + 1)), [], (0, 1, 0))


@step(2)
def test_the_host_that_was_named(scene: Scene) -> None:
    """The ports that are scanned are those of HOST, also where that is IPv6 or another address of this machine."""
    first = scene.targets().block(2)
    for port, host in ((first, "127.0.0.2"), (first + 1, "::1")):
        scene.targets(host).open_at([port])
        running = scan(scene, "-t", "1", "-p", f"{first}-{first + 1}", host=host)
        with blame("wrong-host"):
            expect([port], open_ports(running.stdout.text()), _("the open ports of that host"))


@step(2)
def test_the_last_port_of_all(scene: Scene) -> None:
    """Port 65535 is a port like any other, and there is none after it."""
    open_ = scene.targets().open_if_free([65535])
    for ports, count in (("65535", 1), ("65530-65535", 6)):
        with lasting("port-wraps"):
            running = scan(scene, "-t", "1", "-p", ports, seconds=2)
        own = scene.network().own
        found(running, open_, (len(open_), count - len(open_), 0) if own else None)


# -- step 3: In parallel -----------------------------------------------------------------------------------


def silent(scene: Scene, count: int) -> int:
    """The first of so many consecutive silent ports."""
    targets = scene.targets()
    first = targets.block(count)
    targets.silence(range(first, first + count))
    return first


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


@step(3)
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


@step(3)
def test_one_thread_takes_the_sum(scene: Scene) -> None:
    """With -t 1 the time-outs add up, each as long as -w says; the answers are the same."""
    targets = scene.targets()
    first = targets.block(12)
    open_ = targets.open_at([first + 11])
    targets.silence(range(first + 1, first + 11))
    several = False

    def at_once(running: Running) -> None:
        nonlocal several
        several = running.eventually(lambda: running.connecting() > 1, 0.3)

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


@step(3)
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


@step(3)
def test_each_port_once(scene: Scene) -> None:
    """Many threads share the ports, and each port is tried once."""
    targets = scene.targets()
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


@step(3)
def test_other_answers_are_filtered(scene: Scene) -> None:
    """A host that cannot be reached has neither open nor closed ports: they are filtered."""
    if not scene.network().own:
        return  # only where there is surely no way to it
    found(scan(scene, "-p", "1-3", host="192.0.2.1"), [], (0, 0, 3))  # RFC 5737: nobody's address


@step(3)
def test_more_than_a_thousand_sockets(scene: Scene) -> None:
    """With 1,100 threads sockets have numbers above 1,023: they are scanned with like any other."""
    targets = scene.targets()
    first = targets.block(1150)
    targets.silence(range(first, first + 1080))
    open_ = targets.open_at(range(first + 1080, first + 1150, 2))
    words = ("-t", "1150", "-w", "1500", "-p", f"{first}-{first + 1149}", HOST)
    # A set that is written past its end may have no consequences natively.
    running = scene.start(SCANNER, *words, tool=UNDER_ASAN)
    ended = running.run_to_end(15.0)
    # In any order, which is step 4's.
    got = sorted(open_ports(running.stdout.text()))
    if ended.status or got != open_:
        raise Fault(
            _("with more than 1,024 sockets at once the scan goes wrong"),
            expected=" ".join(map(str, open_)),
            got=f"{running.stdout.text()}\n{ended}",
            cause="select-limit" if ended.status else _why_other(open_, got),
            details=running.stderr.text()[-1000:] or " ",
        )
    counted(running, (35, 35, 1080))


# -- step 4: In order --------------------------------------------------------------------------------------


@step(4)
def test_order_with_perturbed_schedules(scene: Scene) -> None:
    """Open ports are printed in ascending order and completely, in whatever order threads finish."""
    targets = scene.targets()
    first = targets.block(200)
    open_ = targets.open_at(range(first, first + 200, 3))
    for seed in range(scene.seed, scene.seed + 3):
        running = scan(
            scene, "-t", "20", "-p", f"{first}-{first + 199}", shim=Shim(seed=seed, percent=50)
        )
        found(running, open_, (len(open_), 200 - len(open_), 0))


@step(4)
def test_streams(scene: Scene) -> None:
    """A port is printed as soon as all lower ones are known, and not before."""
    targets = scene.targets()
    first = targets.block(10)
    low, silent, high = first + 1, first + 5, first + 8
    targets.open_at([low, high])
    targets.silence([silent])
    words = ("-t", "30", "-w", "1500", "-p", f"{first}-{first + 9}")  # more threads than ports
    running = scan(scene, *words)
    found(running, [low, high], (2, 7, 1))
    lines = running.stdout.timed_lines()
    apart = lines[1][0] - lines[0][0]
    require(
        apart > 0.7,
        _(
            "the port below a silent one must be printed before the time-out, the one above after it"
        ),
        expected=_("about 1.5 s between the two lines"),
        got=_("{s:.2f} s").format(s=apart),
        cause="does-not-stream",
    )


# -- step 5: Progress bar ----------------------------------------------------------------------------------


def slow_targets(scene: Scene) -> tuple[int, list[int]]:
    """A block of 60 ports, six of them open, forty silent; its first port and the open ones."""
    targets = scene.targets()
    first = targets.block(60)
    open_ = targets.open_at([first, first + 9, first + 20, first + 33, first + 45, first + 59])
    quiet = [p for p in range(first + 1, first + 59) if p not in open_][:40]
    targets.silence(quiet)
    return first, open_


def start_slow(
    scene: Scene, first: int, terminals: str, columns: int = 100, timeout_ms: int = 330
) -> Running:
    """A scan of 60 ports that takes four time-outs and more; terminals: which of its streams are one."""
    ports, timeout = f"{first}-{first + 59}", str(timeout_ms)
    words = ("-t", "10", "-w", timeout, "-p", ports, HOST)
    return scene.start(SCANNER, *words, terminals=terminals, columns=columns)


def lines_in(data: bytes) -> int:
    """How many port lines there are."""
    return len(OPEN_LINE.findall(data.decode("utf-8", "replace")))


@step(5)
def test_bar_on_stderr_alone(scene: Scene) -> None:
    """Where stderr is a terminal there is a bar; stdout, a pipe, holds the port lines alone."""
    first, open_ = slow_targets(scene)
    before = time.monotonic()
    running = start_slow(scene, first, "stderr")
    finished(running)
    found(running, open_)
    data = running.stderr.taken()
    terminal.bar_is_good(data, time.monotonic() - before, 0)
    screen = terminal.shown(data, 100)
    require(
        any(SUMMARY.fullmatch(line) for line in screen),
        _("after the bar, the summary has a line of its own"),
        expected=SUMMARY_FORM,
        got="\n".join(screen),
        cause="no-summary",
    )


@step(5)
def test_bar_is_not_drawn_for_every_port(scene: Scene) -> None:
    """However many ports there are, the bar is drawn at most 20 times a second."""
    # All closed, so there is news of tens of thousands a second. One thread sends it: whoever draws is
    # awake for most of it, on a busy machine at least in one run of three.
    for _run in range(3):
        before = time.monotonic()
        running = scene.start(SCANNER, "-t", "1", "-p", "1-20000", HOST, terminals="stderr")
        finished(running)
        terminal.bar_is_calm(running.stderr.taken(), time.monotonic() - before, 0)


@step(5)
def test_bar_and_lines_on_one_terminal(scene: Scene) -> None:
    """Where both are the same terminal, a narrow one too, each port's line is whole beside a bar redrawn in place."""
    first, open_ = slow_targets(scene)
    before = time.monotonic()
    runs = {columns: start_slow(scene, first, "stdout stderr", columns) for columns in (80, 20)}
    for columns, running in runs.items():
        finished(running)
        data = running.stdout.taken()
        terminal.bar_is_good(data, time.monotonic() - before, lines_in(data))
        screen = terminal.shown(data, columns, cursor=True)
        lines = [line for line in screen if OPEN_LINE.fullmatch(line)]
        require(
            open_ports("\n".join(lines)) == open_,
            _("the port lines on a terminal of {n} columns").format(n=columns),
            expected="\n".join(f"Port {port} is open" for port in open_),
            got="\n".join(screen),
            cause="line-in-bar",
        )
        terminal.bar_stays_in_place([line for line in screen if line not in lines], columns)


@step(5)
def test_no_bar_in_a_pipe(scene: Scene) -> None:
    """Where stderr is no terminal there is no bar, whatever stdout is."""
    first, open_ = slow_targets(scene)
    runs = [start_slow(scene, first, where, timeout_ms=150) for where in ("", "stdout")]
    for running in runs:
        finished(running)
        require(
            "%" not in running.stderr.text() and "\r" not in running.stderr.text(),
            _("stderr is no terminal, and a bar was drawn on it"),
            expected=_("the summary alone"),
            got=running.stderr.text(),
            cause="bar-in-pipe",
        )
        summary(running)
        text = running.stdout.text().replace("\r\n", "\n")
        expect(open_, open_ports(text), _("the port lines on stdout"), "line-in-bar")


def mostly_silent(scene: Scene) -> int:
    """The first of 60 ports: it is open, the next forty are silent."""
    targets = scene.targets()
    first = targets.block(60)
    targets.open_at([first])
    targets.silence(range(first + 1, first + 41))
    return first


def in_mid_scan(scene: Scene, first: int, terminals: str) -> Running:
    """A scan of these 60 ports, all at once, that has found the first one, has a bar, and will not end by itself."""
    words = ("-t", "60", "-w", "60000", "-p", f"{first}-{first + 59}", HOST)
    running = scene.start(SCANNER, *words, terminals=terminals)
    require(
        running.stdout.wait_for(OPEN_LINE.pattern, running.deadline(3.0)),
        _("an open port below all silent ones"),
        expected=f"Port {first} is open",
        got=running.stdout.text(),
        cause="does-not-stream",
    )
    if terminals:
        stream = running.stdout if "stdout" in terminals else running.stderr
        stream.wait_until(lambda data: bool(terminal.redraws(data)), running.deadline(3.0))
    return running


def interrupt(running: Running) -> None:
    """Ctrl-C must end the scan as it ends other programs."""
    running.may_end = True
    running.signal(signal.SIGINT)
    with lasting("does-not-stop"):
        ended = running.run_to_end(3.0)
    require(
        ended.signal == "SIGINT" or ended.status == 130,
        _("how the scan ends on Ctrl-C"),
        expected=_("by SIGINT, or with status 130"),
        got=str(ended),
        cause="wrong-exit-status",
    )


@step(5)
def test_resizing_and_ctrl_c(scene: Scene) -> None:
    """The bar stays in its line when the window becomes narrow; Ctrl-C leaves it clean, and what was found in it."""
    first = mostly_silent(scene)
    running = in_mid_scan(scene, first, "stdout stderr")
    running.resize(30)
    before = len(running.stdout.taken())
    drawn = running.stdout.wait_until(
        lambda data: len(terminal.redraws(data[before:])) >= 2, running.deadline(1.0)
    )
    # Who draws only what has changed draws no second one; the first may have been on its way already.
    if drawn:
        terminal.bar_fits(running.stdout.taken()[before:], 30)
    interrupt(running)
    screen = terminal.shown(running.stdout.taken(), 80, cursor=True)
    lines = [line for line in screen if OPEN_LINE.fullmatch(line)]
    require(
        open_ports("\n".join(lines)) == [first] and screen[-1] == "",
        _("after Ctrl-C the cursor must stand at the beginning of a line, below what was found"),
        expected=f"Port {first} is open",
        got="\n".join(screen),
        cause="terminal-not-clean",
    )


@step(5)
def test_ctrl_c_keeps_what_was_found(scene: Scene) -> None:
    """Ctrl-C in a pipe keeps what was found; on a terminal that has the bar alone, it leaves that clean."""
    first = mostly_silent(scene)
    for terminals in ("", "stderr"):
        running = in_mid_scan(scene, first, terminals)
        interrupt(running)
        found(running, [first])
        if terminals:
            last = terminal.shown(running.stderr.taken(), 80, cursor=True)[-1]
            expect("", last, _("what stands left of the cursor"), "terminal-not-clean")


# -- step 6: All ports -------------------------------------------------------------------------------------


@step(6)
def test_not_its_own_sockets(scene: Scene) -> None:
    """A socket that is connected to itself is no open port."""
    if not scene.network("few-ports").own:
        return  # only where the kernel's choice of local ports is ours to narrow
    for _again, host in product(range(12), (HOST, "::1")):
        # One thread: two sockets of the scanner's own that meet are a rarity of which nothing is demanded.
        running = scan(scene, "-t", "1", "-p", "20000-20049", host=host, network="few-ports")
        with blame("self-connect"):
            found(running, [])


@step(6)
def test_all_ports(scene: Scene) -> None:
    """All 65,535 ports with 1,024 descriptors: the open ones are found, 65535 among them, and nothing else."""
    targets = scene.targets()
    ports = targets.everywhere(20)
    before = targets.others()
    running = scene.start(SCANNER, HOST, limits=Limits(files=1024))
    used_up = running.eventually(lambda: running.descriptors() >= 1000, 15.0)
    with lasting("sockets-kept" if used_up else "hang"):
        finished(running, 3.0)
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


# -- step 7: Scarce ----------------------------------------------------------------------------------------


def exact(running: Running, ports: Sequence[int], counts: tuple[int, int, int]) -> None:
    """The scan must have found exactly these ports, though something was scarce."""
    try:
        found(running, ports, counts)
    except Fault as fault:
        fault.cause = "scarce"
        raise


@step(7)
def test_few_descriptors(scene: Scene) -> None:
    """200 threads with 32 descriptors: a port that cannot be tried now is tried again."""
    targets = scene.targets()
    first = targets.block(600)
    targets.silence(range(first, first + 60))  # these keep descriptors in use
    open_ = targets.open_at(range(first + 60, first + 600, 7))
    words = ("-t", "200", "-w", "300", "-p", f"{first}-{first + 599}")
    running = scene.start(SCANNER, *words, HOST, limits=Limits(files=32))
    try:
        finished(running, 15, "scarce")
    except Silent as fault:
        # By now every probe has ended many times over: who still has all of them open does not close them.
        fault.cause = "sockets-kept" if running.descriptors() >= 30 else "scarce"
        raise
    exact(running, open_, (len(open_), 540 - len(open_), 60))


@step(7)
def test_no_local_ports(scene: Scene) -> None:
    """While the kernel has no local port to connect from, ports wait; when it has some again, they are tried."""
    if not scene.network("few-ports").own:
        return  # only where the kernel's choice of local ports is ours to narrow
    targets = scene.targets(network="few-ports")
    first = targets.block(40)
    open_ = targets.open_at(range(first, first + 40, 3))
    hoard = scene.targets(network="few-ports")
    hoard.open_at(range(20000, 20050))
    words = ("-t", "10", "-p", f"{first}-{first + 39}", HOST)
    running = scene.start(SCANNER, *words, network="few-ports")
    manners.lowest(running, "threads", 0.5)  # a correct scan waits for as long as we do
    hoard.close()
    with lasting("scarce"):
        finished(running, cause="scarce")
    exact(running, open_, (len(open_), 40 - len(open_), 0))


@step(7)
def test_few_threads(scene: Scene) -> None:
    """Where few threads, or none, can be started, the scan is done all the same."""
    targets = scene.targets()
    first = targets.block(100)
    open_ = targets.open_at(range(first, first + 100, 9))
    words = ("-t", "50", "-p", f"{first}-{first + 99}")
    for most in (0, 3):
        with lasting("no-threads"):
            running = scan(scene, *words, shim=Shim(most_threads=most), cause="no-threads")
        with blame("no-threads"):
            found(running, open_, (len(open_), 100 - len(open_), 0))


# -- step 8: No races --------------------------------------------------------------------------------------


@step(8)
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    running = scene.start(SCANNER, "-h")
    running.run_to_end(3.0)
    screened(running)


@step(8)
def test_tools_find_nothing(scene: Scene) -> None:
    """ThreadSanitizer, Helgrind and AddressSanitizer find nothing in a scan with many threads."""
    targets = scene.targets()
    first = targets.block(300)
    open_ = targets.open_at(range(first, first + 300, 11))
    targets.silence([first + 150, first + 151])
    for tool, shim in (
        (UNDER_TSAN, Shim()),
        (UNDER_TSAN, Shim(seed=scene.seed)),
        (UNDER_TSAN, Shim(seed=scene.seed + 1)),
        (UNDER_HELGRIND, Shim()),
        (UNDER_ASAN, Shim()),
    ):
        running = scene.start(
            SCANNER,
            "-t",
            "12",
            "-w",
            "300",
            "-p",
            f"{first}-{first + 299}",
            HOST,
            tool=tool,
            shim=shim,
            terminals="stderr",
        )
        with inspected(running):
            running.run_to_end(10.0)
        found(running, open_)
