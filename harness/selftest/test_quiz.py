"""The quiz as a person takes it: by pipe, and on terminals of several widths, in both languages."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pyte
import pytest

from rich.console import Console

from commandline import DECIDE, LAB, hear_signals
from labkit.ground.catalog import ROOT
from labkit.workbook import questions, quiz_progress
from labkit.workbook.questions import Question
from labkit.workbook.quiz_asking import Asking
from labkit.workbook.quiz_screen import Screen

SAMPLES = Path(__file__).parent / "quiz_docs"
REAL = questions.load() if (ROOT / "docs" / "questions" / "topics.toml").is_file() else []
ALL = [*REAL, *questions.load(SAMPLES)]
SECONDS = 60
LONG = re.compile(r"\w{16,}")  # may be broken where a line ends


def environment(language: str = "en") -> dict[str, str]:
    """Ours, with a language, and nothing that decides about colours or widths."""
    drop = {*DECIDE, "NO_COLOR", "COLUMNS", "TERM"}
    kept = {key: value for key, value in os.environ.items() if key not in drop}
    return {**kept, "LANGUAGE": language, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}


class Quiz:
    """Runs of the quiz over the sample questions, with a progress of their own."""

    def __init__(self, home: Path) -> None:
        self.progress = home / "kept" / "quiz.json"
        self.command = [str(LAB), "quiz", "--docs", str(SAMPLES), "--progress", str(self.progress)]

    def piped(
        self, typed: str, *words: str, language: str = "en"
    ) -> subprocess.CompletedProcess[str]:
        """Answers on stdin, plain text on stdout."""
        return subprocess.run(
            [*self.command, *words],
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=environment(language),
        )

    def kept(self) -> dict[str, Any]:
        """What has been kept: the question's id -> whether it is right."""
        answers = json.loads(self.progress.read_text(encoding="utf-8"))["answers"]
        return {name: answer["right"] for name, answer in answers.items()}

    def seeded(self, seed: int = 1, **answers: bool) -> None:
        """Begin with a seed and some answers."""
        states = {k.replace("_", "-"): {"right": v, "tries": 1} for k, v in answers.items()}
        self.progress.parent.mkdir(exist_ok=True)
        text = json.dumps({"version": 1, "seed": seed, "answers": states})
        self.progress.write_text(text, encoding="utf-8")

    def only(self, *names: str, seed: int = 1) -> None:
        """Begin with all questions answered rightly but these."""
        all_ids = re.findall(r'^id = "(.*)"', _data(), re.MULTILINE)
        self.seeded(seed, **{name.replace("-", "_"): True for name in all_ids if name not in names})


def _data() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in (SAMPLES / "questions").glob("0*")
    )


@pytest.fixture
def quiz(tmp_path: Path) -> Quiz:
    """A quiz that nobody has taken yet."""
    return Quiz(tmp_path)


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


# -- on a terminal -------------------------------------------------------------------------------------


class Terminal:
    """A quiz on a terminal of so many columns."""

    def __init__(self, quiz: Quiz, columns: int = 80, language: str = "en", **more: str) -> None:
        self.raw = ""
        self._screen = pyte.HistoryScreen(columns, 300)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            quiz.command[0],
            quiz.command[1:],
            env={**environment(language), **more},
            dimensions=(300, columns),
            preexec_fn=hear_signals,
            timeout=SECONDS,
            encoding="utf-8",
        )

    def until(self, words: str) -> None:
        """Wait for words."""
        self.child.expect_exact(words)
        self._take(self.child.before + self.child.after)

    def _take(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text)

    def type(self, words: str) -> None:
        """Type a line."""
        self.child.sendline(words)

    def press(self, key: str) -> None:
        """Press a key with which one leaves, once the quiz sleeps until something is typed.

        What comes between a prompt and that sleep is lost: the terminal changes its mode there, and Python's
        line editor looks for signals only when it is woken.
        """
        deadline = time.monotonic() + SECONDS
        while not self._waits_for_keys() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.child.send(key)

    def _waits_for_keys(self) -> bool:
        raw = not termios.tcgetattr(self.child.child_fd)[3] & termios.ICANON
        return raw and psutil.Process(self.child.pid).status() == psutil.STATUS_SLEEPING

    def end(self) -> int:
        """Wait for its end; returns the exit status."""
        self.child.expect(pexpect.EOF)
        self._take(self.child.before)
        self.child.close()
        assert self.child.exitstatus is not None, self.child.signalstatus
        return int(self.child.exitstatus)

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()


@pytest.fixture
def closing() -> Iterator[list[Terminal]]:
    """Terminals that are closed whatever happens."""
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.child.close(force=True)


def test_a_conversation(quiz: Quiz, closing: list[Terminal]) -> None:
    """Answer, read why, leave with q; the next run goes on there."""
    quiz.only("how-many", "no-unlock")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("A number > ")
    terminal.type("2")
    terminal.until("q: leave")
    terminal.type("")
    terminal.until("wrong line > ")
    terminal.type("q")
    assert 0 == terminal.end()
    assert "Right." in terminal.shown and "7 of 8" in terminal.shown
    assert quiz.kept()["how-many"]
    assert "\x1b[" in terminal.raw


@pytest.mark.parametrize("key", ["\x03", "\x04"])
@pytest.mark.parametrize("after", [0, 1])
def test_interrupted(quiz: Quiz, closing: list[Terminal], key: str, after: int) -> None:
    """Ctrl-C and Ctrl-D leave as q does, while a question is asked and while an explanation is read."""
    quiz.only("how-many", "no-unlock")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("A number > ")
    if after:
        terminal.type("2")
        terminal.until("q: leave")
    terminal.press(key)
    assert 0 == terminal.end()
    assert f"{6 + after} of 8" in terminal.shown
    assert "Traceback" not in terminal.shown and "interrupted" not in terminal.shown
    assert ("how-many" in quiz.kept()) == bool(after)


def test_interrupted_while_a_program_runs(quiz: Quiz, closing: list[Terminal]) -> None:
    """Ctrl-C leaves, and the program goes with it."""
    quiz.only("join-it")
    terminal = Terminal(quiz)
    closing.append(terminal)
    terminal.until("in one line > ")
    terminal.type("for (;;) pthread_testcancel();")
    deadline = time.monotonic() + SECONDS
    while not (running := _run_by(terminal, "gap_join")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running
    terminal.child.send("\x03")
    assert 0 == terminal.end()
    psutil.wait_procs(running, timeout=SECONDS)
    assert not [process for process in running if process.is_running()]


def _run_by(terminal: Terminal, name: str) -> list[psutil.Process]:
    """The processes of a quiz that run a program."""
    found = []
    for process in psutil.Process(terminal.child.pid).children(recursive=True):
        with suppress(psutil.Error):
            if process.exe().endswith(f"/{name}"):
                found.append(process)
    return found


@pytest.mark.parametrize("columns", [50, 36])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_narrow_terminal(
    quiz: Quiz, closing: list[Terminal], columns: int, language: str
) -> None:
    """Nothing is wider than the window: it wraps between words, and no line is broken by the terminal."""
    terminal = Terminal(quiz, columns, language)
    closing.append(terminal)
    for _question in range(8):
        terminal.until("> ")
        terminal.type("?")
        terminal.until("> ")
        terminal.type("")
    terminal.press("\x04")
    assert 0 == terminal.end()
    for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.raw).replace("\r", "").split("\n"):
        assert len(line) <= columns, line


def test_no_color(quiz: Quiz, closing: list[Terminal]) -> None:
    """With NO_COLOR no colours are set, and code keeps its backquotes."""
    quiz.only("join-it")
    terminal = Terminal(quiz, NO_COLOR="1")
    closing.append(terminal)
    terminal.until("in one line > ")
    terminal.type("?")
    terminal.until("q: leave")
    terminal.type("q")
    assert 0 == terminal.end()
    assert "A model answer in `code`." in terminal.shown
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)[;m]", terminal.raw)


def test_in_russian(quiz: Quiz, closing: list[Terminal]) -> None:
    """Questions, explanations and the quiz's own words."""
    quiz.only("how-many")
    terminal = Terminal(quiz, language="ru")
    closing.append(terminal)
    terminal.until("Число > ")
    terminal.type("1")
    terminal.until("q: выход")
    terminal.type("q")
    assert 0 == terminal.end()
    for words in ("Работа 02 · Потоки", "Сколько здесь потоков?", "Неверно.", "Один забыт."):
        assert words in terminal.shown
    assert "В учебнике: docs/ru/threads.md, Ожидание" in terminal.shown
    english = re.findall(r"\b(?:the|of|wrong|right|lab|again)\b", terminal.shown, re.IGNORECASE)
    assert not english
