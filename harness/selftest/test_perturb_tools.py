"""The shim and the trusted objects under ThreadSanitizer, AddressSanitizer and Helgrind: see harness/native/README.md."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from labkit.reports import helgrind
from workshop import (
    CLANG,
    LOCKS,
    NATIVE,
    SANITIZERS,
    SEEDS,
    TAUGHT,
    VALGRIND,
    WAYS,
    Workshop,
    line_of,
    needs,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("tools"))


# -- under ThreadSanitizer -------------------------------------------------------------------


@pytest.mark.parametrize("compiler", ["gcc", CLANG])
def test_a_race_keeps_the_students_line(shop: Workshop, compiler: str) -> None:
    """Also where the access is made by a call that the shim wraps."""
    run = shop.run(shop.build("racy", "tsan", compiler), seed=1)
    for variable in ("counter", "buffer"):
        reports = [race for race in run.races if f"global '{variable}'" in race]
        assert reports  # gcc 14 tells some races twice
        assert all(line_of("racy", f"RACE: {variable}") in report for report in reports)
    assert run.status == 66


@pytest.mark.parametrize(
    "way", ["pipe", "poll", "select", "epoll", "eventfd", "socketpair", "end-of-file"]
)
def test_hand_over_through_a_descriptor_is_no_race(shop: Workshop, way: str) -> None:
    run = shop.run(shop.build("handover", "tsan"), way, seed=1)
    assert (run.status, run.races) == (0, [])


def test_a_transfer_over_tcp_orders_nothing(shop: Workshop) -> None:
    """Else every race in a server would hide behind its sockets."""
    run = shop.run(shop.build("handover", "tsan"), "tcp")
    assert (run.status, len(run.races)) == (66, 1)


@pytest.mark.parametrize("compiler", ["gcc", CLANG])
@pytest.mark.parametrize("program", ["clean_sync", "c11"])
def test_correct_programs_have_no_report(shop: Workshop, program: str, compiler: str) -> None:
    """Mutexes, conditions, read-write locks, semaphores and C11 threads, five seeds."""
    binary = shop.build(program, "tsan", compiler)
    runs = [shop.run(binary, seed=seed, max_us=500) for seed in SEEDS]
    assert [(run.status, run.races) for run in runs] == [(0, [])] * len(runs)


@pytest.mark.parametrize("program, form", TAUGHT)
def test_what_tsan_does_not_know_is_taught(shop: Workshop, program: str, form: str) -> None:
    """A form of locking or of telling is no race, and the same program without it is one."""
    binary = shop.build(program, "tsan")
    run = shop.run(binary, form, seed=1, max_us=200)
    assert (run.status, run.races, run.output) == (0, [], "")
    racing = shop.run(binary, form, "race", seed=1, max_us=200)
    variable = "counter" if program == "taught_locks" else "payload"
    assert racing.status == 66
    assert all(f"global '{variable}'" in race for race in racing.races)


def test_what_goes_out_of_the_process_orders_nothing(shop: Workshop) -> None:
    """Else a line on stdout, a pipe, would come before all that a thread sees ready by epoll."""
    run = shop.run(shop.build("goes_out", "tsan"), seed=1)
    assert (run.status, len(run.races)) == (66, 1)


@pytest.mark.parametrize("program, form", TAUGHT)
def test_what_is_taught_works_alone(shop: Workshop, program: str, form: str) -> None:
    """Without a tool the shim changes nothing in it."""
    run = shop.run(shop.build(program), form, seed=1, max_us=200)
    assert (run.status, run.output) == (0, "")


@pytest.mark.parametrize("kind", ["plain", "tsan"])
def test_threads_may_have_stacks_of_the_programs_own(shop: Workshop, kind: str) -> None:
    """TSan refuses small ones; then they are dropped, and nothing else changes: half is detached."""
    run = shop.run(shop.build("own_stacks", kind), seed=1)
    assert (run.status, run.output, run.races) == (0, "20\n", [])
    assert (run.stats.created, run.stats.joined, run.stats.detached) == (20, 10, 10)


def test_a_race_of_c11_threads_is_found(shop: Workshop) -> None:
    run = shop.run(shop.build("c11", "tsan"), "race")
    assert run.races
    assert all(line_of("c11", "RACE: counter") in race for race in run.races)


@pytest.mark.parametrize("compiler", ["gcc", CLANG])
def test_the_canary_is_in_every_log(shop: Workshop, compiler: str) -> None:
    """Also where main returns at once; and the program keeps its own exit status and thread counts."""
    program = shop.build("quiet", "tsan", compiler)
    for _ in range(5):
        run = shop.run(program, max_threads=1)
        assert "lab_canary_variable" in run.log
        assert (run.status, run.races, run.stats.created) == (3, [], 0)


@pytest.mark.parametrize(
    "kind, definition",
    [
        ("tsan", 'const char *__tsan_default_options(void) { return "report_bugs=0"; }'),
        ("tsan", 'const char *__tsan_default_suppressions(void) { return "race:*"; }'),
        ("tsan", "void __tsan_on_report(void *report) { (void)report; }"),
        ("tsan", "int _ZN6__tsan8OnReportEPKNS_10ReportDescEb(void *r) { return r != 0; }"),
        ("tsan", "int _ZN6__tsan10OnFinalizeEb(int failed) { return !failed; }"),
        ("tsan", "int lab_canary_variable;"),
        ("asan", 'const char *__asan_default_options(void) { return "detect_leaks=0"; }'),
        ("asan", 'const char *__ubsan_default_options(void) { return "suppressions=x"; }'),
        ("asan", "int __lsan_is_turned_off(void) { return 1; }"),
    ],
)
def test_a_students_own_hook_is_a_link_error(
    shop: Workshop, tmp_path: Path, kind: str, definition: str
) -> None:
    source = tmp_path / "hook.c"
    source.write_text(f"{definition}\nint main(void) {{ return 0; }}\n")
    done = subprocess.run(
        ["gcc", *SANITIZERS[kind], str(source), *shop.trusted(kind), "-o", str(tmp_path / "hook")],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "multiple definition" in done.stderr


MAIN_ENDS = {
    "alone": "",
    "after": "",
    "before": "the last\n",
    "detached": "the last\n",
    "joined": "main wrote 1\n",
}
HELGRIND = (
    *"valgrind -q --tool=helgrind --fair-sched=try --free-is-write=yes --history-level=none".split(),
    f"--suppressions={NATIVE}/perturb.supp",
)


@pytest.mark.parametrize("how", MAIN_ENDS)
@pytest.mark.parametrize(
    "kind", ["plain", "tsan", "asan", pytest.param("helgrind", marks=VALGRIND)]
)
def test_a_process_ends_with_its_last_thread(shop: Workshop, kind: str, how: str) -> None:
    """Whoever that is, under whatever tool; and main may be joined and detached like any other."""
    program = shop.build("main_ends", "plain" if kind == "helgrind" else kind)
    run = shop.run(program, how, tool=HELGRIND if kind == "helgrind" else (), seed=1)
    # Helgrind, which does not know of this join, may see races: hints, no verdicts.
    lines = [line for line in run.output.splitlines(True) if not line.startswith("==")]
    assert (run.status, "".join(lines), run.races) == (0, MAIN_ENDS[how], [])
    # What becomes of main is not counted with the threads that it has started.
    assert (run.stats.unclaimed, run.stats.alive) == (0, 0)


def test_the_end_of_main_orders_only_who_joins_it(shop: Workshop) -> None:
    run = shop.run(shop.build("main_ends", "tsan"), "unordered", seed=1)
    assert (run.status, len(run.races)) == (66, 1)
    assert line_of("main_ends", "RACE") in run.races[0]


CLOSING = ("closefrom", "close_range", "syscall", "each", "open", "listed")


@pytest.mark.parametrize("how", CLOSING)
@pytest.mark.parametrize("kind", ["plain", "tsan"])
def test_the_log_survives_who_closes_everything(shop: Workshop, kind: str, how: str) -> None:
    """The program sees no descriptor after that, and its race is in the log all the same."""
    run = shop.run(shop.build("closes_all", kind), how, seed=1)
    assert run.output == "0 open\n"
    assert (run.status, len(run.races)) == ((66, 1) if kind == "tsan" else (0, 0))
    if run.races:
        assert line_of("closes_all", "RACE") in run.races[0]


def test_numbers_that_are_not_open_are_closed_without_delay(shop: Workshop) -> None:
    """A thousand of them, each delayed, would look like a server that does not start."""
    run = shop.run(shop.build("closes_all"), "each", seed=1, percent=100)
    assert (run.status, run.output) == (0, "0 open\n") and run.stats.delays < 100


@pytest.mark.parametrize("how", CLOSING)
@pytest.mark.parametrize("compiler", [CLANG])
def test_clangs_log_survives(shop: Workshop, compiler: str, how: str) -> None:
    """Its pipes to llvm-symbolizer may not: then the report has no lines."""
    run = shop.run(shop.build("closes_all", "tsan", compiler), how, seed=1)
    assert (run.status, len(run.races)) == (66, 1)


def test_a_log_makes_way(shop: Workshop, tmp_path: Path) -> None:
    """A file that the program puts under the log's number gets none of the log's words."""
    run = shop.run(shop.build("closes_all", "tsan"), "replaced", str(tmp_path / "file"), seed=1)
    assert (run.status, len(run.races)) == (66, 1)
    assert (tmp_path / "file").read_bytes() == b""


# -- under AddressSanitizer ------------------------------------------------------------------


@pytest.mark.parametrize("error", ["use-after-free", "overflow", "leak"])
@pytest.mark.parametrize("compiler", ["gcc", CLANG])
def test_errors_are_in_the_log(shop: Workshop, compiler: str, error: str) -> None:
    """Those of memory, of undefined behaviour and of leaks, and each ends with status 67."""
    run = shop.run(shop.build("memory", "asan", compiler), error, seed=1)
    assert run.status == 67
    assert line_of("memory", f"ERROR: {error}") in run.log


@pytest.mark.parametrize("program", ["memory", "clean_sync", "c11"])
def test_correct_programs_are_clean(shop: Workshop, program: str) -> None:
    run = shop.run(shop.build(program, "asan"), seed=1)
    assert (run.status, run.log) == (0, "")


# -- under Helgrind --------------------------------------------------------------------------


@needs("valgrind")
def test_helgrind_says_nothing_of_the_shim(shop: Workshop) -> None:
    """With perturb.supp, a correct program has no report."""
    run = shop.run(shop.build("clean_sync"), tool=HELGRIND, seed=1, max_us=500)
    assert (run.status, run.output) == (0, "")
    assert run.stats.delays > 0


# Of the ways to tell only these have to do with what Helgrind gives verdicts on: races are hints.
@needs("valgrind")
@pytest.mark.parametrize(
    "program, form",
    [
        *(("taught_locks", form) for form in LOCKS),
        *(("taught_ways", way) for way in WAYS if re.search("barrier|cond|cancel|join", way)),
    ],
)
def test_what_helgrind_does_not_know_is_taught(
    shop: Workshop, tmp_path: Path, program: str, form: str
) -> None:
    """No form of locking is an error."""
    command = helgrind.command(tmp_path / "helgrind.xml", NATIVE / "perturb.supp")
    run = shop.run(shop.build(program), form, tool=tuple(command), seed=1, max_us=200)
    found = helgrind.parse((tmp_path / "helgrind.xml").read_text())
    assert run.status == 0
    assert [finding.text for finding in found if not finding.advisory] == []
