"""The perturbation shim and the trusted objects do what harness/native/README.md says.

Each test runs one of native_programs/ with the shim preloaded: plain, under ThreadSanitizer, AddressSanitizer
or Helgrind.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit import helgrind, shimstats
from labkit.faults import Trouble
from labkit.shimstats import ShimStats

PROGRAMS = Path(__file__).with_name("native_programs")
NATIVE = Path(__file__).parents[1] / "native"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")
SECONDS = 60  # a deadline for one run; none is near it
SEEDS = range(1, 6)
SANITIZERS = {
    "tsan": ("-fsanitize=thread",),
    "asan": ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
}
TRUSTED = {"tsan": "trusted_tsan.c", "asan": "trusted_asan.c"}


@dataclass(frozen=True)
class Run:
    """A run that has ended. log: what a sanitizer wrote. counters: where the shim counts."""

    status: int
    output: str
    log: str
    counters: Path

    @property
    def stats(self) -> ShimStats:
        return shimstats.read(self.counters)

    @property
    def races(self) -> list[str]:
        """TSan's reports but for the canary's."""
        reports = re.findall(r"WARNING: ThreadSanitizer.*?^SUMMARY[^\n]*", self.log, re.S | re.M)
        return [report for report in reports if "lab_canary_variable" not in report]


class Workshop:
    """Builds programs, each once, and runs them with the shim."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shim = directory / "perturb.so"
        parts = [str(path) for path in sorted(NATIVE.glob("perturb*.c"))]
        shared = ["-O1", "-g", "-fPIC", "-shared", "-pthread", "-fno-omit-frame-pointer"]
        compile_c("gcc", *WARNINGS, *shared, "-o", str(self.shim), *parts, "-ldl")
        self._runs = 0

    def build(self, name: str, kind: str = "plain", compiler: str = "gcc") -> Path:
        """One of native_programs/, by kind: plain, tsan or asan."""
        program = self.directory / f"{name}-{kind}-{compiler}"
        if program.exists():
            return program
        flags = ["-O1", "-g", "-pthread", "-D_GNU_SOURCE"]
        objects = []
        if kind != "plain":
            flags += SANITIZERS[kind]
            objects = self.trusted(kind, compiler)
        if kind == "tsan" and compiler == "gcc":
            # It warns that TSan takes no fence for anything; trusted_fences.c makes up for that.
            flags.append("-Wno-tsan")
        source = PROGRAMS / f"{name}.c"
        if kind == "tsan" and "atomic_thread_fence" in source.read_text():
            objects.append(str(NATIVE / "trusted_fences.c"))
        compile_c(compiler, *WARNINGS, *flags, str(source), *objects, "-o", str(program))
        return program

    def trusted(self, kind: str, compiler: str = "gcc") -> list[str]:
        """The objects that are linked into a sanitizer build, compiled as the harness does."""
        names: dict[str, tuple[str, ...]] = {TRUSTED[kind]: ()}
        if kind == "tsan":
            names["canary.c"] = SANITIZERS[kind]
        objects = []
        for name, flags in names.items():
            made = self.directory / f"{name}-{compiler}.o"
            if not made.exists():
                source = str(NATIVE / name)
                compile_c(compiler, *WARNINGS, "-O1", "-g", *flags, "-c", source, "-o", str(made))
            objects.append(str(made))
        return objects

    def run(
        self, program: Path, *arguments: str, tool: tuple[str, ...] = (), **perturb: int
    ) -> Run:
        """Run to the end. perturb: the shim's variables without their prefix, `seed=1`."""
        self._runs += 1
        home = self.directory / f"run-{self._runs}"
        home.mkdir()
        log = f"log_path={home}/log"
        environment = {
            "PATH": "/usr/bin:/bin",
            "LD_PRELOAD": str(self.shim),
            "PERTURB_STATS": str(home / "stats"),
            "PERTURB_HIDE": program.name,
            "TSAN_OPTIONS": log,
            "ASAN_OPTIONS": log,
            "UBSAN_OPTIONS": log,
            **{f"PERTURB_{name.upper()}": str(value) for name, value in perturb.items()},
        }
        done = subprocess.run(
            ["setarch", "-R", *tool, str(program), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        words = "".join(path.read_text() for path in sorted(home.glob("log.*")))
        return Run(done.returncode, done.stdout + done.stderr, words, home / "stats")


def compile_c(compiler: str, *arguments: str) -> None:
    done = subprocess.run([compiler, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def line_of(program: str, mark: str) -> str:
    """`file.c:N` of the line that carries a mark in its comment."""
    for number, line in enumerate((PROGRAMS / f"{program}.c").read_text().splitlines(), 1):
        if mark in line:
            return f"{program}.c:{number}"
    raise AssertionError(f"{program}.c has no line with {mark}")


def forms_of(program: str) -> list[str]:
    """The words that a program of many forms takes for its first argument, in the order of its table."""
    return re.findall(r'^    \{"([\w-]+)", ', (PROGRAMS / f"{program}.c").read_text(), re.M)


LOCKS, WAYS = forms_of("taught_locks"), forms_of("taught_ways")
TAUGHT = [("taught_locks", form) for form in LOCKS] + [("taught_ways", way) for way in WAYS]


def needs(command: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(command), reason=f"{command} is not installed")


def sanitizes(compiler: str) -> bool:
    """Whether a compiler is there with the runtime of its sanitizers, which Debian packs apart from clang."""
    command = [compiler, "-fsanitize=thread", "-x", "c", "-", "-o", "/dev/null"]
    try:
        done = subprocess.run(command, input=b"int main(void) { return 0; }", capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


CLANG = pytest.param(
    "clang",
    marks=pytest.mark.skipif(
        not sanitizes("clang"), reason="clang or its sanitizers' runtime is not installed"
    ),
)


VALGRIND = needs("valgrind")


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
    """Any thread may be the last, under any tool; and main may be joined and detached like any other."""
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


# -- the sources -----------------------------------------------------------------------------


@needs("clang")
def test_clang_has_no_warning(shop: Workshop) -> None:
    """The shim is built with gcc -Werror; another compiler sees other things."""
    sources = [*NATIVE.glob("perturb*.c"), *NATIVE.glob("trusted_*.c"), NATIVE / "canary.c"]
    compile_c("clang", *WARNINGS, "-fsyntax-only", *map(str, sources))


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
