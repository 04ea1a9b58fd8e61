"""The parts of labkit one by one: catalog, time, journal, results, failure blocks, ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import catalog, explain, network, pace
from labkit.catalog import Lab, Step
from labkit.clients import likely_cause
from labkit.faults import Fault, Trouble
from labkit.journal import Journal, printable
from labkit.pace import Deadline, Pace
from labkit.results import (
    LabResult,
    StepResult,
    Verdict,
    as_json,
    forget,
    from_json,
    junit,
    replace_file,
    write,
)

LAB = Lab(
    "07",
    "07-sample",
    "A sample",
    "Образец",
    ("sample",),
    (Step(1, "First", "Первый", 30), Step(2, "Second", "Второй", 50, (1,)), Step(3, "3", "3", 20)),
)


# -- catalog ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [lab.name for lab in catalog.all_labs()])
def test_a_labs_description(name: str) -> None:
    """Steps are numbered from 1, are worth 100 points, build on earlier ones only, and have two titles."""
    lab = catalog.find(name)
    assert [step.number for step in lab.steps] == list(range(1, len(lab.steps) + 1))
    assert sum(step.points for step in lab.steps) == 100
    assert lab.name.startswith(f"{lab.number}-") and lab.checks.is_file()
    for step in lab.steps:
        assert all(number < step.number for number in step.needs)
        assert step.title.isascii() and not step.title_ru.isascii()
        assert lab.step(step.number) is step


def test_the_headings_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """LANGUAGE goes before the locale; both languages have a handout of their own."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert (LAB.heading, LAB.steps[0].heading) == ("Образец", "Первый")
    assert LAB.handout == "labs/07-sample/README.ru.md"
    monkeypatch.setenv("LANGUAGE", "en:ru")
    assert (LAB.heading, LAB.handout) == ("A sample", "labs/07-sample/README.md")


@pytest.mark.parametrize("text", ["2", "02", "02-threaded-echo"])
def test_a_lab_is_found(text: str) -> None:
    """By its number, with or without the nought, and by its name."""
    assert catalog.find(text).name == "02-threaded-echo"


@pytest.mark.parametrize("text", ["", "0", "002", "2-threaded-echo", "-1", "common", "01-echo/"])
def test_no_such_lab(text: str) -> None:
    """Anything else is none, and the error lists what there is."""
    with pytest.raises(catalog.NoSuchLab, match="01-echo, 02-threaded-echo"):
        catalog.find(text)


def test_no_such_step() -> None:
    """A step that is not there is a KeyError."""
    with pytest.raises(KeyError):
        LAB.step(4)


# -- the journal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, shown",
    [
        (b"", '""'),
        (b"hello\n", '"hello\\n"'),
        (b'\r\t"\\', '"\\r\\t\\"\\\\"'),
        (b"\0\x1b\x7f\xff", '"\\x00\\x1b\\x7f\\xff"'),
        ("да".encode(), '"\\xd0\\xb4\\xd0\\xb0"'),
        (64 * b"x", f'"{64 * "x"}"'),
        (32 * b"a" + b"--" + 32 * b"b", f'"{32 * "a"}" … "{32 * "b"}" (66 bytes)'),
    ],
)
def test_bytes_are_shown_as_c_writes_them(data: bytes, shown: str) -> None:
    """Plain ASCII, escapes for the rest, the middle left out where it is long."""
    assert printable(data) == shown


@given(st.binary(max_size=300))
def test_shown_bytes_steer_no_terminal(data: bytes) -> None:
    """Whatever comes, only printable characters come out."""
    assert printable(data).isprintable()


def test_a_conversation_is_in_order() -> None:
    """Lines with the time, who, what and the bytes, one below the other."""
    journal = Journal()
    journal.note("server", "is started")
    journal.sent("client 1", b"hello\n")
    journal.received("client 1", b"hello\n")
    times, lines = zip(*(line.split(" s  ", 1) for line in journal.text().splitlines()))
    assert lines == (
        "server    is started",
        'client 1  sends "hello\\n"',
        'client 1  receives "hello\\n"',
    )
    assert sorted(map(float, times)) == list(map(float, times))


def test_a_long_conversation_is_cut_at_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last events are shown, with the number of those before; of very many only the last are kept."""
    monkeypatch.setattr(Journal, "KEPT", 10)
    journal = Journal()
    threads = [threading.Thread(target=journal.note, args=("x", str(i))) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.text(3).splitlines()[0] == "… 27 earlier"
    assert len(journal.text(3).splitlines()) == 4
    assert journal.text().splitlines()[0] == "… 20 earlier"


# -- time ------------------------------------------------------------------------------------------------


def test_a_deadline_passes() -> None:
    """What is left is never negative."""
    gone, far = Deadline(time.monotonic() - 1, 1.0), Deadline(time.monotonic() + 100, 100.0)
    assert (gone.passed, gone.left) == (True, 0.0)
    assert not far.passed and 99 < far.left <= 100


@pytest.mark.parametrize("measured, least, most", [(0.1, 1, 1), (4.0, 4, 4), (1000.0, 30, 30)])
def test_the_pace_is_bounded(
    measured: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fast machine gets no less time than the contract says, a very slow one not all the time there is."""
    monkeypatch.setattr(pace, "contention", lambda: 1.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda: 1.0)
    assert least <= Pace(measured).factor() <= most


def test_the_pace_follows_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The larger of what was measured and what is seen now; looked at again only after a while."""
    monkeypatch.setattr(pace, "contention", lambda: 3.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda: 5.0)
    clock = Pace(2.0)
    assert clock.factor() == 5.0
    assert clock.deadline(1.0, weight=2.0).allowed == 10.0
    monkeypatch.setattr(pace, "runnable_per_core", lambda: 1.0)
    assert clock.factor() == 5.0
    time.sleep(pace.FRESH_SECONDS * 1.1)
    assert clock.factor() == 3.0


def test_the_load_is_at_least_one() -> None:
    """An idle machine is no faster than an idle machine."""
    assert pace.contention() >= 1.0 and pace.runnable_per_core() >= 1.0


def test_waiting_for_a_condition() -> None:
    """It ends when the condition holds, or at the deadline, with one more look."""
    looks = iter([False, False, True])
    assert Pace().eventually(lambda: next(looks), 5.0)
    assert not Pace().eventually(lambda: False, 0.0)
    began = time.monotonic()
    assert not Pace().eventually(lambda: False, 0.05)
    assert time.monotonic() - began >= 0.05


def test_a_check_that_hangs_is_our_error() -> None:
    """The watchdog's signal becomes Trouble, never a student's fault."""
    with pytest.raises(Trouble, match="far longer"):
        pace.watchdog(signal.SIGALRM, None)


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
    steps = [
        StepResult(step, verdict, "crash" if verdict is Verdict.FAILED else None, output, 0.25)
        for step, verdict in zip(LAB.steps, verdicts)
    ]
    return LabResult(LAB, steps, 1.5)


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
    """Points for what passed only; an error is told from a failure; nothing but all passed is 0."""
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
        "seconds": 0.25,
    }
    assert from_json(LAB, table) == result


def test_the_report_survives_what_a_program_prints(tmp_path: Path) -> None:
    """Control characters, lone surrogates, the end of a CDATA section: still JSON, still XML."""
    write(graded(PASSED, FAILED, BLOCKED, output=NASTY), tmp_path)
    home = tmp_path / LAB.name
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
    (tmp_path / LAB.name).write_text("in the way")
    with pytest.raises(Trouble, match="cannot write the report in"):
        write(graded(PASSED), tmp_path)
    with pytest.raises(Trouble, match="cannot replace the report in"):
        forget(LAB, tmp_path)
    (tmp_path / "taken" / "deeper").mkdir(parents=True)
    with pytest.raises(OSError):
        replace_file(tmp_path / "taken", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAB.name, "taken"]


def test_an_old_report_is_forgotten(tmp_path: Path) -> None:
    """Once, and again when there is none."""
    write(graded(PASSED), tmp_path)
    forget(LAB, tmp_path)
    forget(LAB, tmp_path)
    assert list((tmp_path / LAB.name).iterdir()) == []


# -- the failure block -----------------------------------------------------------------------------------


def failure(fault: Fault) -> explain.Failure:
    """A failure of the sample lab's second step."""
    return explain.Failure(
        lab=LAB,
        step=LAB.steps[1],
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
    assert (tmp_path / LAB.name / "step-2-expected").read_bytes() == expected
    assert (tmp_path / LAB.name / "step-2-got").read_bytes() == got
    assert len(words.splitlines()) < 80


def test_a_difference_far_down_is_shown(tmp_path: Path) -> None:
    """Also where the sides are short, but of many lines."""
    expected = b"\n" * 100 + b"this\n"
    words = explain.block(failure(Fault("odd", expected, b"\n" * 100 + b"that\n")), tmp_path)
    assert "  this\\n\n" in words and "  that\\n\n" in words
    assert (tmp_path / LAB.name / "step-2-expected").read_bytes() == expected


def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    """A program may print megabytes without a newline: shown is the beginning, kept is all."""
    words = explain.block(
        failure(Fault("odd", "a line", "x" * 100_000, None, "y" * 9999)), tmp_path
    )
    assert max(map(len, words.splitlines())) < 800 and "x … 99360 more characters" in words
    assert (tmp_path / LAB.name / "step-2-got").read_text() == "x" * 100_000


def test_evidence_that_cannot_be_kept(tmp_path: Path) -> None:
    """A report that cannot be written does not hide the failure."""
    (tmp_path / LAB.name).write_text("in the way")
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


# -- clients and ports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expected, got, ended, cause",
    [
        (b"abc", b"abc", False, None),
        (b"abc", b"", False, "no-answer"),
        (b"abc", b"", True, "closes-early"),
        (b"abc", b"ab", False, "incomplete-echo"),
        (b"abc", b"ab", True, "closes-early"),
        (b"abc", b"abd", True, "wrong-bytes"),
        (b"a\0b", b"a", True, "stops-at-nul"),
        (b"a\0b", b"a\0", False, "stops-at-nul"),
        (b"a\0b", b"a\0\0", True, "stops-at-nul"),
        (b"a\0b", b"", True, "closes-early"),
    ],
)
def test_the_likely_cause(expected: bytes, got: bytes, ended: bool, cause: str | None) -> None:
    """What a pair of byte strings shows."""
    assert likely_cause(expected, got, ended) == cause


def test_listening_ports_are_read_from_the_kernel() -> None:
    """Address, port and the clients in the queue, for both families; no client is taken out of it."""
    with socket.create_server(("127.0.0.1", 0)) as four, socket.socket(socket.AF_INET6) as six:
        six.bind(("::1", 0))
        six.listen()
        address = four.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            found = network.listening_ports(os.getpid())
        assert found[address] == 2
        assert found[six.getsockname()[:2]] == 0
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            assert bound.getsockname() not in network.listening_ports(os.getpid())
    assert address not in network.listening_ports(os.getpid())
    assert network.listening_ports(0) == {}
