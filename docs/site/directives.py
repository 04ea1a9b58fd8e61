"""What a chapter asks for in a line of its own, and what stands there in its place.

    {{ program NAME.c }}            the whole program; with names of functions after it, these only
    {{ run NAME ARGUMENTS }}        what running it now shows; {{ run tsan NAME }}: under ThreadSanitizer
    {{ drawing NAME }}              the drawing of docs/drawings/NAME.py, in the chapter's language
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from excerpts import excerpt
from kept import digest, kept
from labkit.ground.faults import Trouble
from labkit.workbook import boxed, experiments

LINE = re.compile(r"([ \t]*)\{\{(.*)\}\}[ \t]*")
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
# What decides how a program is built and run, and what is shown of it.
RUNNERS = [Path(module.__file__ or "") for module in (experiments, boxed)]
LEXERS = {".c": "c", ".py": "python"}


@dataclass(frozen=True)
class Directive:
    """A directive: the number of its line, what stands before it, its words."""

    line: int
    indent: str
    words: tuple[str, ...]


def outside_fences(markdown: str) -> Iterator[tuple[int, str]]:
    """The lines that are not in a fenced block, numbered from 1."""
    fence = ""
    for number, line in enumerate(markdown.splitlines(), 1):
        opened = FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and line.strip() == opened[1]:
                fence = ""
        elif opened:
            fence = opened[1]
        else:
            yield number, line


def directives(markdown: str) -> list[Directive]:
    """The directives of a chapter."""
    return [
        Directive(number, match[1], tuple(match[2].split()))
        for number, line in outside_fences(markdown)
        if (match := LINE.fullmatch(line))
    ]


def expand(markdown: str, wrong: Callable[[int, str], None]) -> str:
    """A chapter with its directives carried out; `wrong` is called with line and reason of those that can't be."""
    lines = markdown.splitlines()
    for directive in directives(markdown):
        try:
            block = carry_out(directive.words)
        except Trouble as trouble:
            wrong(directive.line, str(trouble))
            block = ""
        lines[directive.line - 1] = "\n".join(
            directive.indent + line if line else "" for line in block.splitlines()
        )
    return "\n".join(lines) + "\n"


def carry_out(words: tuple[str, ...]) -> str:
    """The markdown that stands for a directive. Trouble if there is no such program, or it does not do its work."""
    match words:
        case ["program", name, *functions]:
            path = experiments.DIRECTORY / name
            if not path.is_file() or path.suffix not in LEXERS:
                raise Trouble(f"there is no program {name}")
            return _fenced(LEXERS[path.suffix], excerpt(path, list(functions)), name)
        case ["run", "tsan", name, *arguments]:
            return _fenced("console", transcript(name, tuple(arguments), "tsan"))
        case ["run", name, *arguments]:
            return _fenced("console", transcript(name, tuple(arguments)))
        case ["drawing", name]:
            return f'<figure class="drawing" data-drawing="{name}"></figure>'
    raise Trouble("not understood: {{ " + " ".join(words) + " }}")


def transcript(name: str, arguments: tuple[str, ...], tool: str = "plain") -> str:
    """What running a program shows; kept as long as neither it nor the way of running it changes."""
    path = experiments.source(name)
    key = digest([path, *RUNNERS, name, tool, *arguments])
    return kept("transcripts", key, lambda: experiments.transcript(name, arguments, tool))


def _fenced(language: str, text: str, title: str = "") -> str:
    """A code block; its fence is longer than any in the text."""
    inner = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * max(3, inner + 1)
    head = f'{language} title="{title}"' if title else language
    return f"{fence}{head}\n{text.rstrip()}\n{fence}"
