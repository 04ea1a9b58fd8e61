"""For the self-tests: what a handout shows of one shell's terminal, done again in a network of its own.

Its ports are those of the handout, whatever this machine has on them. Seconds must be at least what is shown.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pexpect

from labkit.box import network, sandbox
from labkit.ground.pace import Pace
from labkit.wire import terminal
from labkit.workbook.handout import Block

SESSION = re.compile(r"session(?: beside ([^,]+))?(?:, types: (.*))?")
SECONDS = re.compile(r"\bin (\d+\.\d+) s:")
COLUMNS, ROWS, PATIENCE = 300, 50, 60  # whatever path stands in place of /tmp
SLACK = 0.05  # seconds
KILLED = re.compile(
    r"^\S+: line \d+: +\d+ Terminated.*\n", re.MULTILINE
)  # a shell with a prompt says "[1]+  Done"


def script(block: Block, beside: str | None) -> str:
    """The block's commands, each after a line that shows it, while another command runs where one is named.

    Where a person waits a second for what was begun, we wait as long as that takes on a busy machine.
    """
    pace = min(15.0, 3 * Pace().factor())
    lines = [f"{beside} & until nc -z 127.0.0.1 9090; do sleep 0.02; done"] if beside else []
    for command in re.findall(r"^\$ (.*)$", block.text, re.MULTILINE):
        patient = re.sub(r"(?<=& sleep )[\d.]+$", lambda m: f"{float(m[0]) * pace:.1f}", command)
        lines += [f"printf '$ %s\\n' {shlex.quote(command)}", patient]
    return "\n".join([*lines, "{ kill $(jobs -p); wait; } 2> /dev/null"])


def play(block: Block, home: Path) -> str:
    """Type the block into a shell in `home`; what its terminal shows in the end."""
    match = SESSION.fullmatch(block.mark)
    assert match, block.mark
    place = network.make(sandbox.available(), "usual")
    try:
        words = [*place.inside(), "bash", "--norc", "-c"]
        words.append(script(block, match[1]).replace("/tmp/", f"{home}/"))
        child = pexpect.spawn(
            words[0], words[1:], cwd=str(home), timeout=PATIENCE, dimensions=(ROWS, COLUMNS)
        )
        data = b""
        if match[2]:
            child.expect_exact(block.text.partition(match[2])[0].splitlines()[-1])
            data = child.before + child.after
            child.sendline(match[2])
        child.expect(pexpect.EOF)
        child.close()
    finally:
        place.close()
    shown = "\n".join(terminal.shown(data + child.before, COLUMNS)).rstrip() + "\n"
    return KILLED.sub("", shown).replace(f"{home}/", "/tmp/")


def agrees(got: str, wanted: str) -> bool:
    """Whether it is what the handout shows; something may have taken longer."""
    times = zip(SECONDS.findall(got), SECONDS.findall(wanted))
    return SECONDS.sub("in S s:", got) == SECONDS.sub("in S s:", wanted) and all(
        float(one) >= float(least) - SLACK for one, least in times
    )
