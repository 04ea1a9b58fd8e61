"""C source as text: words and directives of a raw file, the tokens of a preprocessed one with where they come from."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TRIGRAPHS = {"??=": "#", "??/": "\\"}
_SPLICE = re.compile(r"\\[ \t]*$")
_COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
_DIRECTIVE = re.compile(r"^[ \t\f\v]*(?:#|%:)[ \t\f\v]*(?P<name>\w*)(?P<rest>.*)$")
_MARKER = re.compile(r'# (?P<line>\d+) "(?P<file>(?:\\.|[^"\\])*)"(?P<flags>(?: \d)*)$')
_TOKEN = re.compile(
    r"""(?:u8|[uUL])?"(?:\\.|[^"\\])*"|[uUL]?'(?:\\.|[^'\\])*'|[A-Za-z_$][\w$]*|\.?\d(?:[eEpP][+-]|[\w.])*"""
    r"""|<:|:>|<%|%>|%:|\S"""
)
_DIGRAPHS = {"<:": "[", ":>": "]", "<%": "{", "%>": "}", "%:": "#"}


@dataclass(frozen=True)
class Directive:
    """A `#` line of a raw file: its name ("line", "pragma", a number) and what follows."""

    name: str
    rest: str
    line: int


@dataclass(frozen=True)
class Token:
    """A token after preprocessing.

    file, line: where it stands. system: it comes out of a macro of the system's headers.
    pragma: the token is a whole `#pragma` line.
    """

    text: str
    file: str
    line: int
    system: bool = False
    pragma: bool = False


def directives(source: str) -> Iterator[Directive]:
    """The directives of a source file, seen as a compiler does: trigraphs, spliced lines, comments."""
    for number, line in enumerate(_bare(source), 1):
        match = _DIRECTIVE.match(line)
        if match:
            yield Directive(match["name"], match["rest"].strip(), number)


def words(source: str) -> Iterator[tuple[int, str]]:
    """The words of a source file with their lines' numbers, from 1; comments and #include lines have none."""
    for number, line in enumerate(_bare(source), 1):
        match = _DIRECTIVE.match(line)
        if not match or not match["name"].startswith("include"):
            yield from ((number, _DIGRAPHS.get(m[0], m[0])) for m in _TOKEN.finditer(line))


def _bare(source: str) -> list[str]:
    """A source file's lines without comments, continued lines joined: each keeps the number of its first one."""
    for trigraph, char in _TRIGRAPHS.items():
        source = source.replace(trigraph, char)
    return _COMMENT_OR_LITERAL.sub(_without_comment, _spliced(source)).split("\n")


def _spliced(source: str) -> str:
    """The source with continued lines joined; the lines that vanish are made up for after them."""
    out: list[str] = []
    joined, missing = "", 0
    for line in source.replace("\r\n", "\n").split("\n"):
        splice = _SPLICE.search(line)
        if splice:
            joined, missing = joined + line[: splice.start()], missing + 1
        else:
            out.append(joined + line + "\n" * missing)
            joined, missing = "", 0
    return "\n".join([*out, joined] if joined else out)


def _without_comment(match: re.Match[str]) -> str:
    """A comment becomes a space and its line ends; literals stay."""
    text = match[0]
    return " " + "\n" * text.count("\n") if text.startswith("/") else text


def tokens(text: str, source: str, wanted: Callable[[str], bool]) -> Iterator[Token]:
    """The tokens of `gcc -E` output, of those files only that are `wanted`.

    What counts for a token's file is which includes are open there, not what a #line says.
    """
    stack, line, system = [source], 0, False
    for row in text.split("\n"):
        marker = _MARKER.match(row)
        if marker:
            flags = marker["flags"].split()
            if "1" in flags:
                stack.append(_unescaped(marker["file"]))
            elif "2" in flags and len(stack) > 1:
                stack.pop()
            line, system = int(marker["line"][:9]), "3" in flags and "4" in flags
            continue
        if wanted(stack[-1]):
            if row.startswith("#"):
                yield Token(" ".join(row.split()), stack[-1], line, system, pragma=True)
            else:
                for match in _TOKEN.finditer(row):
                    word = _DIGRAPHS.get(match[0], match[0])
                    yield Token(word, stack[-1], line, system)
        line += 1


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def inside(path: str, directory: str) -> bool:
    """Whether a path lies below a directory, once its dots are worked out."""
    return os.path.normpath(path).startswith(os.path.normpath(directory).rstrip("/") + "/")
