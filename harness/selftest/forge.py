"""For the self-tests: commands of `harness/lab` in processes forked from one that has imported everything.

To start Python and to import labkit and pytest takes as much of a processor as many a check. A forge does both
once, and decides once about the sandbox; each command is a fork of it, which does what `harness/lab` does.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

CLOSING_SECONDS = 20.0


class Forge:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self._running = 0  # the pid of a command that has not ended
        # Without buffers: select(2) must see what is there to be read.
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def run(
        self, words: Sequence[str], seconds: float, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command to its end; its exit status, and what it said on both streams.

        env: variables that it has beside ours. TimeoutExpired where it takes more than so many seconds; then it is killed.
        """
        with tempfile.TemporaryDirectory(prefix="forge-") as home:
            said = Path(home) / "said"
            order = {"words": list(words), "said": str(said), "env": dict(env or {})}
            try:
                status = self._ran(order, seconds)
            except BaseException:
                self._end()  # what it will say is no answer to the next order
                raise
            return status, said.read_text(encoding="utf-8", errors="replace")

    def _ran(self, order: dict[str, Any], seconds: float) -> int:
        """The exit status of a command that has been given as an order."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._running = self._number()
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired(order["words"], seconds)
        status, self._running = self._number(), 0
        return status

    def _end(self) -> None:
        """End it in the middle of a command, and the command; the next one gets a forge of its own."""
        forge.cache_clear()
        self._process.kill()
        if self._running:
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)

    def _number(self) -> int:
        """The next number that it tells."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the forge has ended: see what it said on stderr"
        return int(line)

    def close(self) -> None:
        """End it: it ends when nobody can give it an order any more."""
        assert self._process.stdin
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSING_SECONDS)


@functools.cache
def forge() -> Forge:
    """The one of this process, made when it is first asked for."""
    made = Forge()
    atexit.register(made.close)
    return made


# -- the process itself --------------------------------------------------------------------------------


def serve() -> int:
    """Take orders, a line of JSON each; for each a fork, whose pid and exit status are told, a line each.

    Returns 0 where there are no more orders, and in each fork the exit status of its command.
    """
    importlib.import_module("pytest")
    sys.path.append(str(Path(__file__).parent))
    import spared
    from labkit import cli
    from labkit.box import sandbox
    from labkit.ground import catalog
    from labkit.ground.faults import Trouble

    for lab in catalog.all_labs():
        for path in lab.checks.glob("test_*.py"):
            importlib.import_module(f"checks.{lab.checks.name}.{path.stem}")
    measured = spared.Measured()
    spared.keep_objects()
    with suppress(Trouble):  # then each fork tries by itself, and says so
        sandbox.decide()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever gives the orders
    for line in sys.stdin.buffer:
        order = json.loads(line)
        with suppress(Trouble, OSError):
            measured.renew()
        pid = os.fork()
        if not pid:
            measured.adopt()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _speak_into(order["said"])
            os.environ.update(order["env"])
            return cli.main(order["words"])
        os.write(1, b"%d\n" % pid)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return 0


def _speak_into(path: str) -> None:
    """Let there be no input, and let all output go into a new file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    for source, fd in (nothing, 0), (output, 1), (output, 2):
        os.dup2(source, fd)
    os.close(nothing)
    os.close(output)


if __name__ == "__main__":
    sys.exit(serve())
