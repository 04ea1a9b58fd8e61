"""Lab 04, step 5: Progress bar."""

from __future__ import annotations

import signal
import time

from checks.lab_04_scanner.shared import (
    HOST,
    OPEN_LINE,
    SCANNER,
    SUMMARY,
    SUMMARY_FORM,
    finished,
    found,
    lasting,
    open_ports,
    summary,
)
from checks.lab_04_scanner.targets import targets_of
from labkit.scene.checking import Running, Scene, _, expect, require, step
from labkit.wire import terminal


def slow_targets(scene: Scene) -> tuple[int, list[int]]:
    """A block of 60 ports, six of them open, forty silent; its first port and the open ones."""
    targets = targets_of(scene)
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


@step(5, "bar-where", "bar-form", "screen")
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


@step(5, "bar-form")
def test_bar_is_not_drawn_for_every_port(scene: Scene) -> None:
    """However many ports there are, the bar is drawn at most 20 times a second."""
    # All closed, so there is news of tens of thousands a second. One thread sends it: the one that draws is
    # awake for most of it, on a busy machine at least in one run of three.
    for _run in range(3):
        before = time.monotonic()
        running = scene.start(SCANNER, "-t", "1", "-p", "1-20000", HOST, terminals="stderr")
        finished(running)
        terminal.bar_is_calm(running.stderr.taken(), time.monotonic() - before, 0)


@step(5, "screen", "bar-form")
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


@step(5, "bar-truth")
def test_bar_counts_what_is_known(scene: Scene) -> None:
    """The bar counts ports of which the answer is known, neither those that were begun nor the time."""
    targets = targets_of(scene)
    first = targets.block(60)
    targets.silence(range(first + 20, first + 60))
    timeout = 4.0 * min(4.0, scene.pace.factor())
    words = ("-t", "60", "-w", str(round(timeout * 1000)), "-p", f"{first}-{first + 59}", HOST)
    began, drawn = time.monotonic(), [0]
    running = scene.start(SCANNER, *words, terminals="stderr")
    running.may_end = True
    while time.monotonic() < began + 0.6 * timeout:
        scene.pause(0.05)
        seen = terminal.redraws(running.stderr.taken())
        if time.monotonic() < began + timeout:  # until then no time-out can be over
            drawn = seen or drawn
    require(
        max(drawn) <= 34,
        _("of 60 ports 20 have answered, and no time-out is over yet"),
        expected=_("a bar at 33% or less"),
        got=" ".join(f"{percent}%" for percent in drawn[-20:]),
        cause="wrong-progress",
    )
    running.close_now()


@step(5, "bar-where", "summary")
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
    targets = targets_of(scene)
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


@step(5, "bar-form", "ctrl-c")
def test_resizing_and_ctrl_c(scene: Scene) -> None:
    """The bar stays in its line when the window becomes narrow; Ctrl-C leaves it clean, and what was found in it."""
    first = mostly_silent(scene)
    running = in_mid_scan(scene, first, "stdout stderr")
    running.resize(30)
    before = len(running.stdout.taken())
    drawn = running.stdout.wait_until(
        lambda data: len(terminal.redraws(data[before:])) >= 2, running.deadline(1.0)
    )
    # A program that draws only what has changed draws no second one; the first may have been on its way already.
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


@step(5, "ctrl-c")
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
