"""Lab 04: what several steps need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from checks.lab_04_scanner.targets import targets_of
from labkit.scene.checking import (
    NATIVELY,
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
    expect,
    require,
)

SCANNER = "scanner"
OPEN_LINE = re.compile(r"(?:Port (\d+) is open|Порт (\d+) открыт)")
SUMMARY = re.compile(
    r"scanned (\d+) ports of (\S+) \((\S+)\) in (\d+(?:\.\d+)?) s: (\d+) open, (\d+) closed, (\d+) filtered"
)
SUMMARY_FORM = "scanned N ports of HOST (ADDRESS) in S s: A open, B closed, C filtered"
HOST = "127.0.0.1"
KEPT = 1000  # open descriptors: all that most scans here may have, and ten times what they have threads
# The kernel's choice of local ports in a network of our own, and about that on any machine.
EPHEMERAL = range(10000, 65001)


def open_ports(text: str) -> list[int]:
    """The ports that stdout calls open, in the order of the lines; Fault on any other line."""
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
    """The scan must end with status 0. deadline: one that was made for it before.

    One that does not end, and has more sockets open than it has threads in any check, does not close them.
    """
    try:
        ended = running.run_to_end(seconds, deadline)
    except Silent as fault:
        if running.descriptors() >= KEPT:
            fault.cause = "sockets-kept"
        raise
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


def silent(scene: Scene, count: int) -> int:
    """The first of so many consecutive silent ports."""
    targets = targets_of(scene)
    first = targets.block(count)
    targets.silence(range(first, first + count))
    return first
