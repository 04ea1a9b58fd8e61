"""For the self-tests: commands of `harness/lab` in processes forked from one that has imported everything.

To start Python and to import labkit and pytest takes as much of a processor as many a check. A forge does both
once, and decides once about the sandbox; each command is a fork of it, which does what `harness/lab` does, with an
environment, a directory, streams and a session of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.ground.catalog import ROOT

CLOSING_SECONDS = 20.0
MESSAGE = 1 << 17  # bytes, more than an order has
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
DECIDE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "SANDBOX", "LAB_PYTHON")
KNOWN: set[int] = set()  # processes of ours, which no command has left behind
# What labkit and its libraries read anew whenever they need it; a command may have it otherwise than its forge.
FREE = {"LANGUAGE", "SANDBOX", "TMPDIR", "TERM", "COLORTERM", "COLUMNS", "NO_COLOR"}
FREE |= {"PYTEST_CURRENT_TEST"}
# What harness/python.sh takes away and sets, and find_python.
FOREIGN = ("PYTHONHOME", "PYTHONSTARTUP", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
OURS = {"PYTHONSAFEPATH": "1", "PYTHONIOENCODING": ":replace", "PYTHONNOUSERSITE": "1"}


def environment() -> dict[str, str]:
    """A command's environment: ours, in a locale with all letters, without what decides about languages and the sandbox."""
    plain = {key: value for key, value in os.environ.items() if key not in DECIDE}
    return {**plain, "LC_ALL": "C.UTF-8"}


# What only some of the commands import.
SEVERAL = ("labkit.workbook.quiz", "labkit.workbook.lint", "labkit.workbook.newlab")


class Forge:
    """The process that has imported everything, of the project or of a copy of it.

    whole: it has also imported the checks, measured the machine and decided about the sandbox, and its commands keep
    objects for each other; else they share nothing but what was imported.
    """

    def __init__(self, root: Path = ROOT, whole: bool = True) -> None:
        # What a command leaves behind when it is killed is handed to us, and not to who started us.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._root, self._env = root, environment()
        self._running = 0  # the pid of a command that has not ended
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), "whole" if whole else "bare"],
                cwd=root,
                env=self._started_in(self._env),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        KNOWN.add(self._process.pid)

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether a command may have this environment: one that differs only in what is read anew."""
        return not {key for key, _value in env.items() ^ self._env.items()} - FREE

    def run(
        self,
        words: Sequence[str],
        seconds: float,
        env: Mapping[str, str],
        cwd: Path | None = None,
        typed: str = "",
        together: bool = False,
    ) -> tuple[int, str, str]:
        """Run a command to its end; its exit status, and what it said on stdout and on stderr.

        env: all of its environment. cwd: where it stands, the project if None. typed: its stdin. together: what it says
        on stderr stands in the first text. TimeoutExpired where it takes more than so many seconds; then it is killed.
        """
        streams = [tempfile.TemporaryFile() for _stream in range(3)]
        try:
            streams[0].write(typed.encode())
            streams[0].seek(0)
            ends = [stream.fileno() for stream in streams]
            order: dict[str, Any] = {"words": list(words), "cwd": str(cwd or self._root)}
            order["env"] = self._started_in(env)
            try:
                status = self._ran(order, seconds, [*ends[:2], ends[1 if together else 2]])
            except BaseException:
                self._end()  # what it will say is no answer to the next order
                raise
            return status, _text(streams[1]), _text(streams[2])
        finally:
            for stream in streams:
                stream.close()

    def _started_in(self, env: Mapping[str, str]) -> dict[str, str]:
        """An environment as harness/lab hands it on."""
        plain = {key: value for key, value in env.items() if key not in FOREIGN}
        return {**plain, **OURS, "PYTHONPATH": str(self._root / "harness")}

    def _ran(self, order: dict[str, Any], seconds: float, streams: list[int]) -> int:
        """The exit status of a command that has been given as an order."""
        socket.send_fds(self._orders, [json.dumps(order).encode()], streams)
        self._running = self._number()
        if not select.select([self._orders], [], [], seconds)[0]:
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
        answer = self._orders.recv(MESSAGE)
        assert answer, "the forge has ended: see what it said on stderr"
        return int(answer)

    def close(self) -> None:
        """End it: it ends when nobody can give it an order any more."""
        self._orders.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSING_SECONDS)


@functools.cache
def forge() -> Forge:
    """The one of this process, made when it is first asked for."""
    made = Forge()
    atexit.register(made.close)
    return made


@functools.cache
def forge_of(root: Path) -> Forge:
    """That of a copy of the project, whose files may change from one command to the next, but not its labkit."""
    made = Forge(root, whole=False)
    atexit.register(made.close)
    return made


def _text(stream: Any) -> str:
    """All that stands in a file, as a person reads it."""
    stream.seek(0)
    return str(stream.read().decode("utf-8", "replace"))


# -- the process itself --------------------------------------------------------------------------------


def serve(orders: socket.socket, whole: bool) -> int:
    """Take orders, a message of JSON each; for each a fork, whose pid and exit status are told, a message each.

    Returns 0 where there are no more orders, and in each fork the exit status of its command.
    """
    from labkit import cli
    from labkit.box import sandbox

    for name in SEVERAL:
        importlib.import_module(name)
    measured = _prepared() if whole else None
    usual = os.environ.get("SANDBOX", "")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever gives the orders
    while True:
        words, streams, _flags, _from = socket.recv_fds(orders, MESSAGE, 3)
        if not words:
            return 0
        order = json.loads(words)
        if measured:
            measured.renew()
        pid = os.fork()
        if not pid:
            orders.close()
            if measured:
                measured.adopt()
            if order["env"].get("SANDBOX", "") != usual:
                setattr(sandbox, "_decided", None)
            _become(order, streams)
            return cli.main(order["words"])
        for fd in streams:
            os.close(fd)
        orders.send(b"%d" % pid)
        orders.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _prepared() -> Any:
    """Import what commands need, and what they share: how slow the machine is, objects, the tables of causes."""
    sys.path.append(str(Path(__file__).parent))
    import spared
    from _pytest.config import default_plugins
    from labkit.box import sandbox
    from labkit.causes import table
    from labkit.ground import catalog
    from labkit.ground.faults import Trouble

    for plugin in default_plugins:
        importlib.import_module(f"_pytest.{plugin}")
    for lab in catalog.all_labs():
        table.find(None, lab)
        for path in lab.checks.glob("test_*.py"):
            importlib.import_module(f"checks.{lab.checks.name}.{path.stem}")
    measured = spared.Measured()
    spared.keep_objects()
    with suppress(Trouble):  # then each fork tries by itself, and says so
        sandbox.decide()
    return measured


def _become(order: dict[str, Any], streams: Sequence[int]) -> None:
    """Be as the process that is started for a command: its session, environment, place, streams and signals."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    tempfile.tempdir = None  # asked for anew, as TMPDIR may be another
    sys.argv[1:] = order["words"]


if __name__ == "__main__":
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2] == "whole"))
