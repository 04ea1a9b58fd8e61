"""Two checkouts are compared by what their harnesses say of the same submissions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import compare
from compare import Outcome, Row
from labkit.ground.catalog import ROOT, find

PASSED = {"verdict": "passed", "check": None, "cause": None}


def checkout(home: Path, *steps: dict[str, str | None]) -> Path:
    """A checkout whose `harness/lab` says this of the steps of whatever it is given, and notes what that was."""
    command = home / "harness/lab"
    command.parent.mkdir(parents=True)
    tests = [{"number": f"{n}", "extra_data": step} for n, step in enumerate(steps, 1)]
    (home / "said.json").write_text(json.dumps({"tests": tests}), encoding="utf-8")
    script = 'echo "$@" >> HOME/given\nlab=$2\nwhile [ "$1" != --report ]; do shift; done\n'
    script += 'mkdir -p "$2/$lab"\ncp HOME/said.json "$2/$lab/results.json"\n'
    command.write_text("#!/bin/sh -e\n" + script.replace("HOME", str(home)), encoding="utf-8")
    command.chmod(0o755)
    return home


def failed(check: str, cause: str) -> dict[str, str | None]:
    return {"verdict": "failed", "check": check, "cause": cause}


def test_the_steps_that_differ_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In verdict, in the check or in the cause; what is the same is not."""
    one = checkout(tmp_path / "a", PASSED, failed("test_x", "hang"), PASSED)
    other = checkout(tmp_path / "b", PASSED, failed("test_x", "deadlock"), failed("test_y", "hang"))
    words = [str(one), str(other), "--lab", "02", "-k", "02-reference"]
    assert compare.main(words) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "02-reference, step 2: failed test_x hang -> failed test_x deadlock",
        "02-reference, step 3: passed -> failed test_y hang",
    ]


def test_where_they_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How much was compared is told, and how the times are to each other."""
    one, other = (checkout(tmp_path / name, PASSED, PASSED) for name in "ab")
    assert compare.main([str(one), str(other), "--work", str(ROOT / "solutions")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("6 submissions, 12 steps, 0 different; CPU ")


def test_both_are_given_the_same(tmp_path: Path) -> None:
    """A mutant's own checks, and the same seed; the report alone differs."""
    one, other = (checkout(tmp_path / name, PASSED) for name in "ab")
    compare.main([str(one), str(other), "-k", "02-mutant-serves-in-main"])
    given = [(home / "given").read_text(encoding="utf-8") for home in (one, other)]
    assert given[0].replace("report-0", "report-1") == given[1]
    assert "--seed 1" in given[0] and "--step 1 --check=test_two_at_once" in given[0]


def test_nothing_at_all_is_no_agreement(tmp_path: Path) -> None:
    one, other = (checkout(tmp_path / name) for name in "ab")
    assert compare.main([str(one), str(other), "-k", "no such name"]) == 1


@pytest.mark.parametrize("words", [["--lab", "99"], ["--work"]])
def test_wrong_arguments(tmp_path: Path, words: list[str]) -> None:
    home = str(checkout(tmp_path / "a"))
    with pytest.raises(SystemExit, match="2"):
        compare.main([home, home, *words])
    with pytest.raises(SystemExit, match="2"):
        compare.main([home, str(tmp_path / "nowhere")])


def test_what_only_one_of_them_has_differs() -> None:
    one, other = Outcome({1: Row("passed", None, None)}), Outcome()
    assert compare.differences("x", one, other) == ["x, step 1: passed -> not there"]


def test_every_answer_is_a_submission(tmp_path: Path) -> None:
    """The reference, the variants and the mutants of a lab, each planted where it is said to lie."""
    lab = find("01")
    expected = 1 + len(compare.variants([lab])) + len(compare.mutants([lab]))
    found = 0
    for one in compare.submissions(tmp_path, [lab]):
        assert list((one.work / lab.name).glob("*.c")), one.name
        found += 1
    assert expected == found


def test_a_checkout_agrees_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the real command, on a mutant that is caught at once."""
    words = [str(ROOT), str(ROOT), "--lab", "02", "-k", "02-mutant-compiler-warns"]
    assert compare.main(words) == 0
    assert "1 submissions, 1 steps, 0 different" in capsys.readouterr().out
