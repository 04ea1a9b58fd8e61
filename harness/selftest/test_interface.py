"""The commands keep their promises: names, options, exit statuses, results.json, JUnit XML, output."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pexpect
import pytest

from commandline import (
    LAB,
    Command,
    entries,
    judged,
    lab,
    reference,
    submission,
    two,
    unprintable,
    verdicts,
)
from forge import DECIDE
from labkit.ground.catalog import BUILD, COMMON, LABS, ROOT, SOLUTIONS, Lab, all_labs

QUICK = ("--step", "3")  # the step of lab 02 that takes least
MAIN = "int main(void)\n{\n\treturn 0;\n}\n"
NAME = two().name


# -- check -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2", "02", "02-threaded-echo"])
def test_a_lab_has_three_names(name: str, tmp_path: Path) -> None:
    """All are the same lab."""
    words: list[str | Path] = [LAB, "check", name, "--work", SOLUTIONS, *QUICK]
    ran = Command([*words, "--report", tmp_path]).wait()
    assert (ran.status, verdicts(tmp_path)) == (0, ["passed"]), ran.words


def test_help() -> None:
    """--help is no mistake."""
    for words in (["--help"], ["check", "--help"], ["grade", "--help"]):
        ran = lab(*words)
        assert ran.status == 0 and "--report" in ran.out or words == ["--help"]


@pytest.fixture
def stops_at_nul(tmp_path: Path) -> Path:
    """A lab 01 that fails in step 2 alone: its server leaves a client who sends a NUL byte."""
    work = reference(tmp_path / "work", "01-echo")
    server = work / "01-echo" / "echo_server.c"
    text, condition = server.read_text(encoding="utf-8"), "if (n <= 0)\n\t\t\treturn;"
    assert text.count(condition) == 1
    bug = condition.replace("n <= 0", "n <= 0 || memchr(portion, 0, (size_t)n) != NULL")
    server.write_text(text.replace(condition, bug), encoding="utf-8")
    return work


def test_check_stops_at_the_first_failure(stops_at_nul: Path, tmp_path: Path) -> None:
    """What comes later is blocked, not failed, and says by what."""
    ran = lab("check", "1", "--work", stops_at_nul, "--report", tmp_path)
    assert ran.status == 1
    assert verdicts(tmp_path, "01-echo") == ["passed", "failed", *4 * ["blocked"]]
    last = entries(tmp_path, "01-echo")[-1]
    assert (last["score"], last["status"], last["extra_data"]["cause"]) == (0, "failed", None)
    assert "step 2" in last["output"]


def test_all_hides_nothing(stops_at_nul: Path, tmp_path: Path) -> None:
    """With --all a failed step does not hide that the later ones work."""
    ran = lab("check", "1", "--work", stops_at_nul, "--all", "--report", tmp_path)
    assert ran.status == 1
    assert verdicts(tmp_path, "01-echo") == ["passed", "failed", *4 * ["passed"]]


def test_a_first_step_that_fails_for_its_words_blocks_nothing(tmp_path: Path) -> None:
    """A warning costs its step, not the lab: what works is still graded."""
    work = reference(tmp_path / "work", "01-echo")
    server = work / "01-echo" / "echo_server.c"
    unused = "static int\nunused(void)\n{\n\treturn 1;\n}\n\nint\nmain("
    server.write_text(server.read_text(encoding="utf-8").replace("int\nmain(", unused), "utf-8")
    ran = lab("check", "1", "--work", work, "--all", "--report", tmp_path)
    assert ran.status == 1
    assert verdicts(tmp_path, "01-echo") == ["failed", *5 * ["passed"]]
    assert entries(tmp_path, "01-echo")[0]["extra_data"]["cause"] == "compiler-warning"


def test_the_seed_is_shown_and_taken(tmp_path: Path) -> None:
    """The command to repeat a failure names the seed; one that was given is kept."""
    ran = lab("check", "02", "--work", submission(tmp_path, {"echo_server.c": MAIN}))
    assert re.search(r"^  \$ make check LAB=02 STEP=1 SEED=\d+ WORK=", ran.out, re.MULTILINE)
    ran = lab("check", "02", "--work", tmp_path, "--seed", "4711")
    assert "make check LAB=02 STEP=1 SEED=4711 WORK=" in ran.out


# -- grade, results.json and JUnit XML -------------------------------------------------------------------


def load(report: Path, name: str) -> dict[str, Any]:
    """A lab's results.json."""
    found: dict[str, Any] = json.loads((report / name / "results.json").read_text("utf-8"))
    return found


FIELDS = {"number", "name", "score", "max_score", "status", "output", "extra_data"}


def must_have_the_form_of_results(one: Lab, results: dict[str, Any]) -> None:
    """results.json is what Gradescope takes, with our verdict and cause in extra_data."""
    assert set(results) == {"score", "execution_time", "extra_data", "tests"}
    assert set(results["extra_data"]) == {"sandboxed", "again", "sources"}
    assert results["score"] == sum(test["score"] for test in results["tests"])
    assert 0 < results["execution_time"] < 200
    for step, test in zip(one.steps, results["tests"], strict=True):
        assert set(test) == FIELDS
        assert (test["number"], test["name"]) == (str(step.number), step.title)
        assert (test["score"], test["max_score"]) == (0, step.points)
        assert test["status"] == "failed"
        assert test["output"] and not unprintable(test["output"])
        extra = test["extra_data"]
        assert extra["verdict"] in ("failed", "blocked")
        for key in ("cause", "check"):
            assert isinstance(extra[key], str) == (extra["verdict"] == "failed")


def must_say_the_same(report: Path, one: Lab) -> None:
    """JUnit XML: a suite for the lab, a case for each step, and the numbers of each verdict."""
    (suite,) = ET.parse(report / one.name / "junit.xml").getroot()
    found = verdicts(report, one.name)
    numbers = [suite.get(key) for key in ("name", "tests", "failures", "skipped", "errors")]
    counts = [len(found), found.count("failed"), found.count("blocked"), 0]
    assert numbers == [one.name, *map(str, counts)]
    kinds = {"failed": "failure", "blocked": "skipped"}
    assert [case[0].tag for case in suite] == [kinds[verdict] for verdict in found]


def test_grade_of_the_starters(tmp_path: Path) -> None:
    """A scorecard with every step, no points, exit status 1, and a report for each lab."""
    ran = lab("grade", "--report", tmp_path, env={"TERM": "xterm-256color"})
    assert (ran.status, ran.err, unprintable(ran.out)) == (1, "", set())
    for one in all_labs():
        for step in one.steps:
            assert f"{step.number} {step.title} " in ran.out
        must_have_the_form_of_results(one, load(tmp_path, one.name))
        must_say_the_same(tmp_path, one)
    points = sum(step.points for one in all_labs() for step in one.steps)
    assert f"\n0 of {points} points\n" in ran.out
    suites = [suite.get("name") for suite in ET.parse(tmp_path / "junit.xml").getroot()]
    assert suites == [one.name for one in all_labs()]


def test_grade_of_the_references(tmp_path: Path) -> None:
    """The references get full marks, exit status 0."""
    ran = lab("grade", "--work", SOLUTIONS, "--report", tmp_path)
    assert ran.status == 0, ran.words
    for one in all_labs():
        assert load(tmp_path, one.name)["score"] == sum(step.points for step in one.steps)
        assert verdicts(tmp_path, one.name) == len(one.steps) * ["passed"]


# -- the terminal ----------------------------------------------------------------------------------------


@pytest.fixture
def fails_at_once(tmp_path: Path) -> tuple[str | Path, ...]:
    """The words that check a program which ends at once."""
    work = submission(tmp_path, {"echo_server.c": MAIN})
    return ("check", "02", "--step", "1", "--work", work, "--report", tmp_path)


def test_piped_output_is_plain(fails_at_once: tuple[str | Path, ...]) -> None:
    """No escape sequence goes into a pipe, whatever the terminal is."""
    ran = judged(*fails_at_once, env={"TERM": "xterm-256color", "COLORTERM": "truecolor"})
    assert (ran.status, unprintable(ran.words)) == (1, set())


def test_a_terminal_has_colours(fails_at_once: tuple[str | Path, ...]) -> None:
    """On a terminal there are colours, and the words are the same."""
    env = {key: value for key, value in os.environ.items() if key not in (*DECIDE, "NO_COLOR")}
    child = pexpect.spawn(
        str(LAB),
        list(map(str, fails_at_once)),
        env={**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        encoding="utf-8",
        dimensions=(50, 100),
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, "\x1b[" in child.before) == (1, True), child.before
    plain = re.sub(r"\x1b\[[0-9;]*m", "", child.before).replace("\r\n", "\n")
    assert "step 1, Two at once: 0 of 15 points\n" in plain and not unprintable(plain)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_russian(locale: str, fails_at_once: tuple[str | Path, ...], tmp_path: Path) -> None:
    """LANGUAGE=ru is understood, also where the locale has no Russian letters."""
    ran = judged(*fails_at_once, env={"LANGUAGE": "ru", "LC_ALL": locale})
    assert (ran.status, ran.err) == (1, "")
    assert two().steps[0].title_ru in ran.out
    assert entries(tmp_path)[0]["name"] == two().steps[0].title


# -- places ----------------------------------------------------------------------------------------------


def test_relative_places(tmp_path: Path) -> None:
    """--work and --report are relative to where the person stands."""
    reference(tmp_path / "my work")
    (tmp_path / "elsewhere").mkdir()
    ran = lab(
        "check", "2", *QUICK, "--work", "../my work", "--report", "r/2", cwd=tmp_path / "elsewhere"
    )
    assert ran.status == 0, ran.words
    assert verdicts(tmp_path / "elsewhere" / "r" / "2") == ["passed"]
    assert "report: r/2/02-threaded-echo" in ran.out


def test_strange_places(tmp_path: Path) -> None:
    """Blanks, quotes and Cyrillic in the paths; the command to paste is quoted so that it works."""
    work = tmp_path / "Мои 'лабы' $HOME; \\"
    ran = lab("check", "2", "--work", reference(work), "--report", work / "отчёт", *QUICK)
    assert (ran.status, verdicts(work / "отчёт")) == (0, ["passed"]), ran.words
    (work / NAME / "echo_server.c").write_text(MAIN)
    ran = lab("check", "2", "--work", work, "--report", work / "отчёт")
    (line,) = [text for text in ran.out.splitlines() if text.startswith("  $ make check")]
    assert f"WORK={work}" in shlex.split(line)


def test_links(tmp_path: Path) -> None:
    """The work directory and the command itself may be symbolic links."""
    reference(tmp_path / "work")
    (tmp_path / "link").symlink_to("work")
    (tmp_path / "lab").symlink_to(LAB)
    words: list[str | Path] = [
        tmp_path / "lab",
        "check",
        "2",
        *QUICK,
        "--work",
        "link",
        "--report",
        "report",
    ]
    ran = Command(words, cwd=tmp_path).wait()
    assert (ran.status, verdicts(tmp_path / "report")) == (0, ["passed"]), ran.words


def test_a_directory_with_traps(tmp_path: Path) -> None:
    """Files beside the person that have names of Python's modules are not taken for them."""
    for name in ("labkit", "pytest", "random", "rich", "conftest", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('trapped')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    words: list[str | Path] = [LAB, "check", "2", *QUICK, "--work", SOLUTIONS]
    ran = Command([*words, "--report", "report"], cwd=tmp_path).wait()
    assert ran.status == 0, ran.words


def test_a_read_only_repository(tmp_path: Path) -> None:
    """Nothing but build/ is written in."""
    probe = Command(["unshare", "-Urm", "true"]).wait()
    if probe.status:
        pytest.skip(f"no mount namespace: {probe.err.strip()}")
    script = (
        f"mount --bind {BUILD} /mnt; mount --bind {ROOT} {ROOT};"
        f" mount -o remount,bind,ro {ROOT}; mount --bind /mnt {BUILD};"
        f" ! touch {LABS}/x 2>/dev/null; cd {ROOT}; exec '$0' \"$@\"".replace("'", '"')
    )
    words: list[str | Path] = ["unshare", "-Urm", "bash", "-ec", script, LAB, "check", "2", *QUICK]
    ran = Command([*words, "--work", "solutions", "--report", tmp_path]).wait()
    assert ran.status == 0, ran.words


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    """A cron job or a careless script may start us without stdin or stderr."""
    script = f'exec "$0" "$@" {closed}'
    words: list[str | Path] = [
        "bash",
        "-c",
        script,
        LAB,
        "check",
        "2",
        *QUICK,
        "--work",
        "solutions",
    ]
    ran = Command([*words, "--report", tmp_path]).wait()
    assert (ran.status, verdicts(tmp_path)) == (0, ["passed"]), ran.words


# -- submissions -----------------------------------------------------------------------------------------


def test_any_number_of_files(tmp_path: Path) -> None:
    """A lab directory may hold more sources, and a copy of labs/common of its own."""
    home = reference(tmp_path) / NAME
    for name in ("net.c", "net.h"):
        shutil.copy(COMMON / name, home)
    for number in range(20):
        (home / f"part{number}.h").write_text(f"int part{number}(void);\n")
        (home / f"part{number}.c").write_text(
            f'#include "part{number}.h"\nint part{number}(void)\n{{\n\treturn {number};\n}}\n'
        )
    ran = lab("check", "2", *QUICK, "--work", tmp_path, "--report", tmp_path)
    assert (ran.status, verdicts(tmp_path)) == (0, ["passed"]), ran.words


def test_several_checks_at_once(tmp_path: Path) -> None:
    """They may build the same new program and write the same report, and do not disturb each other."""
    source = reference(tmp_path) / NAME / "echo_server.c"
    source.write_text(f"{source.read_text('utf-8')}\n/* {tmp_path} */\n", encoding="utf-8")
    words: list[str | Path] = [LAB, "check", "2", *QUICK]
    words += ["--work", tmp_path, "--report", tmp_path]
    for ran in [command.wait() for command in [Command(words) for _at_once in range(4)]]:
        assert ran.status == 0, ran.words
    assert verdicts(tmp_path) == ["passed"]
