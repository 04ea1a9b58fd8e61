"""What tells a program from others whatever its names, order and comments are: fingerprints of its tokens.

Winnowing, after S. Schleimer, D. S. Wilkerson, A. Aiken: Winnowing: Local Algorithms for Document Fingerprinting,
SIGMOD 2003. Each run of GRAM tokens has a hash, and of each WINDOW hashes in a row the least is a fingerprint. So two
programs share a fingerprint wherever they share GRAM + WINDOW - 1 tokens, and none where they share fewer than GRAM.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from labkit.ground import ctext
from labkit.ground.words import _

# Of the references and variants of one lab that were written apart no two share more than a tenth with these. A reference
# and itself with other names, its functions in another order and no comments share 68 % and more.
GRAM, WINDOW = 20, 10
MOST_TOKENS, MOST_BYTES = 50_000, 1 << 20  # of a program that is compared
MOST_PLACES = 8  # of a fingerprint in a program: a table of numbers has the same one everywhere

_NAME = re.compile(r"[A-Za-z_$]")
_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long"
    " register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"
    " _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local".split()
)


class TooLarge(Exception):
    """A program that is not compared, with the sentence that says why."""


@dataclass
class File:
    """A source. lines: its text. words: what is compared of its tokens; at: their lines' numbers, from 1.

    given: for each token, whether it is in code that the student did not write.
    """

    name: str
    lines: list[str]
    words: list[str]
    at: list[int]
    given: list[bool] = field(default_factory=list)


@dataclass
class Program:
    """A student's lab. places: each fingerprint, and where it stands: the files' and the tokens' numbers."""

    name: str
    files: list[File]
    places: Mapping[bytes, Sequence[tuple[int, int]]]


def program(name: str, sources: Mapping[str, bytes], given: Set[bytes]) -> Program:
    """The fingerprints of C files, by their names; those of given code are left out. Raises TooLarge."""
    if sum(map(len, sources.values())) > MOST_BYTES:
        raise TooLarge(_("its text is too long to be compared"))
    files = [_file(path, data) for path, data in sorted(sources.items())]
    if sum(len(file.words) for file in files) > MOST_TOKENS:
        raise TooLarge(_("its text is too long to be compared"))
    places: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for number, file in enumerate(files):
        hashes = _hashes(file.words)
        file.given = _covered(hashes, given, len(file.words))
        for start in _winnowed(hashes):
            found = places[hashes[start]]
            if hashes[start] not in given and len(found) < MOST_PLACES:
                found.append((number, start))
    return Program(name, files, {key: found for key, found in places.items() if found})


def given(sources: Iterable[bytes]) -> set[bytes]:
    """All hashes of code that students have been given: a comparison leaves it out."""
    return {key for data in sources for key in _hashes(_file("", data).words)}


def _file(name: str, data: bytes) -> File:
    text = data.decode("utf-8", "replace")
    found = list(ctext.words(text))
    return File(
        name, text.splitlines(), [_kind(word) for _n, word in found], [n for n, _word in found]
    )


def _kind(word: str) -> str:
    """A token as it is compared: a name is as good as another, and so is a number or a text."""
    if len(word) > 1 and word[-1] in "\"'":
        return '"'
    if word[0].isdigit() or (word[0] == "." and len(word) > 1):
        return "0"
    return "x" if _NAME.match(word) and word not in _KEYWORDS else word


def _hashes(words: Sequence[str]) -> list[bytes]:
    """The hash of each run of GRAM words: the same in every run of ours, so that results are, too."""
    return [
        hashlib.blake2b(" ".join(words[i : i + GRAM]).encode(), digest_size=8).digest()
        for i in range(len(words) - GRAM + 1)
    ]


def _winnowed(hashes: Sequence[bytes]) -> list[int]:
    """Of each window the place of the least hash, of several the last one; all places once, in order."""
    windows = range(max(0, len(hashes) - WINDOW) + 1) if hashes else ()
    least = (
        min(range(i, min(i + WINDOW, len(hashes))), key=lambda j: (hashes[j], -j)) for i in windows
    )
    return sorted(set(least))


def _covered(hashes: Sequence[bytes], of: Set[bytes], count: int) -> list[bool]:
    """For each of so many tokens, whether it is in a run whose hash is one of these."""
    covered = [False] * count
    for i, key in enumerate(hashes):
        if key in of:
            covered[i : i + GRAM] = [True] * GRAM
    return covered
