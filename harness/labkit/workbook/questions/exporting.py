"""The control questions as JSON for the site, in one language."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from labkit.workbook import experiments
from labkit.workbook.questions.judging import printed
from labkit.workbook.questions.reading import load, topics
from labkit.workbook.questions.shape import Question, line_numbers, without_head


def export(language: str, docs: Path | None = None) -> list[dict[str, Any]]:
    """All questions in a language ("en" or "ru"), ready for json.dumps. Programs are run for it: some seconds.

    Every question has all these keys; what its kind does not have is null, or an empty list:

    id, kind     kind: choice several order number text gap output bug
    lab          "02"
    course       1 to 6 on the six questions that the course asks, else null
    topic        {"id": "threads", "name": "Threads"}
    chapter      "why-threads.md#one-client-blocks"
    ask, model   light markdown: the question, and the model answer
    why          markdown: the text for any wrong answer that has no explanation of its own; null for choices
    options      choice, several: [{"text", "right", "why"}] in the file's order: show them shuffled
    items        order: [text] in the RIGHT order: show them shuffled
    value, tolerance   number: right is |answer - value| <= tolerance
    accept       text: patterns; gap: code, the first being the model
    program      gap, output, bug: {"name": "gap_join.c", "text": its source; of output without the head comment}
    command      output: "./NAME ARGUMENTS" (or "python3 NAME.py …")
    prints       gap: what the completed program prints; output: what the program printed when it was run now
    lines        bug: the numbers of the wrong lines, from 1; each of them is a right answer
    wrong        number, text, gap, output, bug: [{"answer", "why"}] - the tempting wrong answers: a number,
                 a pattern, code, an output, or a line's number from 1
    experiment   {"name": "NAME.c", "text": its source, "transcript": what running it showed}: why the answer is right

    How answers are compared (judging.py does the same): patterns match the whole answer, ignoring case, after
    white space has become single blanks, any of `'"«»“” and blanks have gone from both ends, and full stops
    from the end; code without any white space; outputs line by line, each line trimmed, empty lines at both
    ends dropped.
    In several, give the `why` of each wrong option chosen and of each right one missed.
    """
    names = topics(docs)
    return [
        {
            **_common(question, language),
            **_answers(question, language),
            "topic": {"id": question.topic, "name": names[question.topic].of(language)},
        }
        for question in load(docs)
    ]


def _common(question: Question, language: str) -> dict[str, Any]:
    """What every kind has."""
    return {
        "id": question.id,
        "kind": question.kind,
        "lab": question.lab,
        "course": question.course,
        "chapter": question.chapter,
        "ask": question.ask.of(language),
        "model": question.model.of(language),
        "why": question.why.of(language) if question.why else None,
        "experiment": _demonstration(question.experiment, question.experiments),
    }


def _answers(question: Question, language: str) -> dict[str, Any]:
    """What the answer is compared with."""
    number = question.kind == "number"
    return {
        "options": [
            {"text": o.words.of(language), "right": o.right, "why": o.why.of(language)}
            for o in question.options
        ],
        "items": [item.of(language) for item in question.items],
        "value": question.value if number else None,
        "tolerance": question.tolerance if number else None,
        "accept": list(question.accept),
        "program": _program(question),
        "command": _command(question),
        "prints": _prints(question),
        "lines": question.numbers() if question.kind == "bug" else [],
        "wrong": [
            {"answer": _wrong(question, wrong.answer), "why": wrong.why.of(language)}
            for wrong in question.wrong
        ],
    }


def _wrong(question: Question, answer: str) -> str | float | int:
    if question.kind == "number":
        return float(answer)
    if question.kind == "bug":
        return line_numbers(question.program_text(), answer)[0]
    return answer


def _program(question: Question) -> dict[str, str] | None:
    if question.kind in ("gap", "bug"):
        return {"name": question.program, "text": question.program_text()}
    if question.kind == "output":
        shown = _source(question.program, question.experiments)
        return {**shown, "text": without_head(shown["text"])}
    return None


def _source(name: str, directory: Path) -> dict[str, str]:
    path = experiments.source(name, directory)
    return {"name": path.name, "text": path.read_text(encoding="utf-8")}


def _command(question: Question) -> str | None:
    if question.kind != "output":
        return None
    path = experiments.source(question.program, question.experiments)
    return experiments.command(path, question.arguments)


def _prints(question: Question) -> str | None:
    if question.kind == "output":
        return printed(question)
    return question.prints if question.kind == "gap" else None


@functools.cache
def _demonstration(name: str, home: Path) -> dict[str, str]:
    """The experiment behind a question, and what running it shows; run once for both languages."""
    how = experiments.expected(name, home)
    shown = experiments.transcript(name, how.arguments, how.tool, home)
    return {**_source(name, home), "transcript": shown}
