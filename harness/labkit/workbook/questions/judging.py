"""What an answer is worth: right or wrong, and the explanation that belongs to this very answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from labkit.ground.faults import DidNotCompile
from labkit.ground.words import _
from labkit.workbook import boxed, experiments
from labkit.workbook.questions.shape import GAP, Question, Words

# The numbers, from 0, of the options chosen, or of the items in their order; a line's number from 1;
# for the other kinds what was typed.
Answer = Union[Sequence[int], str]

GAP_SECONDS = 3.0
SHOWN_LINES = 30
SHOWN_WORDS = 10  # lines of the compiler's


class NotAnAnswer(Exception):
    """The typed text cannot be judged: the message says why, and it counts as no answer. evidence: the compiler's words."""

    def __init__(self, why: str, evidence: str = "") -> None:
        super().__init__(why)
        self.evidence = evidence


@dataclass(frozen=True)
class Reason:
    """Why an answer, or a part of it, is right or wrong.

    about: the option that it is about, None for the whole answer. missed: a right option that was not chosen.
    """

    why: Words
    about: Words | None = None
    missed: bool = False


@dataclass(frozen=True)
class Judgement:
    """right; the reasons; evidence: what the program said, in the reader's language."""

    right: bool
    reasons: tuple[Reason, ...]
    evidence: str = ""


def judge(question: Question, answer: Answer) -> Judgement:
    """Judge an answer. NotAnAnswer where it has not the form of its kind; Trouble where a program could not be run."""
    if question.kind in ("choice", "several"):
        return _choice(question, set(_numbers(answer, len(question.options))))
    if question.kind == "order":
        order = _numbers(answer, len(question.items))
        if sorted(order) != list(range(len(question.items))):
            raise NotAnAnswer(_("each number once, please"))
        return _plain(question, order == sorted(order))
    if question.kind == "bug":
        return _bug(question, answer)
    typed = str(answer)
    judges = {"number": _number, "text": _text, "gap": _gap, "output": _output}
    return judges[question.kind](question, typed)


def _numbers(answer: Answer, count: int) -> list[int]:
    """The numbers of an answer, each of them below `count`."""
    numbers = [] if isinstance(answer, str) else list(answer)
    if not numbers or not all(0 <= number < count for number in numbers):
        raise NotAnAnswer(_("numbers from 1 to {n}, please").format(n=count))
    return numbers


def _plain(question: Question, right: bool, why: Words | None = None) -> Judgement:
    """A judgement with one reason: the model answer, or `why`, or the text for any other wrong answer."""
    reason = question.model if right else why or question.why
    assert reason
    return Judgement(right, (Reason(reason),))


def _choice(question: Question, chosen: set[int]) -> Judgement:
    if question.kind == "choice" and len(chosen) != 1:
        raise NotAnAnswer(_("one number, please"))
    options = question.options
    rights = {number for number, option in enumerate(options) if option.right}
    if chosen == rights:
        told = sorted(rights)
    else:
        told = sorted(chosen - rights)
        told += sorted(rights - chosen) if question.kind == "several" else []
    reasons = (Reason(options[n].why, options[n].words, n not in chosen) for n in told)
    return Judgement(chosen == rights, tuple(reasons))


def _number(question: Question, typed: str) -> Judgement:
    """A comma is a decimal one, except between thousands (1,000)."""
    plain = re.sub(r"\s", "", typed)
    thousands = re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", plain)
    try:
        number = float(plain.replace(",", "" if thousands else "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise NotAnAnswer(_("a number, please"))
    right = abs(number - question.value) <= question.tolerance + 1e-9
    why = (wrong.why for wrong in question.wrong if abs(float(wrong.answer) - number) < 1e-9)
    return _plain(question, right, next(why, None))


QUOTES = "`'\"«»“” "


def plain_text(typed: str) -> str:
    """A short text without what does not count: doubled blanks, and quotation marks and a full stop around it."""
    return " ".join(typed.split()).lstrip(QUOTES).rstrip(QUOTES + ".")


def _text(question: Question, typed: str) -> Judgement:
    answer = plain_text(typed)

    def matches(pattern: str) -> bool:
        return re.fullmatch(pattern, answer, re.IGNORECASE) is not None

    why = (wrong.why for wrong in question.wrong if matches(wrong.answer))
    return _plain(question, any(map(matches, question.accept)), next(why, None))


def without_blanks(code: str) -> str:
    """Code as it is compared: without any white space."""
    return re.sub(r"\s", "", code)


def _gap(question: Question, typed: str) -> Judgement:
    """Compiled and run with the answer in the gap; a wrong answer that is known is wrong whatever it prints.

    What does not compile is not judged: a forgotten semicolon says nothing about the idea.
    """
    tempting = [w.why for w in question.wrong if without_blanks(w.answer) == without_blanks(typed)]
    right, evidence = _filled(question, typed)
    if right and not tempting:
        return Judgement(True, (Reason(question.model),), evidence)
    why = tempting[0] if tempting else question.why
    assert why
    return Judgement(False, (Reason(why),), evidence)


def _filled(question: Question, code: str) -> tuple[bool, str]:
    """Whether the program with this code prints what it must, and what it said. NotAnAnswer: it does not compile."""
    name = question.program.removesuffix(".c")
    text = question.program_text().replace(GAP, code)
    try:
        program = experiments.build_text(text, name)
    except DidNotCompile as fault:
        raise NotAnAnswer(_("It does not compile:"), _cut(fault.details, SHOWN_WORDS)) from fault
    outcome = boxed.run_program(program, terminal=False, seconds=GAP_SECONDS)
    if outcome.ended is None:
        return False, _("The program did not come to an end.")
    right = same_output(outcome.output, question.prints) and str(outcome.ended.signal) == "None"
    said = _cut(outcome.output.rstrip("\n")) or _("nothing")
    if outcome.ended.signal:
        said += f"\n[{outcome.ended}]"
    return right, _("It prints:") + "\n" + said


def _cut(text: str, most: int = SHOWN_LINES) -> str:
    """The beginning of an output, if it is long."""
    lines = [line[:200] for line in text.splitlines()]
    return "\n".join(lines[:most] + ["…"] * (len(lines) > most))


def same_output(one: str, other: str) -> bool:
    """Whether two outputs are the same line by line, but for blanks at the lines' ends and empty lines around."""
    return _lines(one) == _lines(other)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def printed(question: Question) -> str:
    """What the program of an output question prints, by running it now."""
    outcome = experiments.run(question.program, question.arguments, directory=question.experiments)
    return outcome.output


def _output(question: Question, typed: str) -> Judgement:
    real = printed(question)
    right = same_output(real, typed)
    why = (wrong.why for wrong in question.wrong if same_output(wrong.answer, typed))
    evidence = "" if right else _("It prints:") + "\n" + _cut(real.rstrip("\n"))
    plain = _plain(question, right, next(why, None))
    return Judgement(right, plain.reasons, evidence)


def _bug(question: Question, answer: Answer) -> Judgement:
    lines = question.program_text().splitlines()
    digits = str(answer).strip() if isinstance(answer, str) else str(answer[0] if answer else "")
    if not digits.isdecimal() or not 1 <= int(digits) <= len(lines):
        raise NotAnAnswer(_("the number of a line, from 1 to {n}, please").format(n=len(lines)))
    line = lines[int(digits) - 1].strip()
    why = (wrong.why for wrong in question.wrong if wrong.answer.strip() == line)
    return _plain(question, int(digits) in question.numbers(), next(why, None))
