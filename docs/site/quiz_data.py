"""The control questions as a script for the quiz page, their light markdown as HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from directives import RUNNERS
from kept import KEPT, digest, write
from labkit.ground.catalog import ROOT
from labkit.workbook import questions
from markdown import Markdown

TEXTS = ("ask", "model", "why")
LANGUAGES = ("en", "ru")


def prepare() -> None:
    """Export the questions of both languages, unless nothing changed. Trouble names the question that is wrong.

    Both by one process, which then runs each experiment only once.
    """
    code = Path(questions.__file__).parent.glob("*.py")
    made_of = [Path(__file__), *RUNNERS, *code]
    made_of += [path for path in (ROOT / "docs/questions").rglob("*") if path.is_file()]
    made_of += [path for path in (ROOT / "docs/experiments").glob("*.*") if path.is_file()]
    key = digest(sorted(made_of))
    stamp = KEPT / "quiz" / "made-of"
    if stamp.is_file() and stamp.read_text() == key:
        return
    for language in LANGUAGES:
        found = [_as_html(question) for question in questions.export(language)]
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        write(_path(language), f"window.QUIZ = {text};\n")
    write(stamp, key)


def script(language: str) -> str:
    """The text of quiz-data.js, as `prepare` left it."""
    return _path(language).read_text(encoding="utf-8")


def _path(language: str) -> Path:
    return KEPT / "quiz" / f"{language}.js"


def _as_html(question: dict[str, Any]) -> dict[str, Any]:
    """A question whose markdown has become HTML."""
    return {
        **question,
        **{key: _html(question[key]) for key in TEXTS if question[key]},
        "options": [
            {**option, "text": _inline(option["text"]), "why": _html(option["why"])}
            for option in question["options"]
        ],
        "items": [_inline(item) for item in question["items"]],
        "wrong": [{**wrong, "why": _html(wrong["why"])} for wrong in question["wrong"]],
        "chapter": question["chapter"].replace(".md", ".html", 1),
    }


def _html(markdown: str) -> str:
    return Markdown(extensions=["pymdownx.superfences", "sane_lists", "tables"]).convert(markdown)


def _inline(markdown: str) -> str:
    """HTML without the paragraph around it, where there is only one."""
    html = _html(markdown)
    single = html.count("<p>") == 1 and html.startswith("<p>") and html.endswith("</p>")
    return html[3:-4] if single else html
