"""The doctor: right about this machine, and about machines that lack something."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from labkit import doctor
from labkit.box import sandbox
from labkit.box.decision import NoSandbox
from labkit.doctor import machine, numbers, programs, threads
from labkit.doctor.finding import BAD, FINE, SET_UP, WARNING, Finding, Ran, run

TRIES = 2 * programs.STARTS


def rates(ran: int = TRIES, found: int = programs.STARTS, false: int = 0) -> programs.Rates:
    """What a series of starts gave; a good one unless told otherwise."""
    return programs.Rates(TRIES, ran, found, false, "" if ran == TRIES else "FATAL: mapping")


def test_this_machine() -> None:
    """The self-test could not run where something is bad; each thing wrong comes with what to type."""
    findings = doctor.examine()
    assert [] == [finding for finding in findings if finding.state == BAD]
    assert all(finding.remedy for finding in findings if finding.state != FINE)
    named = {finding.what for finding in findings}
    assert {"gcc", "valgrind", "TSan", "ASan", "Helgrind", "vm.mmap_rnd_bits"} <= named


@pytest.mark.parametrize(
    "measured, state, remedy",
    [
        (rates(), FINE, ""),
        (rates(found=programs.STARTS - 1), FINE, ""),
        (rates(ran=TRIES - 1), BAD, "vm.mmap_rnd_bits=28"),
        (rates(found=0), BAD, "reinstall gcc"),
        (rates(false=1), BAD, "reinstall gcc"),
    ],
)
def test_judges_thread_sanitizer(measured: programs.Rates, state: str, remedy: str) -> None:
    """Every start must succeed; one missed race is luck, a false one is not."""
    finding = programs.judge_rates("TSan", measured)
    assert state == finding.state and remedy in finding.remedy


def test_counts_starts_that_fail(tmp_path: Path) -> None:
    """A program that does not start has neither found nor missed anything."""
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho FATAL: ThreadSanitizer: unexpected mapping >&2\nexit 66\n")
    broken.chmod(0o755)
    clean = Path("/bin/true")
    found = programs.measure(broken, clean)
    assert (programs.STARTS, 0, 0) == (found.ran, found.found, found.false)
    assert "unexpected mapping" in found.failure


@pytest.mark.parametrize(
    "found, status, state", [(True, 0, FINE), (False, 0, BAD), (True, 66, BAD), (True, None, BAD)]
)
def test_judges_a_faulty_and_a_correct_program(found: bool, status: int | None, state: str) -> None:
    """The faulty one must be found so, the correct one must end well."""
    assert state == programs.judge_pair("ASan", found, Ran(status, "why"), "", "type this").state


def test_says_when_randomisation_cannot_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers refuse it; ThreadSanitizer is then judged as it starts without."""
    monkeypatch.setattr(programs, "NOT_RANDOM", ("false",))
    monkeypatch.setattr(programs, "STARTS", 2)
    refused, tsan = programs.thread_sanitizer()
    assert (BAD, "TSan") == (refused.state, tsan.what) and "docker" in refused.remedy


def test_says_when_the_compiler_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """One finding with the compiler's words, not three tracebacks."""
    monkeypatch.setattr(programs, "run", lambda *_args, **_env: Ran(1, "gcc: no cc1"))
    findings = list(programs.sanitizers())
    assert [("gcc", BAD, "gcc: no cc1")] == [(f.what, f.state, f.seen) for f in findings]


@pytest.mark.parametrize(
    "value, state", [(None, FINE), (100, FINE), (99, WARNING), (10, WARNING), (9, BAD)]
)
def test_judges_a_number(value: int | None, state: str) -> None:
    """Bad below what lab 02 must have, a warning below what ten thousand threads want."""
    finding = machine.Need("limit", value, 10, 100, "type this").judge()
    assert (state, "" if state == FINE else "type this") == (finding.state, finding.remedy)


def test_names_the_switch_that_refuses_namespaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ubuntu's AppArmor switch is named where it is on."""
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/apparmor_restrict_unprivileged_userns").write_text("1\n")
    monkeypatch.setattr(numbers, "KERNEL", tmp_path)
    found = machine_without_sandbox(monkeypatch, "setting up uid map: Permission denied")
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in found.remedy


def machine_without_sandbox(monkeypatch: pytest.MonkeyPatch, why: str) -> Finding:
    """What is found where a sandbox cannot be made: nothing would run."""

    def refusal() -> str:
        raise NoSandbox(why)

    monkeypatch.setattr(sandbox, "refusal", refusal)
    found = machine.the_sandbox()
    assert (BAD, f"cannot be made: no check would run anything ({why})") == (
        found.state,
        found.seen,
    )
    return found


def test_says_that_the_sandbox_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By order or for want of a tool: what to type then differs."""
    monkeypatch.setattr(sandbox, "refusal", lambda: "switched off by SANDBOX=none")
    monkeypatch.setenv("SANDBOX", "none")
    found = machine.the_sandbox()
    assert (WARNING, "unset SANDBOX") == (found.state, found.remedy)
    monkeypatch.delenv("SANDBOX")
    assert SET_UP == machine.the_sandbox().remedy


LOW = threads.Bound("pids.max", 9_000, 8_000, "raise it")


@pytest.mark.parametrize(
    "started, nearest, state, words",
    [
        (threads.SHOULD, LOW, FINE, "a program had 12,000 at once"),
        (7_990, LOW, WARNING, "what holds is pids.max = 9,000"),
        (900, LOW, BAD, "the machine's around this one"),
        (900, threads.Bound("ulimit -u", 1_000, 880, "raise it"), BAD, "ulimit -u = 1,000"),
    ],
)
def test_names_the_limit_of_threads(
    started: int, nearest: threads.Bound, state: str, words: str
) -> None:
    """That which is just as low as what a program got; none where none is."""
    found = threads.judged("threads", started, "Resource temporarily unavailable", nearest)
    assert (state, words in found.seen) == (found.state, True), found


def test_threads_are_tried_where_programs_run() -> None:
    """In the sandbox, and the answer is a number of threads."""
    found = threads.tried()
    assert found.state != BAD and "at once" in found.seen


def shown(*findings: Finding) -> str:
    """The doctor's page of some findings, plain."""
    page = io.StringIO()
    doctor.show(findings, Console(file=page, width=60))
    return page.getvalue()


def test_shows_what_to_type_in_one_piece() -> None:
    """A command may be long: it is never broken, so that it can be pasted."""
    remedy = "echo a=[b] | " + "sudo tee " * 12 + "/etc/file"
    text = shown(Finding("fine", FINE, "12"), Finding("limits", BAD, "[7]", remedy))
    assert remedy in text and re.search(r"^✗ +limits +\[7\]", text, re.M)


@pytest.mark.parametrize("state, status", [(FINE, 0), (WARNING, 0), (BAD, 1)])
def test_exit_status(monkeypatch: pytest.MonkeyPatch, state: str, status: int) -> None:
    """Warnings alone are no failure."""
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("x", state, "y", "z")])
    assert status == doctor.main()


def test_runs_commands() -> None:
    """A command that is not there or fails is an answer, not an exception."""
    assert Ran(None, "") != run("no-such-command") and run("no-such-command").status is None
    assert "two" == run("sh", "-c", "echo one; echo two; exit 3").last_line
