"""The control questions: `load` reads and checks them, `judge` says what an answer is worth, `export` is for the site."""

from __future__ import annotations

from labkit.questions.exporting import export
from labkit.questions.judging import Answer, Judgement, NotAnAnswer, Reason, judge
from labkit.questions.reading import DOCS, load, topics
from labkit.questions.shape import GAP, KINDS, Option, Question, Words, Wrong
from labkit.questions.shape import line_numbers, without_head

__all__ = [
    "Answer",
    "DOCS",
    "GAP",
    "Judgement",
    "KINDS",
    "NotAnAnswer",
    "Option",
    "Question",
    "Reason",
    "Words",
    "Wrong",
    "export",
    "judge",
    "line_numbers",
    "load",
    "topics",
    "without_head",
]
