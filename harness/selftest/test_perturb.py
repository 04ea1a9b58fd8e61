"""The perturbation shim delays, counts and refuses what harness/native/README.md says, and nothing tells of it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from labkit.box import shimstats
from labkit.box.shimstats import ShimStats
from labkit.ground.faults import Trouble
from workshop import NATIVE, SEEDS, WARNINGS, Workshop, compile_c, needs


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("perturb"))


# -- delays ----------------------------------------------------------------------------------


def test_nothing_is_done_unasked(shop: Workshop) -> None:
    """Without a variable the shim only counts."""
    run = shop.run(shop.build("steady"))
    assert (run.status, run.stats) == (0, ShimStats(*[0] * 13))


def test_a_seed_repeats_its_delays(shop: Workshop) -> None:
    """One thread makes 400 calls: a quarter is delayed, the same number in every run of a seed."""
    program = shop.build("steady")
    counts = [shop.run(program, seed=seed).stats.delays for seed in (1, 1, 2, 2, 3, 3)]
    assert counts[::2] == counts[1::2]
    assert len(set(counts)) > 1
    assert all(60 <= count <= 140 for count in counts)


@pytest.mark.parametrize("percent, delays", [(0, 0), (100, 400)])
def test_percent_says_how_many_calls_are_delayed(shop: Workshop, percent: int, delays: int) -> None:
    run = shop.run(shop.build("steady"), seed=1, percent=percent, max_us=20)
    assert run.stats.delays == delays


def test_a_lost_wakeup_is_found(shop: Workshop) -> None:
    """A bug that hardly any run shows on its own is shown by most seeds, and by a seed that did again."""
    program = shop.build("lost_wakeup")
    alone = sum(shop.run(program).status for _ in SEEDS)
    found = [seed for seed in SEEDS if shop.run(program, seed=seed).status == 1]
    assert len(found) >= 3
    assert alone < len(found)
    assert any(shop.run(program, seed=found[0]).status == 1 for _again in range(10))


def test_a_signal_handler_may_call_what_is_wrapped(shop: Workshop) -> None:
    """200 signals, each written into a pipe by a handler, come while wrapped calls are under way."""
    run = shop.run(shop.build("handler"), seed=1, max_us=500)
    assert run.status == 0


def test_a_variable_that_is_no_number_ends_the_program(shop: Workshop) -> None:
    run = shop.run(shop.build("quiet"), tool=("env", "PERTURB_SHORT=many"))
    assert run.status == 120
    assert "PERTURB_SHORT" in run.output


# -- threads ---------------------------------------------------------------------------------


def test_creation_can_be_slow(shop: Workshop) -> None:
    """Each thread takes so much longer to create, and nothing else is delayed."""
    program = shop.build("thread_fates")
    began = time.monotonic()
    stats = shop.run(program, create_us=20_000).stats
    assert stats.created > 1 and stats.delays == 0
    assert time.monotonic() - began >= stats.created * 0.02


@pytest.mark.parametrize("threads", ["pthreads", "c11"])
@pytest.mark.parametrize("kind", ["plain", "tsan", "asan"])
def test_the_limit_of_threads_is_exact(shop: Workshop, kind: str, threads: str) -> None:
    """Five threads, then EAGAIN; five again when they have returned, exited or been cancelled."""
    run = shop.run(shop.build("thread_limit", kind), threads, max_threads=5)
    assert (run.status, run.output.split()) == (0, ["5", "5"])
    assert (run.stats.created, run.stats.ended, run.stats.most_alive) == (10, 10, 5)
    assert run.stats.refused == 2


def test_the_fate_of_every_thread_is_counted(shop: Workshop) -> None:
    """Three joined, two detached, one created detached, four forgotten."""
    stats = shop.run(shop.build("thread_fates")).stats
    assert (stats.created, stats.joined, stats.detached, stats.unclaimed) == (10, 3, 3, 4)
    assert (stats.ended, stats.alive, stats.refused) == (10, 0, 0)


def test_ten_thousand_threads_work(shop: Workshop) -> None:
    """10,000 threads alive at once, as lab 03 starts them."""
    run = shop.run(shop.build("many_threads"))
    if run.status == 2:
        pytest.skip(f"this machine has no room for them: {run.output.strip()}")
    assert (run.status, run.stats.most_alive, run.stats.joined) == (0, 10_000, 10_000)


# -- descriptors -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "asan"])
def test_transfers_are_short_on_stream_sockets_only(shop: Workshop, kind: str) -> None:
    """4,000 bytes take many calls of each kind and arrive undamaged; pipes and datagrams are whole."""
    run = shop.run(shop.build("short_transfers", kind), short=50)
    assert run.status == 0, run.output
    ways = re.findall(r"(\d+) calls to send, (\d+) to receive", run.output)
    assert len(ways) == 5
    assert all(int(calls) >= 80 for way in ways for calls in way)
    assert run.stats.shortened >= 800


def test_transfers_are_whole_unasked(shop: Workshop) -> None:
    run = shop.run(shop.build("short_transfers"))
    assert (run.status, run.stats.shortened) == (0, 0)
    assert "way 0: 1 calls to send" in run.output


@pytest.mark.parametrize(
    "what, stale, double",
    [
        ("close-twice", 1, 1),
        ("use-closed", 2, 0),
        ("fclose-and-close", 1, 1),
        ("reuse", 0, 0),
    ],
)
def test_uses_of_closed_descriptors_are_counted(
    shop: Workshop, what: str, stale: int, double: int
) -> None:
    """Wrong uses of an accepted descriptor count; a number that is reused and then closed does not."""
    run = shop.run(shop.build("descriptors"), what)
    assert (run.stats.stale_uses, run.stats.double_closes) == (stale, double)
    assert run.stats.accepted == (10 if what == "reuse" else 1)


def test_a_file_that_is_not_the_shims_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stats").write_bytes(b"x" * 120)
    with pytest.raises(Trouble):
        shimstats.read(tmp_path / "stats")
    with pytest.raises(Trouble):
        shimstats.read(tmp_path / "nothing")


# -- the sources -----------------------------------------------------------------------------


@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=needs("clang"))])
def test_compilers_have_no_warning(compiler: str, tmp_path: Path) -> None:
    """Neither of the shim, nor of what is linked into programs."""
    sources = [*NATIVE.glob("perturb*.c"), *NATIVE.glob("trusted_*.c"), NATIVE / "canary.c"]
    compile_c(compiler, *WARNINGS, "-fsyntax-only", *map(str, sources))
    if compiler == "gcc":  # which has more to say where it optimizes
        shim = [str(path) for path in sorted(NATIVE.glob("perturb*.c"))]
        flags = ["-O1", "-g", "-fPIC", "-shared", "-pthread", "-fno-omit-frame-pointer"]
        compile_c("gcc", *WARNINGS, *flags, *shim, "-ldl", "-o", str(tmp_path / "perturb.so"))


# -- what a program can know -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "tsan", "asan"])
def test_nothing_tells_that_it_is_watched(kind: str, shop: Workshop) -> None:
    """The environment holds none of the harness's words, and descriptors have their usual numbers."""
    run = shop.run(shop.build("looks", kind), seed=1)
    told = [line for line in run.output.splitlines() if "_OPTIONS=" not in line]
    assert told == ["PATH=/usr/bin:/bin", "descriptor 3"]
    assert (run.status, run.stats.looks) == (0, 0)


TELLING = ["/log/tsan.2", "/native", "//shim/./x/../perturb.so"]
HARMLESS = ["/proc/self/fd", "/proc/self/maps", "/proc/meminfo", "log", "/login", "/"]


@pytest.mark.parametrize("path", TELLING)
def test_a_look_at_what_tells_is_counted(path: str, shop: Workshop) -> None:
    """Whatever way the path is written, and whatever call asks; the first path is kept."""
    run = shop.run(shop.build("looks"), path)
    assert run.stats.looks == 3
    assert run.stats.looked_at == path.replace("//shim/./x/..", "/shim")


def test_other_looks_are_not_counted(shop: Workshop) -> None:
    """A program may read what the kernel says of it and of the machine, and files of its own."""
    assert shop.run(shop.build("looks", "tsan"), *HARMLESS).stats.looks == 0
