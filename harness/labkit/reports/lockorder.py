"""The order of locks, judged by what threads really held: can some of them come to wait for each other for ever?

A cycle is as many waits as threads, each of another thread: each asks for a lock that the next one holds then. It is
possible only if

- nothing keeps these waits apart: no lock that two of them hold beside it (a gate), unless both hold it for reading;
- each lock that is asked for really excludes: not where both sides take it for reading, unless it is one at which
  readers wait behind writers, and there is a writer;
- the waits can come at the same time: the creation or the join of a thread does not put one before the other.

A call that does not wait for ever (trylock, a timed one) asks for nothing here, but what it took is held. A lock that
is taken again by its holder is no wait.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from labkit.box.lockrecord import Hold, Record, Wait
from labkit.ground.stacks import own
from labkit.reports.evidence import Finding

MOST_STEPS = 2_000_000  # some seconds
MOST_THREADS = 64  # in one cycle
MOST_CYCLES = 20

# What a thread held and asked for, wherever it did so: (lock, for reading) of each.
_Pattern = tuple[tuple[tuple[int, bool], ...], tuple[int, bool]]


class _TooMany(Exception):
    """There are too many orders to look through."""


@dataclass(frozen=True)
class Cycle:
    """Waits that can be for each other: each one's wanted lock is held by the next, the last one's by the first.

    sites: all places where locks were taken in the same ways.
    """

    waits: tuple[Wait, ...]
    sites: frozenset[int]

    def holds(self) -> list[tuple[Wait, Hold]]:
        """Each wait with the lock that it holds and the one before it asks for."""
        before = (self.waits[-1], *self.waits[:-1])
        return [
            (wait, next(h for h in wait.held if h.lock == asking.wanted.lock))
            for asking, wait in zip(before, self.waits)
        ]


def cycles(record: Record) -> tuple[list[Cycle], bool]:
    """The cycles that are possible, the shortest first, one for each set of ways to take locks; at most MOST_CYCLES.

    Also whether those are all: not where the record had no room for everything, or where there are too many orders
    to look through.
    """
    return _Search(record).run()


@dataclass
class _Search:
    record: Record
    steps: int = 0
    longest: int = 0  # of the chains that no gate forbids
    ways: dict[_Pattern, list[Wait]] = field(default_factory=lambda: defaultdict(list))
    arrivals: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wait in self.record.waits:
            if wait.held:
                self.ways[_pattern(wait)].append(wait)
        self.children: dict[int, list[int]] = defaultdict(list)
        for number, thread in self.record.threads.items():
            self.children[thread.creator].append(number)

    def run(self) -> tuple[list[Cycle], bool]:
        found: list[Cycle] = []
        try:
            for chain in self._all_chains(self._in_circles()):
                waits = self._at_once(chain, ())
                if waits:
                    found.append(Cycle(waits, self._sites(chain)))
                if len(found) == MOST_CYCLES:
                    break
        except _TooMany:
            return found, False
        return found, self.record.lost == 0

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise _TooMany

    def _in_circles(self) -> list[_Pattern]:
        """The patterns without those that no cycle can go through, for their lock is at an end of every chain."""
        left = list(self.ways)
        while True:
            held = {lock for locks, _wanted in left for lock, _shared in locks}
            wanted = {pattern[1][0] for pattern in left}
            kept = [p for p in left if p[1][0] in held and any(lock in wanted for lock, _s in p[0])]
            if len(kept) == len(left):
                return left
            left = kept

    def _all_chains(self, patterns: Sequence[_Pattern]) -> Iterator[tuple[_Pattern, ...]]:
        """Cycles of patterns that no gate forbids, the shortest first."""
        for length in range(2, min(len(patterns), MOST_THREADS) + 1):
            self.longest = 1
            yield from self._chains(patterns, length)
            if self.longest < length:
                return

    def _chains(self, patterns: Sequence[_Pattern], length: int) -> Iterator[tuple[_Pattern, ...]]:
        """Cycles of so many patterns that no gate forbids; each once, from its first pattern on."""
        holders: dict[int, list[int]] = defaultdict(list)
        for index, (locks, _wanted) in enumerate(patterns):
            for lock, _shared in locks:
                holders[lock].append(index)
        stack: list[tuple[int, ...]] = [(index,) for index in reversed(range(len(patterns)))]
        while stack:
            chain = stack.pop()
            self.longest = max(self.longest, len(chain))
            last = patterns[chain[-1]]
            if len(chain) == length:
                if self._blocks(last[1], patterns[chain[0]]):
                    yield tuple(patterns[index] for index in chain)
                continue
            for index in reversed(holders[last[1][0]]):
                self._step()
                one = patterns[index]
                if (
                    index >= chain[0]
                    and self._blocks(last[1], one)
                    and not any(_gated(patterns[other], one) for other in chain)
                ):
                    stack.append((*chain, index))

    def _blocks(self, wanted: tuple[int, bool], holder: _Pattern) -> bool:
        """Whether a lock that is wanted so has to wait for what the other one holds."""
        lock, shared = wanted
        for held, for_reading in holder[0]:
            if held == lock:
                return not (shared and for_reading) or lock in self.record.written
        return False

    def _at_once(
        self, chain: Sequence[_Pattern], chosen: tuple[Wait, ...]
    ) -> tuple[Wait, ...] | None:
        """For each pattern a wait of another thread, such that all of them can come at the same time."""
        if len(chosen) == len(chain):
            return chosen
        for wait in self.ways[chain[len(chosen)]]:
            self._step()
            if all(self._concurrent(wait, other) for other in chosen):
                waits = self._at_once(chain, (*chosen, wait))
                if waits:
                    return waits
        return None

    def _concurrent(self, one: Wait, other: Wait) -> bool:
        first, second = sorted((one, other), key=lambda wait: wait.when)
        if first.thread == second.thread:
            return False
        return self._arrival(first).get(second.thread, second.when + 1) > second.when

    def _arrival(self, wait: Wait) -> dict[int, int]:
        """From when on all that a thread does comes after this wait, for threads with such a time."""
        key = (wait.thread, wait.when)
        if key not in self.arrivals:
            self.arrivals[key] = self._reach(wait)
        return self.arrivals[key]

    def _reach(self, wait: Wait) -> dict[int, int]:
        threads = self.record.threads
        found: dict[int, int] = {}
        ahead = [(wait.when, wait.thread)]
        while ahead:
            when, number = heapq.heappop(ahead)
            if number in found:
                continue
            found[number] = when
            for child in self.children[number]:
                if threads[child].created >= when:
                    heapq.heappush(ahead, (threads[child].created, child))
            thread = threads.get(number)
            if thread and thread.joined:
                heapq.heappush(ahead, (thread.joined, thread.joiner))
        return found

    def _sites(self, chain: Sequence[_Pattern]) -> frozenset[int]:
        waits = [wait for pattern in chain for wait in self.ways[pattern]]
        return frozenset(hold.site for wait in waits for hold in (*wait.held, wait.wanted))


def _pattern(wait: Wait) -> _Pattern:
    held = tuple(sorted((hold.lock, hold.shared) for hold in wait.held))
    return held, (wait.wanted.lock, wait.wanted.shared)


def _gated(one: _Pattern, other: _Pattern) -> bool:
    """Whether both hold a lock that only one of them can have at a time."""
    shared = dict(one[0])
    return any(lock in shared and not (shared[lock] and s) for lock, s in other[0])


def settle(
    findings: Sequence[Finding], ours: Sequence[tuple[Finding, frozenset[tuple[str, int]]]]
) -> list[Finding]:
    """The tools' findings and our own on the order of locks, as one.

    ours: each with the lines (file, line) that belong to its cycle. A tool's report of a cycle that is not possible is
    a hint; where it tells of one of ours, it stands for it, for it has whole stacks.
    """
    settled = []
    told = set()
    for finding in findings:
        if finding.kind == "lock-order":
            lines = _lines(finding)
            same = [n for n, (_own, known) in enumerate(ours) if lines and lines <= known]
            told.update(same)
            finding = replace(finding, advisory=not same)
        settled.append(finding)
    return settled + [finding for n, (finding, _known) in enumerate(ours) if n not in told]


def _lines(finding: Finding) -> set[tuple[str, int]]:
    """The lines of the student's that a finding's locks are taken in."""
    tops = [own(access.frames) for access in finding.accesses]
    return {(top.name or "", top.line or 0) for top in tops if top}
