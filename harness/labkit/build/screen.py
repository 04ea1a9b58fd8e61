"""Finds code that hides from the sanitizers, and nothing else: the harmless use of a word is no trick.

Four looks, each at what a compiler has made of the source, so that spelling doesn't matter:
the preprocessed text must not depend on a sanitizer; in it no attribute, pragma or asm of the student's own
may switch instrumentation off; the symbols must not talk to a sanitizer or take its place; and
each function that calls must be instrumented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path

from labkit.box import symbols
from labkit.box.symbols import NEUTRAL, Runner, plainly
from labkit.build import suspects
from labkit.ground import ctext
from labkit.ground.ctext import Directive, Token
from labkit.ground.faults import Trouble
from labkit.ground.words import N_, _

CAUSE = "hidden-from-sanitizer"
FLAGS = ("-std=c11", "-O1", "-pthread")
SANITIZERS = (("-fsanitize=thread",), ("-fsanitize=address,undefined",))
CANARY = "lab_canary_variable"
# What may make two runs of the preprocessor differ but is not the student's doing: the time, and distributions
# that turn _FORTIFY_SOURCE on by themselves, without a sanitizer only.
_FIXED = (
    "-U_FORTIFY_SOURCE",
    '-D__DATE__="Jan  1 2000"',
    '-D__TIME__="00:00:00"',
    '-D__TIMESTAMP__="then"',
)

_ASM = frozenset({"__asm__", "__asm"})  # plain asm is a name in ISO C

_HIDES = N_("it hides code from the sanitizer")
_RUNS_OUTSIDE = N_("it makes code run where the checks don't look, or under another name")
_TALKS = N_("a program must not know whether it is being watched, nor tell the tool what to see")


@dataclass(frozen=True)
class Trick:
    """Something that hides from a sanitizer. what: the thing itself; why: what is wrong with it."""

    file: str
    line: int | None
    what: str
    why: str
    cause: str = CAUSE


def screen(
    sources: Sequence[Path],
    plain_objects: Sequence[Path],
    tsan_objects: Sequence[Path],
    include_dirs: Sequence[Path] = (),
    *,
    compiler: str = "gcc",
    flags: Sequence[str] = FLAGS,
    sanitizers: Sequence[Sequence[str]] = SANITIZERS,
    run: Runner = plainly,
) -> list[Trick]:
    """All tricks in a student's program.

    sources: its .c files; headers beside them are looked at where they are included. plain_objects,
    tsan_objects: what was built of them, in the same order. include_dirs: trusted headers (labs/common).
    flags: those that the program is built with. sanitizers: those that come with each of the sanitizers.
    run: how to run gcc on the student's code, and the binutils. Raises Trouble where a tool can't be run.
    """
    tricks: list[Trick] = []
    for source in sources:
        look = _Look(source.absolute(), {s.absolute().parent for s in sources}, include_dirs)
        tricks += look.text(compiler, flags, sanitizers, run)
    for source, plain in zip(sources, plain_objects):
        tricks += _object_tricks(plain.absolute(), source.absolute(), sources, run)
    for source, watched in zip(sources, tsan_objects):
        tricks += _unwatched(watched.absolute(), source, run)
    return list(dict.fromkeys(tricks))


# -- the text ------------------------------------------------------------------------------------------


class _Look:
    """One source file, and what the preprocessor makes of it."""

    def __init__(self, source: Path, own_dirs: set[Path], include_dirs: Sequence[Path]) -> None:
        self._source = source
        self._own = [str(path) for path in own_dirs]
        self._trusted = [str(path.absolute()) for path in include_dirs]
        self._includes = [f"-I{path.absolute()}" for path in include_dirs]

    def text(
        self, compiler: str, flags: Sequence[str], sanitizers: Sequence[Sequence[str]], run: Runner
    ) -> list[Trick]:
        """The tricks in the text: what differs under a sanitizer, what the words say."""

        def preprocessed(*more: str) -> str:
            words = [*NEUTRAL, compiler, *flags, *self._includes, *_FIXED, *more, "-E"]
            done = run([*words, self._source.name], self._source.parent)
            if done.returncode:
                raise Trouble(f"{compiler} -E: {done.stderr.strip()[-200:]}")
            return done.stdout

        plain = preprocessed()
        mine = list(ctext.tokens(plain, self._source.name, self._is_own))
        asm = _ASM if any(flag.startswith("-std=c") for flag in flags) else {*_ASM, "asm"}
        tricks = [*self._line_directives(mine), *_word_tricks(mine, asm), *_telling_literals(mine)]
        for sanitizer in sanitizers:
            other = preprocessed(*sanitizer)
            if other != plain:
                tricks.append(self._difference(mine, other))
        return tricks

    def _is_own(self, file: str) -> bool:
        """Whether a file is the student's: it is no trusted header, and none of the system's."""
        path = str(self._source.parent / file)
        if any(ctext.inside(path, directory) for directory in self._trusted):
            return False
        return any(ctext.inside(path, d) for d in self._own) or not ctext.inside(path, "/usr")

    def _difference(self, mine: list[Token], other: str) -> Trick:
        """Where the text begins to depend on the sanitizer."""
        theirs = ctext.tokens(other, self._source.name, self._is_own)
        for one, two in zip_longest(mine, theirs):
            if one is None or two is None or one.text != two.text:
                where = one or two
                break
        else:
            where = None
        return Trick(
            Path(where.file).name if where else self._source.name,
            where.line if where else None,
            _("text that is another one when a sanitizer is on"),
            _(_TALKS),
        )

    def _line_directives(self, mine: list[Token]) -> Iterator[Trick]:
        """#line with the name of another file: reports would point elsewhere."""
        files = {self._source.name} | {token.file for token in mine}
        known = {Path(file).name for file in files}
        for file in sorted(files):
            path = self._source.parent / file
            # A marker in the source may name any file of this machine as the one that follows.
            if not any(ctext.inside(str(path), d) for d in self._own) or not path.is_file():
                continue
            for directive in ctext.directives(path.read_text(encoding="utf-8", errors="replace")):
                if _renames(directive, known):
                    what = _("a #line directive that names another file")
                    yield Trick(path.name, directive.line, what, _(_HIDES))


def _telling_literals(mine: Sequence[Token]) -> Iterator[Trick]:
    """Strings that name what tells of a tool; neighbours are one string to the compiler."""
    for is_string, run in groupby(mine, lambda t: t.text.endswith('"') and not t.pragma):
        parts = list(run) if is_string else []
        whole = "".join(part.text.partition('"')[2][:-1] for part in parts)
        named = suspects.LITERALS.search(whole)
        if named:
            yield _trick(parts[0], _("the name {name}").format(name=named[0]), _TALKS)


def _renames(directive: Directive, known: Set[str]) -> bool:
    """Whether a directive says that what follows stands in another file; a macro may say anything."""
    if directive.name != "line" and not directive.name.isdigit():
        return False
    words = directive.rest if directive.name == "line" else f"{directive.name} {directive.rest}"
    plain = re.fullmatch(r'\d+\s*(?:"([^"]*)")?', words.strip())
    return not plain or (plain[1] is not None and plain[1] not in known)


def _word_tricks(mine: Sequence[Token], asm: Set[str]) -> Iterator[Trick]:
    """Attributes, pragmas and asm among the student's own tokens."""
    for i, token in enumerate(mine):
        words = ""
        if token.pragma:
            if suspects.PRAGMAS.match(token.text):
                yield _trick(token, _("the pragma {text}").format(text=token.text), _HIDES)
        elif token.text in ("__attribute__", "__attribute"):
            words = "attribute"
        elif token.text == "[" and _text(mine, i + 1) == "[":
            words = "bracket"
        elif token.text in asm and _is_own_asm(mine, i):
            yield _trick(token, _("inline assembler or an assembler name"), _RUNS_OUTSIDE)
        elif token.text == CANARY:
            yield _trick(token, _("the name {name}").format(name=CANARY), _TALKS)
        for name in _attribute_names(mine, i) if words else ():
            if suspects.ATTRIBUTES.fullmatch(_bare(name.text)):
                what = _("the attribute {name}").format(name=_bare(name.text))
                yield _trick(name, what, _HIDES if "sanitize" in name.text else _RUNS_OUTSIDE)


def _trick(token: Token, what: str, why: str) -> Trick:
    return Trick(Path(token.file).name, token.line, what, _(why))


def _text(mine: Sequence[Token], i: int) -> str:
    return mine[i].text if 0 <= i < len(mine) else ""


def _bare(name: str) -> str:
    """An attribute without the underscores it may be written with."""
    return name[2:-2] if name.startswith("__") and name.endswith("__") and len(name) > 4 else name


def _attribute_names(mine: Sequence[Token], start: int) -> Iterator[Token]:
    """The names in `__attribute__((a, b(…)))` or `[[x::a, b(…)]]`, without their arguments."""
    first = start + 2 if mine[start].text == "[" else start + 3
    depth = 0
    for token in mine[first:]:
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth -= 1
            if depth < 0:
                return
        elif depth == 0 and re.match(r"[A-Za-z_]", token.text):
            yield token


def _is_own_asm(mine: Sequence[Token], i: int) -> bool:
    """Whether an asm is the student's: of the system's macros only statements are harmless, not new names."""
    if not mine[i].system:
        return True
    before = _text(mine, i - 1)
    names = re.fullmatch(r"\w+", before) and before not in ("do", "else", "__extension__")
    return before == ")" or bool(names)


# -- the objects ---------------------------------------------------------------------------------------


def _object_tricks(
    obj: Path, source: Path, sources: Sequence[Path], run: Runner
) -> Iterator[Trick]:
    """What the object built without a sanitizer says: its symbols, its sections, its bytes."""
    for symbol in symbols.symbols(obj, run):
        why = _symbol_trick(symbol)
        if why:
            file, line = _mention(symbol.name, source, sources)
            what = _("the symbol {name}").format(name=symbol.name)
            yield Trick(file, line, what, _(why))
    for section in symbols.sections(obj, run):
        if suspects.HOOKS.match(section):
            what = _("the section {name}").format(name=section)
            yield Trick(source.name, None, what, _(_RUNS_OUTSIDE))
    if suspects.CLIENT_REQUEST in obj.read_bytes():
        yield Trick(source.name, None, _("a request to valgrind"), _(_TALKS))


def _symbol_trick(symbol: symbols.Symbol) -> str:
    """What is wrong with a symbol; empty where nothing is."""
    if not symbol.visible:
        return ""
    if suspects.INTERFACES.fullmatch(symbol.name):
        return _TALKS
    if not symbol.defined and suspects.ESCAPES.fullmatch(symbol.name):
        return N_("a server needs no other program and no look at its own insides")
    if symbol.defined and symbol.function and suspects.REPLACED.fullmatch(symbol.name):
        return N_(
            "it takes the place of a function that the sanitizer has to see; call it otherwise"
        )
    return ""


def _mention(name: str, source: Path, sources: Sequence[Path]) -> tuple[str, int | None]:
    """The first line that has the name as a word: in this source, else in any."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    for path in (source, *sources):
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            if word.search(line):
                return path.name, number
    return source.name, None


def _unwatched(obj: Path, source: Path, run: Runner) -> Iterator[Trick]:
    """Functions that call others but were not instrumented."""
    for name, called in symbols.calls(obj, run).items():
        if suspects.NOT_A_FUNCTION.match(name) or "__tsan_func_entry" in called:
            continue
        if any(not suspects.COMPILERS_OWN.fullmatch(target) for target in called):
            what = _("the function {name}, which the sanitizer doesn't see").format(name=name)
            yield Trick(source.name, None, what, _(_HIDES))
