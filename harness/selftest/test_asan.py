"""AddressSanitizer's, LeakSanitizer's and UndefinedBehaviorSanitizer's reports are read and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from labkit.causes import table as causes
from labkit.ground.stacks import Frame, own
from labkit.reports import asan
from labkit.reports.findings import Finding, is_verdict, refine
from selftest import recorded
from selftest.recorded import english  # noqa: F401: a fixture

BOTH = ("asan-gcc.txt", "asan-clang.txt")
FILES = ["echo_server.c"]

# program: the cause of its last finding, the variable, the lines
EXPECTED = {
    "bad-arguments": ("bad-arguments", None, [11]),
    "bad-free": ("bad-free", "name", [11]),
    "buffer-overflow": ("buffer-overflow", None, [16]),
    "double-free": ("double-free", None, [12, 23]),
    "global-overflow": ("buffer-overflow", "clients", [11]),
    "memory-leak": ("memory-leak", None, [13]),
    "null-pointer": ("bad-pointer", None, [15]),
    "stack-buffer": ("buffer-overflow", "line", [13]),
    "stack-use-after-return": ("use-after-return", "connfd", [12]),
    "stack-use-after-scope": ("use-after-return", "connfd", [14]),
    "undefined-behaviour": ("undefined-behaviour", None, [10]),
    "use-after-free": ("use-after-free", None, [34, 18]),
    "zero-bytes": ("bad-pointer", None, [42]),
}


def findings(program: str, report: str = BOTH[0]) -> list[Finding]:
    return asan.parse(recorded.text(program, report))


@pytest.mark.parametrize("report", BOTH)
@pytest.mark.parametrize("program", EXPECTED)
def test_each_report_is_read_for_what_it_is(program: str, report: str) -> None:
    last = findings(program, report)[-1]
    assert (last.cause, last.variable, recorded.lines(last)) == EXPECTED[program]
    assert is_verdict(last, FILES)


@pytest.mark.parametrize("report", BOTH)
def test_zero_bytes_at_a_null_pointer_are_shown_and_no_verdict(report: str) -> None:
    """As function, through a macro, over two lines; with a byte to read, the access itself is the error."""
    directory = recorded.REPORTS / "zero-bytes"
    refined = [refine(finding, directory) for finding in findings("zero-bytes", report)]
    hints = [finding for finding in refined if not is_verdict(finding, FILES)]
    assert [recorded.lines(hint) for hint in hints] == [[21], [38], [40], [41], [42]]
    assert {hint.cause for hint in hints} == {"zero-bytes"}
    assert [finding.kind for finding in refined if finding not in hints] == ["crash"]


@pytest.mark.parametrize("line", ["open(name, O_RDONLY)", "unlink(name)", "strlen(name)"])
def test_a_null_pointer_for_a_whole_string_is_an_error(line: str, tmp_path: Path) -> None:
    """What takes no length has no case in which a null pointer is harmless."""
    (tmp_path / "echo_server.c").write_text(f"int n =\n\t{line};\n", encoding="ascii")
    (finding,) = asan.parse(
        "echo_server.c:2:8: runtime error: null pointer passed as argument 1, which is declared to"
        " never be null\n    #0 0x55d1 in main /lab/echo_server.c:2\n"
    )
    refined = refine(finding, tmp_path)
    assert (refined.cause, is_verdict(refined, FILES)) == ("bad-pointer", True)


def test_nothing_added_to_a_null_pointer_is_no_verdict() -> None:
    """clang's word for NULL + 0, which C2y defines; anything else added is an error."""
    words = "echo_server.c:2:8: runtime error: applying {} offset to null pointer\n"
    zero, more = (asan.parse(words.format(offset))[0] for offset in ("zero", "non-zero"))
    assert (zero.cause, is_verdict(zero, FILES)) == ("zero-bytes", False)
    assert (more.cause, is_verdict(more, FILES)) == ("bad-pointer", True)


@pytest.mark.parametrize("program", recorded.programs(BOTH[0]))
def test_the_lesson_is_as_approved(program: str) -> None:
    got = recorded.lesson(program, findings(program))
    assert got == recorded.golden(program, BOTH[0], got)


@pytest.mark.parametrize("report", BOTH)
def test_reports_are_no_trouble_and_have_known_causes(report: str) -> None:
    for program in recorded.programs(report):
        assert asan.trouble(recorded.text(program, report)) is None
        assert {
            finding.cause for finding in findings(program, report)
        } <= causes.told_at_length() - {"other"}


def test_only_clang_sees_an_overlapping_memcpy_here() -> None:
    (finding,) = findings("overlap", BOTH[1])
    assert (finding.title, finding.cause) == (
        "memcpy-param-overlap: the variable 'buffer'",
        "bad-arguments",
    )


def test_endless_recursion_is_a_full_stack() -> None:
    for report in BOTH:
        assert [finding.cause for finding in findings("endless-recursion", report)] == [
            "stack-overflow"
        ]


def test_what_hangs_on_a_leak_is_counted_with_it() -> None:
    (finding,) = findings("memory-leak")
    assert finding.title == "memory leak of 48 bytes, and 300 more that only it led to"
    assert finding.count == 3


def test_the_block_is_told_by_its_allocation() -> None:
    (finding,) = findings("use-after-free")
    assert finding.subject == "the block of 8 bytes allocated at echo_server.c:25 (main)"
    assert finding.accesses[1].role == "a thread started at echo_server.c:32 (serve_client)"


def test_a_line_of_ubsan_needs_no_stack() -> None:
    (finding,) = asan.parse("my file.c:12:3: runtime error: division by zero\n")
    assert (finding.tool, finding.title) == ("ubsan", "undefined behaviour: division by zero")
    assert recorded.lines(finding) == [12]


def test_the_same_line_of_ubsan_is_one_finding() -> None:
    twice = "a.c:12:3: runtime error: shift exponent 40 is too large\n" * 2
    assert [finding.count for finding in asan.parse(twice)] == [2]


@pytest.mark.parametrize(
    "words",
    [
        "==7==LeakSanitizer has encountered a fatal error.",
        "==7==ASan runtime does not come first in initial library list",
        "==7==Shadow memory range interleaves with an existing memory mapping.",
        "==7==ERROR: AddressSanitizer failed to allocate 0x1000 (4096) bytes of thread (error code: 12)",
        "==7==ERROR: AddressSanitizer: out of memory: allocator is trying to allocate 0x1000 bytes",
        "AddressSanitizer: CHECK failed: asan_thread.cpp:367 (tid=7)",
    ],
)
def test_a_tool_that_fails_is_trouble_and_no_finding(words: str) -> None:
    trouble = asan.trouble(f"{words}\n")
    assert trouble and trouble.reason == words
    assert asan.parse(f"{words}\n") == []


@recorded.QUICK
@given(recorded.cut_reports(BOTH[0]))
def test_a_cut_report_is_survived(cut: str) -> None:
    for finding in asan.parse(cut):
        assert set(recorded.lines(finding)) <= {None, *range(8, 43)}


@recorded.QUICK
@given(recorded.shuffled_reports(BOTH[1]))
def test_garbage_is_survived(garbage: str) -> None:
    for finding in asan.parse(garbage):
        recorded.lesson("double-free", [finding])
    asan.trouble(garbage)


def test_a_thread_begins_where_the_program_starts_it() -> None:
    """The preloaded object's frames, which come with their file and no object's name, are not the program's."""
    shim = Frame("pthread_create", "/labs/harness/native/perturb_threads.c", 211)
    starter = Frame("client_start", "/lab/echo_server.c", 167)
    assert own([shim, starter]) == starter
