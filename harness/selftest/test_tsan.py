"""ThreadSanitizer's reports are read as what they say, and told as a lesson."""

from __future__ import annotations

import pytest
from hypothesis import given

from labkit.causes import table as causes
from labkit.reports import tsan
from labkit.reports.findings import Finding, is_verdict, refine, student_frames
from selftest import recorded
from selftest.recorded import english  # noqa: F401: a fixture

BOTH = ("tsan-gcc.txt", "tsan-clang.txt")
FILES = ["echo_server.c"]

# program: kind, cause once refined, variable, whether only a hint, the lines in any order
EXPECTED = {
    "bad-unlock": ("bad-unlock", "bad-unlock", "lock", False, {12}),
    "canary": ("race", "data-race", tsan.CANARY_VARIABLE, False, {28, 30}),
    "destroy-locked": ("destroyed-lock", "destroyed-lock", None, False, {13, 14}),
    "destroy-race": ("race", "destroyed-lock", "lock", False, {11, 25}),
    "destroyed-lock": ("destroyed-lock", "destroyed-lock", "lock", False, {11}),
    "free-race": ("race", "use-after-free", None, False, {16, 31}),
    "lock-order": ("lock-order", "lock-order", None, False, {17, 18, 37, 38}),
    "named-threads": ("race", "data-race", "name", False, {12}),
    "null-pointer": ("crash", "bad-pointer", None, False, {15}),
    "read-lock": ("race", "data-race", "table", False, {18, 31}),
    "shared-argument": ("race", "shared-argument", "connfd", False, {9, 31}),
    "shared-descriptor": ("race", "descriptor-race", None, True, {14, 31}),
    "signal-errno": ("signal-unsafe", "errno-in-handler", None, False, {9}),
    "signal-unsafe": ("signal-unsafe", "signal-unsafe", None, False, {12}),
    "thread-leak": ("thread-leak", "thread-leak", None, False, {18}),
    "thread-local": ("race", "data-race", None, False, {17, 30}),
    "two-locks": ("race", "data-race", "bytes", False, {14, 26}),
    "unlocked-counter": ("race", "data-race", "clients", False, {14, 17}),
    "use-after-free": ("use-after-free", "use-after-free", None, False, {18, 34}),
}


def findings(program: str, report: str = BOTH[0]) -> list[Finding]:
    return tsan.parse(recorded.text(program, report))


@pytest.mark.parametrize("report", BOTH)
@pytest.mark.parametrize("program", EXPECTED)
def test_each_report_is_read_for_what_it_is(program: str, report: str) -> None:
    first = refine(findings(program, report)[0], recorded.REPORTS / program)
    seen = (first.kind, first.cause, first.variable, first.advisory, set(recorded.lines(first)))
    assert seen == EXPECTED[program]
    assert first.tool == "tsan" and first.text


@pytest.mark.parametrize("program", recorded.programs(BOTH[0]))
def test_the_lesson_is_as_approved(program: str) -> None:
    got = recorded.lesson(program, findings(program))
    assert got == recorded.golden(program, BOTH[0], got)


@pytest.mark.parametrize("program", recorded.programs(BOTH[0]))
def test_a_report_is_no_trouble_and_has_a_known_cause(program: str) -> None:
    for report in BOTH:
        assert tsan.trouble(recorded.text(program, report)) is None
        assert {
            finding.cause for finding in findings(program, report)
        } <= causes.told_at_length() - {"other"}


def test_the_lock_that_one_side_lacks_is_named() -> None:
    (finding,) = findings("unlocked-counter")
    assert finding.missing_lock == "M0"
    assert refine(finding, recorded.REPORTS / "unlocked-counter").missing_lock == "lock"


def test_refining_twice_changes_nothing_more() -> None:
    directory = recorded.REPORTS / "lock-order"
    once = refine(findings("lock-order")[0], directory)
    assert refine(once, directory) == once


def test_threads_are_told_by_their_role() -> None:
    (finding,) = findings("unlocked-counter")
    assert [access.role for access in finding.accesses] == [
        "a thread started at echo_server.c:27 (serve_client)",
        "another thread started at echo_server.c:27 (serve_client)",
    ]


def test_readers_locks_are_told_from_writers() -> None:
    (finding,) = findings("read-lock")
    assert [access.shared_locks for access in finding.accesses] == [("M0",), ("M0",)]
    assert finding.missing_lock is None


def test_similar_leaks_are_counted() -> None:
    assert [finding.count for finding in findings("thread-leak")] == [5]


def test_the_same_pair_of_lines_is_one_finding() -> None:
    twice = recorded.text("unlocked-counter", BOTH[0]) * 2
    assert [finding.count for finding in tsan.parse(twice)] == [2]


def test_a_finding_needs_a_frame_of_the_students() -> None:
    (finding,) = findings("named-threads")
    assert [frame.line for frame in student_frames(finding, FILES)] == [12, 12]
    assert is_verdict(finding, FILES)
    assert not is_verdict(finding, ["other.c"])


def test_a_hint_is_no_verdict() -> None:
    assert not any(is_verdict(finding, FILES) for finding in findings("shared-descriptor"))


def test_the_planted_race_is_known_by_variable_and_file() -> None:
    assert [tsan.is_canary(finding) for finding in findings("canary")] == [True]
    imitated = recorded.text("canary", BOTH[0]).replace("canary.c", "echo_server.c")
    assert not any(map(tsan.is_canary, tsan.parse(imitated)))
    assert not any(map(tsan.is_canary, findings("unlocked-counter")))


def test_code_preloaded_by_the_harness_is_not_the_students() -> None:
    shim = "    #0 close perturb.c:9 (perturb.so+0x1)\n    #0 main"
    text = recorded.text("shared-argument", BOTH[0]).replace("    #0 main", shim)
    assert recorded.lines(tsan.parse(text)[0]) == [31, 9]


def test_a_source_is_read_from_the_given_directory_only() -> None:
    text = recorded.text("unlocked-counter", BOTH[0]).replace("/lab/", "/lab/../../etc/")
    got = recorded.lesson("unlocked-counter", tsan.parse(text))
    assert got == recorded.lesson("unlocked-counter", findings("unlocked-counter"))


def test_a_directory_with_spaces_and_colons_is_a_directory() -> None:
    text = recorded.text("unlocked-counter", BOTH[0]).replace("/lab/", "/my lab: (1)/")
    assert recorded.lines(tsan.parse(text)[0]) == [17, 14]


@pytest.mark.parametrize(
    "words",
    [
        "FATAL: ThreadSanitizer: unexpected memory mapping 0x2b7725468000-0x2b7725469000",
        'ThreadSanitizer: CHECK failed: sanitizer_allocator_primary64.h:131 "((kSpaceBeg))" (tid=7427)',
        "==12==ERROR: ThreadSanitizer failed to allocate 0x4000 (16384) bytes of stack (error code: 12)",
        "==12==ERROR: ThreadSanitizer: out of memory: allocator is trying to allocate 0x1000 bytes",
        "ThreadSanitizer: Thread limit (8192 threads) exceeded. Dying.",
    ],
)
def test_a_tool_that_fails_is_trouble_and_no_finding(words: str) -> None:
    trouble = tsan.trouble(f"something\n{words}\n")
    assert trouble and trouble.reason == words
    assert tsan.parse(f"{words}\n") == []


@recorded.QUICK
@given(recorded.cut_reports(BOTH[0]))
def test_a_cut_report_names_no_line_that_the_whole_does_not(cut: str) -> None:
    whole = {line for lines in EXPECTED.values() for line in lines[4]} | {11, 12, 29, 30, 44, 45}
    assert {line for finding in tsan.parse(cut) for line in recorded.lines(finding)} <= whole | {
        None
    }


def test_a_report_cut_after_its_first_stack_is_kept() -> None:
    whole = recorded.text("unlocked-counter", BOTH[0])
    (finding,) = tsan.parse(whole[: whole.index("  Previous")])
    assert recorded.lines(finding) == [17]
    assert recorded.lesson("unlocked-counter", [finding])


@recorded.QUICK
@given(recorded.shuffled_reports(BOTH[1]))
def test_garbage_is_survived(garbage: str) -> None:
    for finding in tsan.parse(garbage):
        recorded.lesson("unlocked-counter", [finding])
    tsan.trouble(garbage)
