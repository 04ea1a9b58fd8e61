"""Which programs of a class have text in common, how much of each, and which lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from labkit.classroom.fingerprints import GRAM, File, Program

LEAST_SHARE = 0.25  # of the fingerprints of one of both; see there
LEAST_SHARED = 8  # fingerprints: in a program with hardly any of its own, a share says nothing
MOST_HOLDERS = 400  # of a fingerprint: what more programs have is no trace of a copy


@dataclass(frozen=True)
class Pair:
    """Two programs and the part of each one's own fingerprints that the other has, too: 0 to 1."""

    first: Program
    second: Program
    of_first: float
    of_second: float

    @property
    def share(self) -> float:
        """The greater of both: a copy in a longer program is a copy."""
        return max(self.of_first, self.of_second)


@dataclass(frozen=True)
class Passage:
    """A run of tokens that both programs have: a file of each, and its first and last line there, from 1."""

    first: File
    first_lines: tuple[int, int]
    second: File
    second_lines: tuple[int, int]
    tokens: int


def pairs(programs: Sequence[Program], others: Sequence[Program] = ()) -> list[Pair]:
    """The pairs that share enough to be looked at, those that share most first.

    others: programs from elsewhere, compared with those of the class, and not with each other.
    """
    everyone = [*programs, *others]
    holders: dict[bytes, list[int]] = defaultdict(list)
    for number, one in enumerate(everyone):
        for key in one.places:
            holders[key].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in holders.values():
        if len(numbers) <= MOST_HOLDERS:
            shared.update(pair for pair in combinations(numbers, 2) if pair[0] < len(programs))
    found = [
        _pair(everyone[i], everyone[j], count)
        for (i, j), count in shared.items()
        if count >= LEAST_SHARED
    ]
    enough = [pair for pair in found if pair.share >= LEAST_SHARE]
    return sorted(enough, key=lambda pair: (-pair.share, pair.first.name, pair.second.name))


def _pair(first: Program, second: Program, shared: int) -> Pair:
    return Pair(first, second, shared / len(first.places), shared / len(second.places))


def passages(pair: Pair) -> list[Passage]:
    """What both have in common, the longest passages first; no token of the first one stands in two of them."""
    runs = sorted(set(_runs(pair)), key=lambda run: (-run[4], run))
    taken: set[tuple[int, int]] = set()
    found = []
    for i, start, j, begin, count in runs:
        tokens = {(i, k) for k in range(start, start + count)}
        if len(tokens - taken) >= GRAM:
            first, second = pair.first.files[i], pair.second.files[j]
            lines = first.at[start], first.at[start + count - 1]
            theirs = second.at[begin], second.at[begin + count - 1]
            found.append(Passage(first, lines, second, theirs, count))
            taken |= tokens
    return found


def _runs(pair: Pair) -> Iterator[tuple[int, int, int, int, int]]:
    """Runs of equal tokens around the fingerprints of both: the file and the token where one begins, twice; its length.

    They end where code begins that was given.
    """
    seeds = sorted(
        (i, j, begin - start, start)
        for key in pair.first.places.keys() & pair.second.places.keys()
        for i, start in pair.first.places[key]
        for j, begin in pair.second.places[key]
    )
    last, end = (
        None,
        0,
    )  # where the run before ended, if it is of the same files at the same distance
    for i, j, distance, seed in seeds:
        if (i, j, distance) != last or seed >= end:
            start, count = _grown(pair.first.files[i], pair.second.files[j], distance, seed)
            last, end = (i, j, distance), start + count
            if count >= GRAM:
                yield i, start, j, start + distance, count


def _grown(one: File, other: File, distance: int, seed: int) -> tuple[int, int]:
    """The run of equal tokens around a fingerprint, as long as it can be: its beginning in the first file, its length.

    distance: of equal tokens in the second file from those in the first.
    """

    def fits(i: int) -> bool:
        inside = 0 <= i < len(one.words) and 0 <= i + distance < len(other.words)
        return inside and one.words[i] == other.words[i + distance] and not one.given[i]

    start = next((i for i in range(seed, seed + GRAM) if fits(i)), seed)
    end = start
    while fits(start - 1):
        start -= 1
    while fits(end):
        end += 1
    return start, end - start
