"""The control questions as a script for the quiz page, their light markdown as HTML."""

from __future__ import annotations

import json
from typing import Any

from markdown import Markdown

PLAIN = {"id", "kind", "topic", "lab", "chapter", "experiment", "course", "program", "accept", "prints"}


def script(language: str) -> str:
    """The text of quiz-data.js."""
    try:
        from labkit import questions
    except ImportError:
        return "window.QUIZ = [];\n"
    return f"window.QUIZ = {json.dumps(questions.export(language), ensure_ascii=False)};\n"
