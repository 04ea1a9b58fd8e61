"""One question of the quiz on the screen: how it is shown, how its answer is typed, and its model answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.workbook import experiments
from labkit.workbook.questions import Answer, NotAnAnswer, Question, without_head
from labkit.workbook.questions.judging import printed
from labkit.workbook.quiz_screen import Screen

KEYS = ("", "?", "r", "q")
RUSSIAN_KEYS = {"й": "q", "к": "r"}  # where the keyboard is still set to Russian


def key(typed: str) -> str | None:
    """The key that a line consists of, "" for an empty line; None where it is something else."""
    small = typed.strip().lower()
    small = RUSSIAN_KEYS.get(small, small)
    return small if small in KEYS else None


class Asking:
    """A question that is being asked, with its options or items in the order in which they are shown."""

    def __init__(self, screen: Screen, question: Question, order: Sequence[int]) -> None:
        self._screen, self._question, self._order = screen, question, list(order)

    # -- showing it ----------------------------------------------------------------------------

    def show(self) -> None:
        """The program that it is about, if any; then the question, next to where its answer is typed."""
        screen, question = self._screen, self._question
        if question.kind in ("gap", "bug"):
            screen.show_code(question.program_text(), numbers=question.kind == "bug")
            screen.put()
        if (
            question.kind == "output" and "```" not in question.ask.said
        ):  # else it shows the part that counts
            self._show_program()
        screen.show(question.ask.said)
        screen.put()
        if texts := self._texts():
            screen.listed(self._numbers(), [texts[number] for number in self._order])
        if question.kind == "gap":
            screen.say(_("Filled in, it must print:"))
            screen.printed(question.prints)

    def _show_program(self) -> None:
        """The program whose output the question asks for, and how it is run."""
        path = experiments.source(self._question.program, self._question.experiments)
        language = "python" if path.suffix == ".py" else "c"
        self._screen.show_code(without_head(path.read_text(encoding="utf-8")), language)
        self._screen.put()
        self._screen.printed("$ " + experiments.command(path, self._question.arguments))
        self._screen.put()

    def _texts(self) -> list[str]:
        """The options, or the items, as the file has them."""
        options = [option.words.said for option in self._question.options]
        return options or [item.said for item in self._question.items]

    def _numbers(self) -> list[str]:
        return [str(number) for number in range(1, len(self._order) + 1)]

    def show_model(self) -> None:
        """The right answer, and the model answer to compare with one's own."""
        screen, question = self._screen, self._question
        screen.put()
        if question.kind != "text":
            screen.say(_("Right is:"), "bold")
            marks, texts = self._right()
            if marks:
                screen.listed(marks, texts)
            else:
                screen.printed(texts[0])
            screen.put()
        screen.show(question.model.said)

    def _right(self) -> tuple[list[str], list[str]]:
        """The right answer: the texts, and their marks where they have some."""
        question, texts = self._question, self._texts()
        if question.options:
            right = [n for n in self._order if question.options[n].right]
        else:
            right = list(range(len(texts)))
        if texts:
            return [str(self._order.index(n) + 1) for n in right], [texts[n] for n in right]
        return [], [self._right_text()]

    def _right_text(self) -> str:
        """The right answer of a question without options."""
        question = self._question
        if question.kind == "number":
            return f"{question.value:g}"
        if question.kind == "gap":
            return question.accept[0]
        if question.kind == "bug":
            lines = question.program_text().splitlines()
            return "\n".join(f"{n} {lines[n - 1].strip()}" for n in question.numbers())
        try:
            return printed(question)
        except Trouble as trouble:
            return str(trouble)

    # -- what is typed -------------------------------------------------------------------------

    def read(self) -> str:
        """What the person types: a line, or for an output several until an empty one; a key alone is a line."""
        first = self._screen.ask(self._prompt())
        if key(first) is not None or self._question.kind != "output":
            return first.strip()
        lines = [first]
        while line := self._screen.ask(""):
            lines.append(line)
        return "\n".join(lines)

    def _prompt(self) -> str:
        return {
            "choice": _("Its number"),
            "several": _("The numbers of all that are right (like 1 3)"),
            "order": _("All numbers in the right order (like 2 1 3)"),
            "number": _("A number"),
            "text": _("In a word or two"),
            "gap": _("The text for the gap, in one line"),
            "output": _("What is printed, line by line; an empty line ends it"),
            "bug": _("The number of the wrong line"),
        }[self._question.kind]

    def answer(self, typed: str) -> Answer:
        """The typed answer as `judge` takes it: numbers as the file counts them. NotAnAnswer where it has none."""
        if not self._order:
            return typed
        if not re.fullmatch(r"[\d\s,.;]+", typed):
            raise NotAnAnswer(_("numbers from 1 to {n}, please").format(n=len(self._order)))
        words = re.findall(r"\d+", typed)
        if len(words) == 1 and len(self._order) < 10 and self._question.kind != "choice":
            words = list(words[0])
        numbers = [int(word) for word in words]
        if not all(1 <= number <= len(self._order) for number in numbers):
            raise NotAnAnswer(_("numbers from 1 to {n}, please").format(n=len(self._order)))
        return [self._order[number - 1] for number in numbers]
