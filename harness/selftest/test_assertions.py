"""An assertion that fails inside a tool is read as what it says of the program, or is the tool's trouble."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.causes import table as causes
from labkit.reports import asan, helgrind, tsan
from labkit.reports.findings import Finding, is_verdict
from selftest import recorded
from selftest.recorded import english  # noqa: F401: a fixture

FILES = ["echo_server.c"]
READERS = {"tsan": tsan, "asan": asan}
LINES = {"joined-twice": 15, "joined-detached": 20, "empty-barrier": 22}
RECORDED = sorted(
    (path.parent.name, path.name) for path in recorded.REPORTS.glob("*/assertion-*san-*.txt")
)
VALGRINDS = sorted(path.stem for path in recorded.REPORTS.glob("empty-barrier/assertion-*.xml"))

# A thread that holds more locks than the deadlock detector has room for: a limit of the tool's own.
TOO_MANY_LOCKS = """\
ThreadSanitizer: CHECK failed: sanitizer_deadlock_detector.h:67 "((n_all_locks_)) < ((all_locks_.size()))" (0x40, 0x40)
    #0 __tsan::CheckUnwind() <null> (libtsan.so.2+0x9f0b7)
    #1 pthread_mutex_lock <null> (libtsan.so.2+0x54b04)
    #2 serve_client /lab/echo_server.c:9 (echo_server+0x1203)
"""
NOT_CALLED = """\
ThreadSanitizer: CHECK failed: tsan_rtl_thread.cpp:307 "((tid)) < ((kMaxTid))" (0xffffffff, 0x1fc0) (tid=2)
    #0 __tsan::CheckUnwind() <null> (libtsan.so.2+0x9f0b7)
    #1 pthread_create <null> (libtsan.so.2+0x54b04)
    #2 serve_client /lab/echo_server.c:9 (echo_server+0x1203)
"""
SHIM = "    #4 pthread_join /harness/native/perturb_threads.c:270 (perturb.so+0x1203)\n    #4 "


def test_there_are_recordings_of_several_versions() -> None:
    assert {name for _program, name in RECORDED} >= {
        "assertion-tsan-gcc-14.txt",
        "assertion-asan-gcc-14.txt",
        "assertion-tsan-clang-14.txt",
        "assertion-asan-clang-19.txt",
    }
    assert len(VALGRINDS) >= 2


@pytest.mark.parametrize("program, name", RECORDED)
def test_a_thread_joined_twice_is_the_programs_fault(program: str, name: str) -> None:
    """At its line, where the tool shows a stack; clang's ASan says it without one."""
    text = recorded.text(program, name)
    reader = READERS[name.split("-")[1]]
    assert reader.trouble(text) is None
    (finding,) = reader.parse(text)
    assert (finding.cause, is_verdict(finding, FILES)) == ("joined-twice", True)
    assert finding.cause in causes.told_at_length()
    assert recorded.lines(finding) == ([LINES[program]] if "#0" in text else [])
    assert recorded.lesson(program, [finding])


def test_the_shims_frame_is_not_the_programs() -> None:
    text = recorded.text("joined-twice", "assertion-tsan-gcc-14.txt").replace("    #4 ", SHIM, 1)
    (finding,) = tsan.parse(text)
    assert (finding.cause, recorded.lines(finding)) == ("joined-twice", [15])


def test_other_reports_of_the_log_are_kept() -> None:
    text = recorded.text("unlocked-counter", "tsan-gcc.txt")
    text += recorded.text("joined-twice", "assertion-tsan-gcc-14.txt")
    assert [finding.cause for finding in tsan.parse(text)] == ["data-race", "joined-twice"]


@pytest.mark.parametrize("text", [TOO_MANY_LOCKS, NOT_CALLED])
def test_what_the_tool_lacks_is_its_trouble(text: str) -> None:
    """Though a pthread function, called in the program's own line, stands on the stack."""
    assert tsan.trouble(text) and tsan.parse(text) == []


def test_an_assertion_in_no_line_of_the_programs_is_no_verdict() -> None:
    text = recorded.text("joined-twice", "assertion-tsan-gcc-14.txt")
    foreign = text.replace("/lab/echo_server.c", "/usr/src/other.c")
    assert not any(is_verdict(finding, FILES) for finding in tsan.parse(foreign))


def barrier(version: str) -> tuple[str, str]:
    """Helgrind's XML and its messages."""
    return recorded.text("empty-barrier", f"{version}.xml"), recorded.text(
        "empty-barrier", f"{version}.log"
    )


@pytest.mark.parametrize("version", VALGRINDS)
def test_helgrinds_assertion_is_told_at_the_line_of_the_call(version: str) -> None:
    text, messages = barrier(version)
    assert helgrind.trouble(text, messages) is None
    found = [finding for finding in helgrind.parse(text, messages) if is_verdict(finding, FILES)]
    assert ("destroyed-lock", [LINES["empty-barrier"]]) in [
        (finding.cause, recorded.lines(finding)) for finding in found
    ]


@pytest.mark.parametrize("version", VALGRINDS)
def test_helgrinds_other_assertions_are_its_trouble(version: str) -> None:
    text, messages = barrier(version)
    for other in (
        messages.replace("hg_main.c", "libhb_core.c"),
        messages.replace("running_tid=1", "running_tid=7"),
    ):
        assert helgrind.trouble(text, other)
        assert all("invalid barrier" not in f.title for f in helgrind.parse(text, other))


def failed(call: str, error: str) -> Finding:
    """What Helgrind says of a pthread call that returned an error."""
    text = recorded.text("bogus-lock", "helgrind.xml")
    return helgrind.parse(text.replace("pthread_join", call).replace("EDEADLK", error))[-1]


@pytest.mark.parametrize("call", ["pthread_join", "pthread_detach", "pthread_timedjoin_np"])
def test_a_join_that_finds_no_thread_is_named_alike(call: str) -> None:
    """By versions that have no assertion there: the call itself fails."""
    assert failed(call, "ESRCH").cause == "joined-twice"
    assert failed(call, "EINVAL").cause == "joined-twice"
    assert failed(call, "EDEADLK").cause == failed("pthread_cancel", "ESRCH").cause == "failed-call"


@recorded.QUICK
@given(st.sampled_from(RECORDED), st.integers(0, 2000))
def test_a_cut_log_is_survived(which: tuple[str, str], end: int) -> None:
    text = recorded.text(*which)[:end]
    for reader in READERS.values():
        reader.trouble(text)
        for finding in reader.parse(text):
            assert set(recorded.lines(finding)) <= set(LINES.values()) | {None}


def test_the_programs_are_the_recorded_ones() -> None:
    """A line that moves makes the recordings wrong."""
    for program, line in LINES.items():
        source = Path(recorded.REPORTS / program / "echo_server.c").read_text().splitlines()
        assert "pthread_join(" in source[line - 1] or "barrier_wait(" in source[line - 1]
