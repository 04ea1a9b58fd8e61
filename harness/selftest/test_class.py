"""A class is graded: the gradebook is right, a killed run is taken up, nothing runs without a sandbox."""

from __future__ import annotations

import csv
import json
import time
from html.parser import HTMLParser
from pathlib import Path
from signal import SIGKILL

import pytest

from archives import zipped
from commandline import LAB, SECONDS, Command, Ran, judged, lab, two
from labkit.box import sandbox
from labkit.classroom import gradebook, page
from labkit.classroom.gradebook import ERROR, GRADED, Grade, Mark, Row
from labkit.classroom.intake import Student
from labkit.classroom.ledger import Job, Ledger
from labkit.classroom.marking import TRIES, Marking
from labkit.classroom.roster import Person
from labkit.ground.catalog import BUILD, LABS, SOLUTIONS
from labkit.workbook.answers import mutants

NAME = two().name
STEP = 1  # of lab 02: there a starter fails soonest
needs_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason=f"no sandbox here: {sandbox.refusal()}"
)


def files(home: Path) -> dict[str, bytes]:
    """The C files of a lab directory, by their paths in a submission."""
    return {f"{NAME}/{path.name}": path.read_bytes() for path in home.glob("*.[ch]")}


def words(submissions: Path, into: Path, *more: str | Path) -> list[str | Path]:
    """The command that grades the one step of a class."""
    step = ["--lab", "02", "--step", str(STEP)]
    return [LAB, "class", submissions, "--into", into, *step, *more]


def grade(submissions: Path, into: Path, *more: str | Path) -> Ran:
    """Grade a class to its end, as a person would: again where the machine was too busy for a verdict."""
    return judged(*words(submissions, into, *more)[1:])


def table(path: Path) -> dict[str, dict[str, str]]:
    """The lines of grades.csv, by student."""
    with path.open(encoding="utf-8", newline="") as file:
        return {line["student"]: line for line in csv.DictReader(file)}


ROSTER = "id,name,email,section\ngood,=Good,g@x.org,A\nstarter,S,,\nwrong,W,,\nbomb,B,,\nnone,N,,\n"


def small_class(submissions: Path) -> str:
    """A reference, its starter, a mutant, what does not compile, a bomb; returns the cause that the mutant must have."""
    submissions.mkdir()
    for who, lab_files in (
        ("good", files(SOLUTIONS / NAME)),
        ("starter", files(LABS / NAME)),
        ("wrong", {f"{NAME}/echo_server.c": b"int main(\n"}),
        ("bomb", {f"{NAME}/a.h": bytes(32 << 20)}),
    ):
        (submissions / f"{who}.zip").write_bytes(zipped(lab_files))
    mutant = next(mutant for mutant in mutants() if mutant.lab == two() and mutant.step == STEP)
    mutant.plant(submissions / "mutant")
    return mutant.cause


@needs_sandbox
def test_a_class_ends_with_the_right_gradebook(tmp_path: Path) -> None:
    """Each has the points that it deserves, a bomb has none and no total; a second run grades nothing again."""
    submissions, into, roster = tmp_path / "class", tmp_path / "into", tmp_path / "roster.csv"
    cause = small_class(submissions)
    roster.write_text(ROSTER)
    ran = grade(submissions, into, "--roster", roster)
    assert (ran.status, ran.left) == (0, ()), ran.words
    points = str(two().step(STEP).points)
    book = table(into / "grades.csv")
    assert {who: (line[NAME], line["total"]) for who, line in book.items()} == {
        "good": (points, points),
        "starter": ("0", "0"),
        "mutant": ("0", "0"),
        "wrong": ("0", "0"),
        "bomb": ("", ""),
        "none": ("", "0"),
    }
    assert book["good"]["name"] == "'=Good" and "100 times" in book["bomb"]["notes"]
    assert "handed in nothing: none" in ran.out and "not in the roster: mutant" in ran.out
    known = json.loads((into / "grades.json").read_text(encoding="utf-8"))["students"]
    steps = {one["student"]: one["labs"][NAME]["steps"] for one in known}
    assert steps["mutant"][0]["cause"] == cause
    again = grade(submissions, into, "--roster", roster)
    assert "4 of 4 labs are graded already" in again.out and "[1/" not in again.out


@needs_sandbox
def test_a_killed_run_is_taken_up(tmp_path: Path) -> None:
    """What was graded before the kill is not graded again, what was not is, and nothing is lost."""
    submissions, into = tmp_path / "class", tmp_path / "into"
    submissions.mkdir()
    for who in "abc":
        (submissions / f"{who}.zip").write_bytes(zipped(files(SOLUTIONS / NAME)))
    command = Command(words(submissions, into, "--jobs", "1"))
    first = into / "done" / "a" / f"{NAME}.json"
    until = time.monotonic() + SECONDS
    while not first.exists():
        assert command.process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    before = first.stat().st_mtime_ns
    command.send(SIGKILL)
    command.process.wait()
    assert command.gone() == []
    ran = grade(submissions, into, "--jobs", "1")
    assert ran.status == 0, ran.words
    assert first.stat().st_mtime_ns == before and "of 3 labs are graded already" in ran.out
    points = str(two().step(STEP).points)
    assert {line[NAME] for line in table(into / "grades.csv").values()} == {points}
    assert list((into / "running").iterdir()) == []


def test_nothing_runs_without_a_sandbox(tmp_path: Path) -> None:
    """Strangers' programs are not run, whoever orders it."""
    (tmp_path / "class").mkdir()
    ran = lab("class", tmp_path / "class", "--into", tmp_path / "into", env={"SANDBOX": "none"})
    assert ran.status == 3 and "in the sandbox only" in ran.err
    assert not (tmp_path / "into").exists()


def test_wrong_arguments(tmp_path: Path) -> None:
    """A missing directory, a time that is none, a roster without a heading: a sentence each."""
    roster = tmp_path / "roster.csv"
    roster.write_text("Anna,17\n")
    for said, arguments in (
        ("no directory", [tmp_path / "none"]),
        ("is no time", [tmp_path, "--deadline", "tomorrow"]),
        ("must name its columns", [tmp_path, "--roster", roster]),
    ):
        ran = lab("class", *arguments)
        assert ran.status == 2 and said in ran.err


class Failing(Marking):
    """A grading that ends in an error of the machine's so many times."""

    times = 0

    def _run(self, job: Job, report: Path) -> tuple[str, int]:
        self.times -= 1
        if self.times >= 0:
            return "no space left", ERROR_STATUS
        home = report / job.lab.name
        home.mkdir(exist_ok=True)
        (home / "results.json").write_text('{"score": 1, "tests": [], "extra_data": {}}')
        return "", 0


ERROR_STATUS = 3


@pytest.mark.parametrize("times, done", [(1, True), (TRIES, False)])
def test_an_error_is_tried_again_then_listed(times: int, done: bool, tmp_path: Path) -> None:
    """An error of ours is no verdict: it has no points, and the next run tries once more."""
    ledger, job = Ledger(tmp_path), Job("anna", two(), "digest")
    with ledger.locked():
        marking = Failing(ledger)
        marking.times = times
        marking.grade([job], 1)
        assert ledger.is_done(job) is done
        assert ledger.failed(job) == ("" if done else "no space left")
        Failing(ledger).grade([job], 1)
        assert ledger.is_done(job)


def test_other_sources_are_another_job(tmp_path: Path) -> None:
    """A verdict of other sources is none."""
    ledger, job = Ledger(tmp_path), Job("anna", two(), "digest")
    with ledger.locked():
        Failing(ledger).grade([job], 1)
    assert ledger.results(job) and not ledger.results(Job("anna", two(), "other"))
    assert not ledger.is_done(Job("anna", two(), "other"))


def test_a_verdict_on_one_step_is_none_on_all(tmp_path: Path) -> None:
    """A class that was graded for one step is graded again for the others."""
    ledger, whole, step = (
        Ledger(tmp_path),
        Job("anna", two(), "digest"),
        Job("anna", two(), "digest", STEP),
    )
    with ledger.locked():
        Failing(ledger).grade([step], 1)
        assert ledger.is_done(step) and not ledger.is_done(whole)
        assert not ledger.results(whole) and ledger.failed(whole)
        Failing(ledger).grade([whole], 1)
        assert ledger.is_done(whole) and not ledger.is_done(step)


def row(state: str) -> Row:
    """A student with a hostile name, and one lab."""
    mark = Mark(two().steps[0], 5, "failed", "<b>cause", "<script>output")
    student = Student("anna", Person("17", "<script>alert(1)</script>", "=1+1@x.org", "A"))
    return Row(student, [Grade(two(), state, why="<i>", marks=[mark])])


def test_an_error_is_not_exported() -> None:
    """Neither Moodle nor Canvas gets a total that is not final."""
    for export in (gradebook.moodle_csv, gradebook.canvas_csv):
        assert "17" in export([row(GRADED)], [two()])
        assert "17" not in export([row(ERROR)], [two()])
    assert gradebook.canvas_csv([], [two()]).splitlines()[1].startswith("    Points Possible,")


def test_a_total_that_is_not_final_is_shown_nowhere() -> None:
    """In its place stands which labs it lacks, also where a lab has points that are in doubt."""
    doubtful = row(GRADED)
    doubtful.grades[0].doubt = True
    for one in (row(ERROR), row(gradebook.REFUSED), doubtful):
        text = page.html([one], [two()])
        assert "no total yet, it lacks 02" in text and "not counted here: 1" in text
        assert text.partition("</table>")[0].count(">5</td>") == (one is doubtful)
        assert "no total yet, it lacks 02" in gradebook.feedback(one)
        (student,) = json.loads(gradebook.as_json([one]))["students"]
        assert (student["total"], student["open"]) == (None, [NAME])
    assert "no total yet" not in page.html([row(GRADED)], [two()])


def test_the_page_shows_names_and_runs_none() -> None:
    """What a stranger wrote is text, and the page asks the network for nothing."""

    class Tags(HTMLParser):
        found: set[str] = set()

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.found.add(tag)
            assert "src" not in dict(attrs) and "href" not in dict(attrs)  # type: ignore[call-overload]

    parser = Tags()
    text = page.html([row(GRADED), row(ERROR)], [two()])
    parser.feed(text)
    assert not parser.found & {"script", "i", "b", "link", "img"} and "&lt;script&gt;" in text


def test_what_a_student_types_is_of_their_own_machine() -> None:
    """The commands of a failure block name labs/, not where the instructor keeps the submission."""
    work = BUILD / "class" / "work" / "anna"
    block = "  $ gcc build/class/work/anna/01-echo/a.c\n  $ make check LAB=01 WORK=build/class/work/anna\n"
    assert gradebook.as_at_home(block, work) == "  $ gcc labs/01-echo/a.c\n  $ make check LAB=01\n"
