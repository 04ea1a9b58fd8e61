"""The control questions: `load` reads and checks them, `judge` says what an answer is worth, `export` is for the site."""

from __future__ import annotations

from labkit.workbook.questions.exporting import export
from labkit.workbook.questions.judging import Answer, Judgement, NotAnAnswer, Reason, judge
from labkit.workbook.questions.reading import DOCS, load, topics
from labkit.workbook.questions.shape import (
    GAP,
    KINDS,
    line_numbers,
    Option,
    Question,
    without_head,
    Words,
    Wrong,
)

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
