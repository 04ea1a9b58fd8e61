"""Helgrind's XML is read whole or cut, and its verdicts are kept apart from its guesses."""

from __future__ import annotations

import pytest
from hypothesis import given

from labkit.causes import table as causes
from labkit.reports import helgrind
from labkit.reports.findings import Finding, is_verdict
from selftest import recorded
from selftest.recorded import english  # noqa: F401: a fixture

REPORT = "helgrind.xml"
FILES = ["echo_server.c"]

# program: the causes that fail it, the causes that are only hints
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "bad-unlock": ({"bad-unlock"}, set()),
    "bogus-lock": ({"bad-unlock", "destroyed-lock", "failed-call"}, set()),
    "destroy-locked": ({"destroyed-lock"}, set()),
    "foreign-unlock": ({"bad-unlock"}, {"missing-unlock"}),
    "heap-race": (set(), {"data-race"}),
    "lock-order": ({"lock-order"}, set()),
    "lone-signal": (set(), {"other"}),
    "missing-unlock": ({"missing-unlock"}, set()),
    "relock": ({"self-deadlock"}, set()),
    "self-deadlock": (set(), {"self-deadlock"}),
    "shared-argument": (set(), {"data-race"}),
    "unlocked-counter": (set(), {"data-race"}),
    "wait-unlocked": ({"wait-without-lock"}, set()),
}

STILL_HOLDS = """
<error><unique>0x0</unique><tid>2</tid><kind>Misc</kind>
<xwhat><text>Thread #{n}: Exiting thread still holds 1 lock</text><hthreadid>{n}</hthreadid></xwhat>
<stack><frame><fn>{innermost}</fn><obj>/usr/lib/libc.so.6</obj></frame>
<frame><obj>/lab/echo_server</obj><fn>serve_client</fn><file>echo_server.c</file><line>{line}</line></frame>
</stack></error>
"""


def findings(program: str) -> list[Finding]:
    return helgrind.parse(recorded.text(program, REPORT))


def failed_call(call: str, error: str) -> Finding:
    """What Helgrind says of a pthread call that returned an error."""
    text = recorded.text("bogus-lock", REPORT)
    return helgrind.parse(text.replace("pthread_join", call).replace("EDEADLK", error))[-1]


@pytest.mark.parametrize("program", EXPECTED)
def test_verdicts_are_told_from_hints(program: str) -> None:
    found = findings(program)
    verdicts = {finding.cause for finding in found if is_verdict(finding, FILES)}
    hints = {finding.cause for finding in found if finding.advisory}
    assert (verdicts, hints) == EXPECTED[program]
    assert verdicts | hints <= causes.told_at_length()


@pytest.mark.parametrize("program", recorded.programs(REPORT))
def test_the_lesson_is_as_approved(program: str) -> None:
    got = recorded.lesson(program, findings(program))
    assert got == recorded.golden(program, REPORT, got)


def test_a_thread_that_ends_with_a_lock_is_told_by_its_start() -> None:
    (finding,) = findings("missing-unlock")
    assert finding.accesses[0].role == "a thread started at echo_server.c:24"
    assert recorded.lines(finding) == [24]


def test_a_thread_ended_with_the_program_is_no_missing_unlock() -> None:
    (finding,) = helgrind.parse(STILL_HOLDS.format(n=2, innermost="recv", line=13))
    assert finding.advisory
    assert finding.cause == "missing-unlock"


def test_two_threads_that_wait_with_locks_held_are_a_deadlock() -> None:
    waiting = [STILL_HOLDS.format(n=n, innermost="pthread_mutex_lock", line=n) for n in (2, 3)]
    assert {finding.cause for finding in helgrind.parse("".join(waiting))} == {"deadlock"}


def test_what_lies_outside_the_students_files_is_no_verdict() -> None:
    text = recorded.text("lock-order", REPORT).replace("echo_server.c", "libevent.c")
    assert not any(is_verdict(finding, FILES) for finding in helgrind.parse(text))


@pytest.mark.parametrize(
    ("call", "error", "advisory"),
    [
        ("pthread_create", "EAGAIN", True),
        ("sem_wait", "EINTR", True),
        ("pthread_mutex_trylock", "EBUSY", True),
        ("pthread_mutex_destroy", "EBUSY", False),
        ("pthread_join", "EDEADLK", False),
    ],
)
def test_errors_that_correct_programs_meet_are_hints(call: str, error: str, advisory: bool) -> None:
    finding = failed_call(call, error)
    assert (finding.title, finding.advisory) == (f"{call} failed: {error}", advisory)


def test_the_open_xml_of_a_killed_program_is_read() -> None:
    text = recorded.text("relock", REPORT)
    assert "</valgrindoutput>" not in text
    assert [finding.cause for finding in helgrind.parse(text)] == ["self-deadlock"]
    assert helgrind.trouble(text) is None


def test_without_a_report_the_tool_is_at_fault() -> None:
    assert helgrind.trouble("")
    trouble = helgrind.trouble("<preamble>", "x\nvalgrind: the 'impossible' happened:\n")
    assert trouble and "impossible" in trouble.reason


def test_the_command_has_the_measured_options() -> None:
    words = helgrind.command("/log/h.xml", "/native/perturb.supp")
    assert words[:3] == ["valgrind", "-q", "--tool=helgrind"]
    assert {"--free-is-write=yes", "--history-level=none", "--xml-file=/log/h.xml"} <= set(words)
    assert words[-1] == "--suppressions=/native/perturb.supp"
    assert not any("suppressions" in word for word in helgrind.command("/log/h.xml"))


@recorded.QUICK
@given(recorded.cut_reports(REPORT))
def test_a_cut_report_is_read_as_far_as_it_goes(cut: str) -> None:
    complete = cut.count("</error>")
    assert sum(finding.count for finding in helgrind.parse(cut)) <= complete


@recorded.QUICK
@given(recorded.shuffled_reports(REPORT))
def test_garbage_is_survived(garbage: str) -> None:
    text = f"<error>{garbage}</error><announcethread>{garbage}</announcethread>"
    for finding in helgrind.parse(garbage) + helgrind.parse(text):
        recorded.lesson("bad-unlock", [finding])
    helgrind.trouble(garbage, garbage)
