"""What ended in an error is run again, and only that; verdicts that stand are kept."""

from __future__ import annotations

import json
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from commandline import LAB, SAMPLE, Command, Ran, hostile, lab, reference, two, verdicts
from labkit import cli
from labkit.box import sandbox
from labkit.box.decision import NoSandbox
from labkit.grading.results import LabResult, StepResult, Verdict
from labkit.ground.catalog import BUILD, SOLUTIONS
from test_machine_trouble import MOUNTS, with_mounts

NAME = two().name
P, F, B, E = Verdict.PASSED, Verdict.FAILED, Verdict.BLOCKED, Verdict.ERROR


def again(report: Path, *options: str, work: Path = SOLUTIONS) -> Ran:
    """Take up a check of lab 02."""
    return lab("check", "02", "--again", "errors", "--work", work, "--report", report, *options)


def table(report: Path, name: str = "results.json") -> dict[str, Any]:
    """A report as it is written."""
    read: dict[str, Any] = json.loads((report / NAME / name).read_text(encoding="utf-8"))
    return read


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The report of a run in which step 1 passed, with words to know it by, and step 3 ended in an error."""
    home = tmp_path / "report"
    ran = lab("check", "02", "--step", "3", "--work", SOLUTIONS, "--report", home)
    assert ran.status == 0, ran.words
    earlier = table(home)
    (third,) = earlier["tests"]
    first = json.loads(json.dumps(third))
    first.update(number="1", output="of the earlier run", score=10, max_score=10)
    third["extra_data"].update(verdict="error")
    third.update(score=0, status="failed", output="the machine failed")
    earlier.update(tests=[first, third])
    earlier["extra_data"]["again"] = [3]
    (home / NAME / "results.json").write_text(json.dumps(earlier), encoding="utf-8")
    return home


def test_only_errors_are_run_again(report: Path) -> None:
    """The step of the error is run, the one that passed is kept as it was, and the points are counted anew."""
    ran = again(report, "--step", "3")
    assert (ran.status, verdicts(report)) == (0, ["passed", "passed"]), ran.words
    kept, run = table(report)["tests"]
    assert (kept["output"], run["output"]) == ("of the earlier run", "")
    assert table(report)["score"] == kept["score"] + run["score"]
    assert table(report)["extra_data"]["again"] == []
    assert "step 1" not in ran.out and "step 3" in ran.out
    assert not (report / NAME / "earlier.json").exists()


def test_nothing_is_left_to_run(report: Path) -> None:
    """It says so, and the verdicts stand."""
    assert again(report, "--step", "3").status == 0
    before = table(report)["tests"]
    ran = again(report, "--step", "3")
    assert (ran.status, table(report)["tests"]) == (0, before), ran.words
    assert "no step of the earlier run ended in an error" in ran.out


def test_another_program_is_graded_from_the_start(report: Path, tmp_path: Path) -> None:
    """Verdicts of other sources are worth nothing for these."""
    work = reference(tmp_path / "work")
    with (work / NAME / "echo_server.c").open("a") as file:
        file.write("/* changed */\n")
    ran = again(report, "--step", "3", work=work)
    assert (ran.status, verdicts(report)) == (0, ["passed"]), ran.words
    assert "the sources are not those of the earlier run" in ran.out


def test_without_an_earlier_run_all_is_run(tmp_path: Path) -> None:
    """There is nothing that could be kept."""
    ran = again(tmp_path, "--step", "3")
    assert (ran.status, verdicts(tmp_path)) == (0, ["passed"]), ran.words


@pytest.mark.skipif(MOUNTS.returncode != 0, reason=f"no mount namespace: {MOUNTS.stderr.strip()}")
def test_an_error_again_keeps_what_stands(report: Path) -> None:
    """The machine has no room this time either: the step that passed has still passed."""
    words = ["check", "02", "--again", "errors", "--step", "3", "--report", str(report)]
    mount = f"mount -t tmpfs -o size=4k tmpfs {BUILD}"
    ran = with_mounts(mount, *words, "--work", SOLUTIONS)
    assert (ran.status, verdicts(report)) == (3, ["passed", "error"]), ran.words
    assert again(report, "--step", "3").status == 0
    assert verdicts(report) == ["passed", "passed"]


def test_an_interrupted_run_is_taken_up(report: Path, tmp_path: Path) -> None:
    """What was kept is kept still; but no verdict stands there that is not this run's."""
    slow = hostile(tmp_path / "slow", "never_listens")
    earlier = table(report)
    words: list[str | Path] = [LAB, "check", "02", "--again", "errors", "--step", "3"]
    command = Command([*words, "--work", slow, "--report", report])
    command.wait_for("never_listens")
    command.send(SIGTERM)
    assert command.wait().status == 130
    assert not (report / NAME / "results.json").exists()
    assert table(report, "earlier.json") == earlier
    assert again(report, "--step", "3").status == 0
    assert verdicts(report) == ["passed", "passed"]


def test_grading_is_taken_up(tmp_path: Path) -> None:
    """Of all labs only those are run whose steps ended in an error; here each is without a program."""
    work, report = tmp_path / "work", tmp_path / "report"
    work.mkdir()
    words = ("grade", "--work", work, "--report", report)
    assert lab(*words).status == 1
    lost = table(report)
    lost["tests"][0]["extra_data"]["verdict"] = "error"
    lost["tests"][1]["output"] = "kept"
    (report / NAME / "results.json").write_text(json.dumps(lost), encoding="utf-8")
    assert lab(*words, "--again", "errors").status == 1
    assert verdicts(report)[0] == "failed"
    assert {path.parent.name for path in report.glob("*/results.json")} >= {NAME, "01-echo"}


@pytest.mark.parametrize(
    "steps, due",
    [
        ([(P, None), (P, None), (P, None)], []),
        ([(P, None), (F, None), (B, 2)], []),
        ([(P, None), (E, None), (B, 2)], [2, 3]),
        ([(E, None), (B, 1), (B, 2)], [1, 2, 3]),
        ([(F, None), (B, 1), (E, None)], [3]),
    ],
)
def test_which_steps_are_due(steps: list[tuple[Verdict, int | None]], due: list[int]) -> None:
    """Errors, and what an error kept from being run; not what a failure blocks."""
    found = [
        StepResult(SAMPLE.step(number), verdict, after=after)
        for number, (verdict, after) in enumerate(steps, 1)
    ]
    assert LabResult(SAMPLE, found).again == due


@pytest.mark.parametrize(
    "now, before, both",
    [(True, True, True), (True, False, False), (False, True, False), (None, True, True)],
)
def test_sandboxed_is_said_of_all_that_stands(
    now: bool | None, before: bool, both: bool | None
) -> None:
    """Verdicts of a run without a sandbox are not said to be of one that had it, nor the other way round."""
    earlier = LabResult(SAMPLE, [StepResult(SAMPLE.step(1), P)], sandboxed=before)
    result = LabResult(SAMPLE, [StepResult(SAMPLE.step(2), P)], sandboxed=now)
    assert result.merged(earlier).sandboxed is both
    assert LabResult(SAMPLE, [], sandboxed=now).merged(earlier).sandboxed is before
    again_alone = LabResult(SAMPLE, [StepResult(SAMPLE.step(1), P)], sandboxed=now)
    assert again_alone.merged(earlier).sandboxed is now


def test_grading_without_a_sandbox_keeps_what_stands(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none can be made this time, the step that passed has still passed."""

    def refuse() -> None:
        raise NoSandbox("tried")

    monkeypatch.setattr(sandbox, "decide", refuse)
    words = ["grade", "--again", "errors", "--work", str(SOLUTIONS), "--report", str(report)]
    options = cli._parser().parse_args(words)
    with pytest.raises(NoSandbox):
        options.run(options)
    assert verdicts(report) == ["passed", *6 * ["error"]]
