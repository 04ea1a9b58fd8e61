"""The quiz as a person takes it by pipe, and what it keeps; every question can be shown."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest

from rich.console import Console

from labkit.ground.catalog import ROOT
from labkit.workbook import quiz_progress
from labkit.workbook.questions import Question
from labkit.workbook.quiz_asking import Asking
from labkit.workbook.quiz_screen import Screen

from quizzing import ALL, LONG, Quiz, environment, quiz

# -- by pipe -------------------------------------------------------------------------------------------


def test_right_and_wrong(quiz: Quiz) -> None:
    """The quiz explains each answer; it repeats a question answered wrongly in the same run, and then it may be right."""
    quiz.only("how-many")
    ran = quiz.piped("1\n\n2\n\n")
    assert (0, "") == (ran.returncode, ran.stderr)
    assert re.search(
        r"Wrong\.\nYou forgot one\.\nIn the workbook: `docs/en/threads.md`, Join", ran.stdout
    )
    assert re.search(r"Lab 02 · Threads · 1 to go · again ─+\nHow many threads", ran.stdout)
    assert re.search(r"Right\.\nA model answer in `code`\.", ran.stdout)
    assert "All of them are right." in ran.stdout
    assert quiz.kept()["how-many"]


def test_all_kinds(quiz: Quiz) -> None:
    """A right answer to a question of each kind, as it is typed."""
    quiz.seeded(seed=3)
    order = quiz_progress.load(quiz.progress)[0].shuffled
    place = [order("what-is-shared", 3).index(1) + 1]
    several = sorted(order("what-waits", 3).index(n) + 1 for n in (0, 2))
    items = order("in-which-order", 3, range(3))
    sequence = [items.index(n) + 1 for n in range(3)]
    numbers = ["".join(map(str, place)), " ".join(map(str, several)), ", ".join(map(str, sequence))]
    typed = [
        *numbers,
        "2",
        "PTHREAD_JOIN",
        "pthread_join(thread, NULL);",
        "number is 2\nbye\n",
        "12",
    ]
    ran = quiz.piped("".join(f"{answer}\n\n" for answer in typed))
    assert 8 == ran.stdout.count("\nRight.\n"), ran.stdout
    assert re.search(r"together +8 of 8 +█{10}\n", ran.stdout)
    assert set(quiz.kept().values()) == {True}


def test_what_is_right_is_not_asked_again(quiz: Quiz) -> None:
    """Neither in the same run nor in the next, until --again asks for it."""
    quiz.only()
    ran = quiz.piped("")
    assert 0 == ran.returncode
    assert "to go" not in ran.stdout and "8 of 8" in ran.stdout
    ran = quiz.piped("", "--again")
    assert "8 to go" in ran.stdout and "0 of 8" in ran.stdout


def test_skipped_questions_come_in_the_next_run(quiz: Quiz) -> None:
    """An empty line skips; nothing is noted of it."""
    quiz.only("how-many", "no-unlock")
    ran = quiz.piped("\n\n")
    assert 2 == ran.stdout.count("Skipped.")
    assert "6 of 8" in ran.stdout and "The next `make quiz` goes on" in ran.stdout
    assert "2 to go" in quiz.piped("").stdout


def test_a_wrong_answer_comes_after_some_others(quiz: Quiz) -> None:
    """Four questions stand between, where there are so many."""
    ran = quiz.piped("1\n\n1\n\n" + "\n" * 8)
    asked = re.findall(r"to go(?: · (again))? ─", ran.stdout)
    assert "again" in asked and "again" not in asked[:5]


def test_the_model_answer_before_an_answer(quiz: Quiz) -> None:
    """A person who looks at the answer gets the question again."""
    quiz.only("how-many")
    ran = quiz.piped("?\n\n")
    assert re.search(
        r"Right is:\n +2\n\nA model answer in `code`\.\nNow you have seen it", ran.stdout
    )
    assert "1 to go · again" in ran.stdout
    assert quiz.kept()["how-many"] is False


def test_the_model_answer_after_an_answer(quiz: Quiz) -> None:
    """Of a choice the numbers as they are shown, and the words."""
    quiz.only("what-is-shared")
    wrong = quiz_progress.load(quiz.progress)[0].shuffled("what-is-shared", 3).index(0) + 1
    ran = quiz.piped(f"{wrong}\n?\nq\n")
    assert "each has a stack of its own" in ran.stdout
    assert re.search(r"Right is:\n +\d Global variables\.\n", ran.stdout)


def test_the_experiment(quiz: Quiz) -> None:
    """Its source and what it prints, before an answer and after it; before it the question then stands there again."""
    quiz.only("how-many")
    ran = quiz.piped("r\n2\nr\n\n")
    assert 2 == ran.stdout.count("pthread_join(thread, NULL);")
    assert 2 == ran.stdout.count("How many threads")
    assert 2 == ran.stdout.count(
        "  $ gcc -g -O1 -pthread joined.c -o joined\n  $ ./joined\n  number is 2\n  bye\n"
    )
    assert "All of them are right." in ran.stdout


def test_keys_of_another_layout(quiz: Quiz) -> None:
    """Capitals, and the letters that stand on the same keys of a Russian keyboard."""
    quiz.only("how-many")
    ran = quiz.piped("К\nR\nй\n")
    assert 2 == ran.stdout.count("$ ./joined")
    assert "please" not in ran.stdout and "how-many" not in quiz.kept()


def test_an_output_is_not_given_away(quiz: Quiz) -> None:
    """To run the program in question is to look the answer up; its head comment is not shown."""
    quiz.only("what-it-prints")
    ran = quiz.piped("r\n")
    assert "Now you have seen it" in ran.stdout
    assert quiz.kept()["what-it-prints"] is False
    assert "main what the thread wrote" not in quiz.piped("").stdout


def test_several_wrong_things_are_told_apart(quiz: Quiz) -> None:
    """What was chosen wrongly, and what was missed."""
    quiz.only("what-waits")
    order = quiz_progress.load(quiz.progress)[0].shuffled("what-waits", 3)
    ran = quiz.piped(f"{order.index(0) + 1} {order.index(1) + 1}\nq\n")
    assert "  - chosen: `pthread_detach`\n    It only says that nobody will.\n" in ran.stdout
    assert "  - missed: `pthread_cond_wait`\n    It waits for a signal.\n" in ran.stdout


def test_a_gap_shows_what_the_program_did(quiz: Quiz) -> None:
    """The refutation, and what was printed."""
    quiz.only("join-it")
    ran = quiz.piped("pthread_detach(thread);\nq\n")
    assert re.search(r"Wrong\.\nDetached is not joined\.\nIt prints:\n  \d", ran.stdout)


def test_a_gap_that_does_not_compile_is_asked_once_more(quiz: Quiz) -> None:
    """The compiler's words; a forgotten semicolon is neither right nor wrong, and nothing is kept of it."""
    quiz.only("join-it")
    ran = quiz.piped("pthread_join(thread, NULL)\nq\n")
    assert re.search(r"It does not compile:\n  gap_join\.c: .*\n(.*\n)*.*expected ‘;’", ran.stdout)
    assert "Wrong." not in ran.stdout
    assert "join-it" not in quiz.kept()


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("what-is-shared", "four", "numbers from 1 to 3, please"),
        ("what-is-shared", "4", "numbers from 1 to 3, please"),
        ("what-is-shared", "1 2", "one number, please"),
        ("in-which-order", "1 2", "each number once, please"),
        ("in-which-order", "112", "each number once, please"),
        ("how-many", "two", "a number, please"),
        ("no-unlock", "return -1;", "the number of a line, from 1 to 22, please"),
    ],
)
def test_what_is_no_answer_is_asked_once_more(quiz: Quiz, name: str, typed: str, says: str) -> None:
    """It is neither right nor wrong, and nothing is kept of it."""
    quiz.only(name)
    ran = quiz.piped(f"{typed}\n")
    assert says in ran.stdout
    assert name not in quiz.kept()
    assert 0 == ran.returncode


def test_one_lab(quiz: Quiz) -> None:
    """The quiz asks and counts only its questions."""
    for name in ("3", "03", "03-rockets"):
        ran = quiz.piped("q\n", name)
        assert "Lab 03" in ran.stdout and "Lab 02" not in ran.stdout and "0 of 4" in ran.stdout


def test_wrong_arguments(quiz: Quiz) -> None:
    """An unknown lab, an unknown option."""
    for words in (["99"], ["--shuffle"], ["02", "03"]):
        ran = quiz.piped("", *words)
        assert 2 == ran.returncode and "Traceback" not in ran.stderr


def test_broken_questions_are_trouble(quiz: Quiz, tmp_path: Path) -> None:
    """Exit status 3, with what is wrong."""
    (tmp_path / "docs").mkdir()
    ran = quiz.piped("", "--docs", str(tmp_path / "docs"))
    assert 3 == ran.returncode
    assert "topics.toml" in ran.stderr and "Traceback" not in ran.stderr


def test_without_input(quiz: Quiz) -> None:
    """Started with stdin closed it has nobody to ask, and ends."""
    command = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *quiz.command]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "0 of 8" in ran.stdout


def test_no_colours_in_a_pipe(quiz: Quiz) -> None:
    """Plain text of 80 columns, no blanks at the ends of lines."""
    ran = quiz.piped("\n" * 20)
    assert "\x1b" not in ran.stdout
    assert all(len(line) <= 80 and line == line.rstrip() for line in ran.stdout.splitlines())


# -- what is kept --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "seed": 1, "answers": {}}',
        '{"version": 1, "seed": "x", "answers": {}}',
        '{"version": 1, "seed": 1, "answers": {"how-many": true}}',
        '{"version": 1, "seed": 1, "answers": {"how-many": {"right": 1, "tries": 1}}}',
        "[" * 100000,
        "\udcff",
    ],
)
def test_a_damaged_progress_is_set_aside(quiz: Quiz, text: str) -> None:
    """It is kept under another name, and said; the quiz begins anew."""
    quiz.progress.parent.mkdir()
    data = text.encode("utf-8", "surrogateescape")
    for number in (1, 2):
        quiz.progress.write_bytes(data)
        ran = quiz.piped("q\n")
        aside = quiz.progress.with_name(f"quiz.damaged-{number}.json")
        assert (0, "") == (ran.returncode, ran.stderr)
        assert "cannot be read" in ran.stdout and "8 to go" in ran.stdout
        assert aside.read_bytes() == data
        quiz.progress.unlink(missing_ok=True)


def test_where_nothing_can_be_kept(quiz: Quiz, tmp_path: Path) -> None:
    """The quiz says so once, and goes on."""
    (tmp_path / "kept").write_text("a file", encoding="utf-8")
    quiz.progress = tmp_path / "kept" / "no" / "quiz.json"
    quiz.command[-1] = str(quiz.progress)
    ran = quiz.piped("\n\n\n2\n\n\n\n\n12\n\n")
    assert 0 == ran.returncode, ran.stderr
    assert 1 == ran.stdout.count("cannot be kept")
    assert "2 of 8" in ran.stdout


def test_the_order_stays(quiz: Quiz) -> None:
    """Options are in the same order when a question is asked again, and in another with another seed."""
    pattern = re.compile(r"^ +\d (.*)$", re.MULTILINE)
    quiz.only("what-is-shared", seed=3)
    first = pattern.findall(quiz.piped("").stdout)
    quiz.piped(f"{first.index('The stack.') + 1}\nq\n")
    assert first == pattern.findall(quiz.piped("").stdout)
    orders = [quiz_progress.Progress(quiz.progress, n).shuffled("any", 3) for n in range(30)]
    assert len({*map(tuple, orders)}) == 6


def test_the_seed_is_kept_from_the_beginning(quiz: Quiz) -> None:
    """Also of a person who leaves without an answer."""
    assert quiz.piped("q\n").stdout == quiz.piped("q\n").stdout
    assert {} == quiz.kept()


def test_an_order_is_never_shown_as_it_should_be(tmp_path: Path) -> None:
    """Items are always shuffled into another order."""
    for seed in range(50):
        progress = quiz_progress.Progress(tmp_path / "quiz.json", seed)
        assert [0, 1, 2] != progress.shuffled("any", 3, range(3))


def test_it_is_kept_in_the_working_copy() -> None:
    """Not below build/, and git does not see it."""
    place = quiz_progress.PLACE
    assert "build" not in place.parts[-3:]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"/{place.parent.relative_to(ROOT)}/" in ignored


# -- every question ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("question", ALL, ids=[question.id for question in ALL])
def test_every_question_can_be_shown(
    question: Question, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a window of 40 columns, with its model answer, and none of the markup left in the words."""
    monkeypatch.setenv("LANGUAGE", language)
    written = io.StringIO()
    console = Console(file=written, width=40, highlight=False, markup=False, emoji=False)
    screen = Screen(console)
    console.width = 40
    asking = Asking(screen, question, range(max(len(question.options), len(question.items))))
    asking.show()
    asking.show_model()
    shown = written.getvalue()
    assert all(len(line) <= 40 for line in shown.splitlines())
    assert "```" not in shown
    words = re.findall(r"\w+", re.sub(r"```.*?```", "", question.ask.of(language), flags=re.DOTALL))
    assert {*words} <= {*re.findall(r"\w+", shown.replace("\n", " "))} | {
        *LONG.findall(" ".join(words))
    }
