"""Starters: what a student begins with, made of the reference.

`solutions/gaps/NN-name.toml` has a table for each function that the student is to write: the stub that stands in place of its
body, and the stub's comments in Russian. All else is the reference's, letter for letter. A Russian starter
has its comments from `NN-name.ru.toml`, which has a table for each of them: the English words, and the Russian ones.
`common.ru.toml` has those of labs/common, which are given to the student whole.

Programs and their messages are the same in each language; only the comments differ.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.catalog import BUILD, COMMON, LABS, SOLUTIONS, all_labs, toml
from labkit.ground.files import replace_file
from labkit.ground.words import _

GAPS = SOLUTIONS / "gaps"
WRITTEN = (
    BUILD / "starters" / "written"
)  # digests of what was ever written, so that it is known again
LANGUAGES = ("en", "ru")
COLUMNS = 80
FILL = 79  # where the lines of a comment end at the latest
TAB = 8

_COMMENT_OR_LITERAL = re.compile(
    r"""/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)
# A function's body stands between lines that hold a brace and nothing else; its name begins a line.
_BODY = r"^{name}\([^;{{]*\)\n\{{\n(?P<body>.*?)^\}}\n"


class Refused(Exception):
    """Starters cannot be made, or not there; why, in words to whoever asked for them."""


@dataclass(frozen=True)
class Gap:
    """A function that is the student's. stub: what stands in its body instead; ru: the stub's comments, in order."""

    file: str
    function: str
    stub: str
    ru: tuple[str, ...]

    @property
    def steps(self) -> set[int]:
        """The numbers of its TODOs: the steps for which it is written."""
        return {int(n) for n in re.findall(r"\bTODO (\d+):", self.stub)}


# -- what is made ----------------------------------------------------------------------------------------


def gaps(name: str) -> list[Gap]:
    """The gaps of a lab, as its file has them."""
    path = GAPS / f"{name}.toml"
    if not path.is_file():
        raise Refused(_("there is no {file}").format(file=path))
    return [
        Gap(table["file"], table["function"], table["stub"], tuple(table["ru"]))
        for table in toml(path)["gap"]
    ]


def starter(name: str, language: str = "en") -> dict[str, str]:
    """The C files of a lab's starter, by name: English or Russian."""
    files = {path.name: path.read_text("utf-8") for path in sources(SOLUTIONS / name)}
    words = catalogue(name) if language == "ru" else {}
    for gap in gaps(name):
        if gap.file not in files:
            raise Refused(_("there is no {file}").format(file=SOLUTIONS / name / gap.file))
        files[gap.file] = with_gap(files[gap.file], gap)
        words = {**words, **dict(zip(map(meaning, comments(gap.stub)), gap.ru))}
    if language == "en":
        return files
    return {file: translated(text, words, f"{name}/{file}") for file, text in files.items()}


def common(language: str = "en") -> dict[str, str]:
    """The C files of labs/common, by name: English or Russian."""
    files = {path.name: path.read_text("utf-8") for path in sources(COMMON)}
    if language == "en":
        return files
    words = catalogue("common")
    return {file: translated(text, words, f"common/{file}") for file, text in files.items()}


def sources(directory: Path) -> list[Path]:
    """The C files of a directory, by name."""
    return sorted(directory.glob("*.[ch]"))


def with_gap(text: str, gap: Gap) -> str:
    """A reference's file with a function's body replaced by the stub."""
    found = list(re.finditer(_BODY.format(name=re.escape(gap.function)), text, re.M | re.S))
    if len(found) != 1:
        words = _("a gap needs one function {name} in {file}, and there are {n}")
        raise Refused(words.format(file=gap.file, n=len(found), name=gap.function))
    start, end = found[0].span("body")
    return text[:start] + gap.stub + text[end:]


# -- comments in another language ------------------------------------------------------------------------


def catalogue(name: str) -> dict[str, str]:
    """The Russian words of a directory's comments, by the English ones."""
    return {
        meaning(table["en"]): table["ru"]
        for table in toml(GAPS / f"{name}.ru.toml").get("comment", [])
    }


def comments(text: str) -> Iterator[str]:
    """The comments of a C source."""
    return (m[0] for m in _COMMENT_OR_LITERAL.finditer(text) if m[0].startswith("/*"))


def stripped(text: str) -> str:
    """A C source without its comments, and without the white space that they leave."""
    code = _COMMENT_OR_LITERAL.sub(lambda m: "" if m[0].startswith("/*") else m[0], text)
    return "\n".join(line.rstrip() for line in code.split("\n") if line.strip())


def meaning(comment: str) -> str:
    """The words of a comment, however its lines are broken: paragraphs, and the lines that stand for themselves."""
    return "\n".join(_paragraphs(comment))


def _paragraphs(comment: str) -> list[str]:
    """A comment's paragraphs, each one line. A line that begins with white space is one of its own; "" is an empty line."""
    inner = re.sub(r"^/\*[ \t]*|\s*\*/$", "", comment)
    found: list[str] = []
    for line in (re.sub(r"^[ \t]*\*(?: |$|(?=\t))", "", row).rstrip() for row in inner.split("\n")):
        if line and line[0] not in " \t" and found and found[-1] and found[-1][0] not in " \t":
            found[-1] += " " + line
        else:
            found.append(line)
    while found and not found[0]:
        del found[0]
    while found and not found[-1]:
        del found[-1]
    return found


def translated(text: str, words: Mapping[str, str], where: str) -> str:
    """A C source with its comments in Russian. words: by the English ones. Refused names a comment without."""

    def replaced(match: re.Match[str]) -> str:
        if not match[0].startswith("/*"):
            return match[0]
        english = meaning(match[0])
        if english not in words:
            missing = _("a comment of {file} has no translation: {words}")
            raise Refused(missing.format(file=where, words=english))
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        return _laid_out(words[english], before, block=match[0].startswith("/*\n"))

    return _COMMENT_OR_LITERAL.sub(replaced, text)


def _laid_out(words: str, before: str, block: bool) -> str:
    """A comment in the project's form. before: what stands on its line; block: whether it begins with a line of its own."""
    column = len(before.expandtabs(TAB))
    paragraphs = _paragraphs(words)
    single = f"/* {paragraphs[0]} */"
    if len(paragraphs) == 1 and not block and column + len(single) <= COLUMNS:
        return single
    alone = not before.strip()
    room = FILL - column - (3 if alone else 6)
    lines = [line for paragraph in paragraphs for line in _filled(paragraph, room)]
    if alone:
        rows = [
            f"{before} *{line if line[:1] == chr(9) else ' ' + line}".rstrip() for line in lines
        ]
        return "\n".join(["/*", *rows, f"{before} */"])
    tabs = re.match("\t*", before)
    lead = tabs[0] if tabs else ""
    lead += " " * (column - len(lead) * TAB)
    return f"/* {lines[0]}" + "".join(f"\n{lead} * {line}" for line in lines[1:]) + " */"


def _filled(paragraph: str, room: int) -> list[str]:
    """A paragraph in lines; one that stands for itself is left as it is."""
    if not paragraph or paragraph[0] in " \t":
        return [paragraph]
    return textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)


# -- files -----------------------------------------------------------------------------------------------


def home(language: str) -> Path:
    """Where starters go if nothing else is said: English ones are labs/ itself."""
    return LABS if language == "en" else BUILD / "starters" / language


def make(language: str, into: Path, force: bool = False) -> list[Path]:
    """Write all starters; returns the files that have changed. Nothing is written where a file would be lost.

    force: overwrite also what nobody could bring back, see _unsaved.
    """
    if language != "en" and into.resolve() == LABS:
        words = _(
            "labs/ has the English starters: name another directory for those in {language!r}"
        )
        raise Refused(words.format(language=language))
    due = {path: text for path, text in _files(language, into) if _content(path) != text}
    lost = [] if force else [path for path in due if _unsaved(path)]
    if lost:
        words = _(
            "git does not have what was changed in {files}: FORCE=1, or --force, overwrites it"
        )
        raise Refused(words.format(files=", ".join(map(str, lost))))
    for path, text in due.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    _note(due.values())
    return list(due)


def _files(language: str, into: Path) -> Iterator[tuple[Path, bytes]]:
    """What is to be there: every lab's files, and those of labs/common, which in labs/ itself are sources."""
    made = {lab.name: starter(lab.name, language) for lab in all_labs()}
    if into.resolve() != LABS:
        made["common"] = common(language)
    for name, files in made.items():
        for file, text in files.items():
            yield into / name / file, text.encode("utf-8")


def _note(texts: Iterable[bytes]) -> None:
    """Remember what we have written."""
    WRITTEN.parent.mkdir(parents=True, exist_ok=True)
    known = _written() | {hashlib.sha256(text).hexdigest() for text in texts}
    replace_file(WRITTEN, "\n".join(sorted(known)).encode("utf-8"))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _written() -> set[str]:
    return set(WRITTEN.read_text("utf-8").split()) if WRITTEN.exists() else set()


def _unsaved(path: Path) -> bool:
    """Whether a file would be lost if it was overwritten: somebody may have worked in it, and git has not got it."""
    text = _content(path)
    if text is None:
        return path.exists()
    if path.resolve().is_relative_to(BUILD) or hashlib.sha256(text).hexdigest() in _written():
        return False
    known = subprocess.run(
        ["git", "ls-files", "--error-unmatch", "--", path.name],
        cwd=path.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    same = subprocess.run(
        ["git", "diff", "--quiet", "--", path.name], cwd=path.parent, stderr=subprocess.DEVNULL
    )
    return known.returncode != 0 or same.returncode != 0
