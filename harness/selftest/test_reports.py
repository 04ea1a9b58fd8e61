"""What is made of verdicts: results.json, JUnit XML, and the block that every failure prints."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline import SAMPLE
from labkit.grading import explain
from labkit.grading.results import (
    LabResult,
    StepResult,
    Verdict,
    as_json,
    forget,
    from_json,
    junit,
    write,
)
from labkit.ground.faults import Fault, Trouble
from labkit.ground.files import replace_file


# -- results ---------------------------------------------------------------------------------------------

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
TEST = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "max_score": {"type": "number"},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": FORMAT,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": VISIBILITY,
        "extra_data": {"type": "object"},
    },
}
# What Gradescope's autograder documentation says of results.json.
GRADESCOPE = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {"type": "array", "items": TEST},
        "leaderboard": {"type": "array"},
    },
}
NASTY = "ok \x00\x1b[31m \ud800 \ufffe ]]> <x/> & \U0001f680\r\n"


def graded(*verdicts: Verdict, output: str = "") -> LabResult:
    """The sample lab with these verdicts."""
    steps = []
    for step, verdict in zip(SAMPLE.steps, verdicts):
        cause, check = ("crash", "test_it") if verdict is Verdict.FAILED else (None, None)
        steps.append(StepResult(step, verdict, cause, output, 0.25, check))
    return LabResult(SAMPLE, steps, 1.5)


PASSED, FAILED = Verdict.PASSED, Verdict.FAILED
BLOCKED, ERROR = Verdict.BLOCKED, Verdict.ERROR


@pytest.mark.parametrize(
    "verdicts, status, score",
    [
        ((PASSED, PASSED, PASSED), 0, 100),
        ((PASSED, FAILED, PASSED), 1, 50),
        ((FAILED, BLOCKED, PASSED), 1, 20),
        ((PASSED, PASSED, BLOCKED), 1, 80),
        ((PASSED, PASSED, ERROR), 3, 80),
        ((FAILED, BLOCKED, ERROR), 3, 0),
    ],
)
def test_status_and_score(verdicts: tuple[Verdict, ...], status: int, score: int) -> None:
    """Points for what passed only; an error is not a failure; nothing but all passed is 0."""
    result = graded(*verdicts)
    assert (result.exit_status, result.score, result.max_score) == (status, score, 100)


def test_gradescopes_form() -> None:
    """What is written is what Gradescope reads, and can be read back."""
    result = graded(PASSED, FAILED, ERROR, output=NASTY)
    table = as_json(result)
    jsonschema.validate(table, GRADESCOPE)
    assert [test["status"] for test in table["tests"]] == ["passed", "failed", "failed"]
    assert table["tests"][1]["extra_data"] == {
        "verdict": "failed",
        "cause": "crash",
        "check": "test_it",
        "seconds": 0.25,
        "cpu": 0.0,
        "after": None,
    }
    assert table["extra_data"] == {"sandboxed": None, "again": [3], "sources": ""}
    assert from_json(SAMPLE, table) == result


def test_the_report_survives_what_a_program_prints(tmp_path: Path) -> None:
    """Control characters, lone surrogates, the end of a CDATA section: still JSON, still XML."""
    write(graded(PASSED, FAILED, BLOCKED, output=NASTY), tmp_path)
    home = tmp_path / SAMPLE.name
    assert json.loads((home / "results.json").read_bytes())["tests"][1]["output"] == NASTY
    cases = ET.parse(home / "junit.xml").getroot().findall("./testsuite/testcase")
    assert [[kind.tag for kind in case] for case in cases] == [[], ["failure"], ["skipped"]]
    assert "\\x1b[31m \\xd800 \\xfffe ]]> <x/> & \U0001f680" in (cases[1][0].text or "")
    assert sorted(path.name for path in home.iterdir()) == ["junit.xml", "results.json"]


@given(st.text())
def test_any_output_makes_well_formed_xml(text: str) -> None:
    """XML forbids some characters even when escaped."""
    ET.fromstring(junit([graded(FAILED, output=text)]))


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the directory should be is trouble of ours, and nothing half-written is left."""
    (tmp_path / SAMPLE.name).write_text("in the way")
    with pytest.raises(Trouble, match="cannot write the report in"):
        write(graded(PASSED), tmp_path)
    with pytest.raises(Trouble, match="cannot replace the report in"):
        forget(SAMPLE, tmp_path)
    (tmp_path / "taken" / "deeper").mkdir(parents=True)
    with pytest.raises(OSError):
        replace_file(tmp_path / "taken", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [SAMPLE.name, "taken"]


def test_an_old_report_is_forgotten(tmp_path: Path) -> None:
    """Once, and again when there is none."""
    write(graded(PASSED), tmp_path)
    forget(SAMPLE, tmp_path)
    forget(SAMPLE, tmp_path)
    assert list((tmp_path / SAMPLE.name).iterdir()) == []


# -- the failure block -----------------------------------------------------------------------------------


def failure(fault: Fault) -> explain.Failure:
    """A failure of the sample lab's second step."""
    return explain.Failure(
        lab=SAMPLE,
        step=SAMPLE.steps[1],
        sentence="It works.",
        fault=fault,
        seed=7,
        work=Path("my work"),
        sources=Path("nowhere"),
    )


def test_both_sides_are_shown(tmp_path: Path) -> None:
    """Short ones whole and escaped, with the place of the first difference."""
    words = explain.block(failure(Fault("odd", b"one\ntwo\x1b", b"one\ntoo\x1b")), tmp_path)
    assert "step 2, Second: 0 of 50 points\nIt works.\n\nWhat happened: odd\n" in words
    assert "expected (8 bytes):\n  one\\n\n  two\\x1b\n" in words
    assert "got (8 bytes):\n  one\\n\n  too\\x1b\n" in words
    assert "they differ from byte 5 on" in words
    assert "make check LAB=07 STEP=2 SEED=7 WORK='my work'" in words
    assert list(tmp_path.iterdir()) == []


def test_long_sides_are_shown_around_the_difference(tmp_path: Path) -> None:
    """Neither is cut off for good: the whole is in a named file."""
    expected = b"".join(b"%06d\n" % number for number in range(20_000))
    got = expected.replace(b"012345", b"\0\0\0\0\0\0")
    words = explain.block(failure(Fault("odd", expected, got)), tmp_path)
    assert "012345\\n\n" in words and "\\x00\\x00\\x00\\x00\\x00\\x00\\n\n" in words
    assert f"they differ from byte {expected.index(b'012345')} on" in words
    assert (tmp_path / SAMPLE.name / "step-2-expected").read_bytes() == expected
    assert (tmp_path / SAMPLE.name / "step-2-got").read_bytes() == got
    assert len(words.splitlines()) < 80


def test_a_difference_far_down_is_shown(tmp_path: Path) -> None:
    """Also where the sides are short, but of many lines."""
    expected = b"\n" * 100 + b"this\n"
    words = explain.block(failure(Fault("odd", expected, b"\n" * 100 + b"that\n")), tmp_path)
    assert "  this\\n\n" in words and "  that\\n\n" in words
    assert (tmp_path / SAMPLE.name / "step-2-expected").read_bytes() == expected


def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    """A program may print megabytes without a newline: shown is the beginning, kept is all."""
    words = explain.block(
        failure(Fault("odd", "a line", "x" * 100_000, None, "y" * 9999)), tmp_path
    )
    assert max(map(len, words.splitlines())) < 800 and "x … 99360 more characters" in words
    assert (tmp_path / SAMPLE.name / "step-2-got").read_text() == "x" * 100_000


def test_evidence_that_cannot_be_kept(tmp_path: Path) -> None:
    """A report that cannot be written does not hide the failure."""
    (tmp_path / SAMPLE.name).write_text("in the way")
    words = explain.block(failure(Fault("odd", b"x" * 1000, b"")), tmp_path)
    assert "(could not be written: " in words and "What happened: odd" in words


@given(st.text(), st.text(), st.one_of(st.binary(), st.text()), st.one_of(st.binary(), st.text()))
def test_no_evidence_steers_a_terminal(
    what: str, details: str, expected: bytes | str, got: bytes | str
) -> None:
    """Whatever a program or a compiler said, the block is lines of printable characters."""
    fault = Fault(what, expected, got, "crash", details)
    words = explain.block(failure(fault), Path("/dev/null"))
    assert {c for c in words if not c.isprintable()} <= {"\n", "\t"}
