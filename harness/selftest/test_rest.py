"""A program is said to be at rest where nothing can go on in it by itself, and nowhere else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit.ground import proc, tcp_table
from labkit.ground.pace import Pace
from labkit.hang import rest
from labkit.hang.rest import Look
from workshop import PROGRAMS, Workshop

ASLEEP, AWAKE = (PROGRAMS / "rests.c").read_text().split("/* -- */")
FORM = re.compile(r'^    \{"([\w-]+)", \w+\},$', re.MULTILINE)
LOOKS = 4
TOOLS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "tsan": ("setarch", "-R"),
    "helgrind": ("valgrind", "-q", "--tool=helgrind", "--fair-sched=try", "--vgdb=no"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("rest"))


@contextmanager
def started(shop: Workshop, form: str, stats: Path, tool: str = "plain") -> Iterator[int]:
    """The program rests, when it has said that it is about to sleep, and sleeps or spins; its process id."""
    environment = {**os.environ, "LD_PRELOAD": str(shop.shim), "PERTURB_STATS": str(stats)}
    kind = tool if tool != "helgrind" else "plain"
    command = [*TOOLS[tool], shop.build("rests", kind), form]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout and process.stdout.readline() == b"now\n"
            assert Pace().eventually(lambda: proc.state(process.pid) == "S", 20.0)
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def look(pid: int, stats: Path, tool: str = "plain") -> list[Look] | None:
    return rest.at_rest({pid: stats}, {pid} if tool == "tsan" else set())


def comes_to_rest(pid: int, stats: Path, tool: str = "plain") -> bool:
    return Pace().eventually(lambda: look(pid, stats, tool) is not None, 20.0)


def looks(pid: int, stats: Path, tool: str = "plain") -> list[list[Look] | None]:
    return [look(pid, stats, tool) for _look in range(LOOKS)]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("form", FORM.findall(ASLEEP))
def test_who_sleeps_for_good_is_at_rest(
    shop: Workshop, tmp_path: Path, form: str, tool: str
) -> None:
    """Whatever call it sleeps in, and under which tool."""
    with started(shop, form, tmp_path / "stats", tool) as pid:
        assert comes_to_rest(pid, tmp_path / "stats", tool)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("form", FORM.findall(AWAKE))
def test_who_goes_on_by_itself_is_not(shop: Workshop, tmp_path: Path, form: str, tool: str) -> None:
    """By a clock, another thread, another process, or a sender that nobody knows."""
    with started(shop, form, tmp_path / "stats", tool) as pid:
        assert looks(pid, tmp_path / "stats", tool) == [None] * LOOKS


def test_who_is_stopped_is_not(shop: Workshop, tmp_path: Path) -> None:
    """A stopped program goes on where it was when somebody lets it."""
    with started(shop, "condition", tmp_path / "stats") as pid:
        assert comes_to_rest(pid, tmp_path / "stats")
        os.kill(pid, signal.SIGSTOP)
        assert Pace().eventually(lambda: proc.state(pid) == "T", 20.0)
        assert looks(pid, tmp_path / "stats") == [None] * LOOKS


def test_who_is_woken_is_in_another_rest(shop: Workshop, tmp_path: Path) -> None:
    """What it is in is not the same as before, though the call is."""
    with started(shop, "condition", tmp_path / "stats") as pid:
        assert comes_to_rest(pid, tmp_path / "stats")
        before = rest.at_rest({pid: tmp_path / "stats"})
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        assert comes_to_rest(pid, tmp_path / "stats")
        assert before and rest.at_rest({pid: tmp_path / "stats"}) != before


def test_without_a_record_there_is_no_proof(shop: Workshop, tmp_path: Path) -> None:
    """Nobody knows which timers were set."""
    with started(shop, "condition", tmp_path / "stats") as pid:
        assert comes_to_rest(pid, tmp_path / "stats")
        (tmp_path / "none").write_bytes(b"")
        assert looks(pid, tmp_path / "none") == [None] * LOOKS


def test_a_connection_that_is_being_made_is_on_its_way() -> None:
    """The client sees it made, and the server's side does not stand yet."""
    here = ("127.0.0.1", 7)
    server = tcp_table.Row(here, ("0.0.0.0", 0), tcp_table.LISTEN, 0, "1")
    client = tcp_table.Row(("127.0.0.1", 9), here, tcp_table.ESTABLISHED, 0, "2")
    child = tcp_table.Row(here, client.local, tcp_table.ESTABLISHED, 0, "0")
    assert rest.comes_to(server, rest.by_ends([server, client]))
    assert not rest.comes_to(server, rest.by_ends([server, client, child]))


@pytest.mark.parametrize("unsent", [0, 1])
def test_bytes_that_are_not_confirmed_are_on_their_way(unsent: int) -> None:
    """To the socket, and from it."""
    ends = ("127.0.0.1", 7), ("127.0.0.1", 9)
    server = tcp_table.Row(*ends, tcp_table.ESTABLISHED, 0, "1")
    client = tcp_table.Row(*ends[::-1], tcp_table.ESTABLISHED, 0, "2", unsent)
    assert rest.comes_to(server, rest.by_ends([server, client])) == bool(unsent)
    assert rest.comes_to(client, rest.by_ends([server, client])) == bool(unsent)
    assert rest.comes_to(server, rest.by_ends([server]))
