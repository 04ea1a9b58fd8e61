"""Cycles of locks as findings: with the lines, the names of the locks and what the threads are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.box import addresses
from labkit.box.lockrecord import Hold, Record, Wait
from labkit.box.symbols import Runner
from labkit.ground.stacks import Frame, own
from labkit.ground.words import _
from labkit.reports import wording
from labkit.reports.evidence import RECORD, Access, Finding, role_of
from labkit.reports.lockorder import Cycle

# A finding of ours, and the lines (file, line) of all places where locks were taken in its ways.
Told = tuple[Finding, frozenset[tuple[str, int]]]


def tell(cycles: Sequence[Cycle], record: Record, program: Path, run: Runner) -> list[Told]:
    """The cycles as findings. program: the file that was run; run: what looks into it."""
    if not cycles:
        return []
    teller = _Teller(cycles, record, program, run)
    return [(teller.finding(cycle), teller.lines(cycle)) for cycle in cycles]


class _Teller:
    def __init__(self, cycles: Sequence[Cycle], record: Record, program: Path, run: Runner) -> None:
        self.record = record
        threads = record.threads.values()
        sites = {site for cycle in cycles for site in cycle.sites}
        asked = sites | {thread.site for thread in threads}
        # A site is where a call returns to: the call itself lies before.
        asked = {site - 1 for site in asked if site} | {thread.routine for thread in threads}
        self.frames = addresses.lines(program, asked, run)
        self.variables = addresses.variables(program, run)

    def finding(self, cycle: Cycle) -> Finding:
        """Each thread takes its lock and asks for the next one's."""
        accesses: list[Access] = []
        for wait, hold in cycle.holds():
            accesses += self._accesses(wait, hold, accesses)
        title = _("locks taken in different orders")
        return Finding(
            RECORD, "lock-order", "lock-order", title, None, tuple(accesses), None, False, ""
        )

    def lines(self, cycle: Cycle) -> frozenset[tuple[str, int]]:
        """The lines in which the student takes these locks in these ways."""
        tops = [own(self._at(site)) for site in cycle.sites]
        return frozenset((top.name or "", top.line or 0) for top in tops if top)

    def _at(self, site: int) -> tuple[Frame, ...]:
        return self.frames.get(site - 1, ())

    def _accesses(self, wait: Wait, hold: Hold, known: Sequence[Access]) -> list[Access]:
        """One thread's two locks, in its order."""
        thread, role, started = self._thread(wait.thread, known)
        taken, wanted = self._name(hold.lock), self._name(wait.wanted.lock)
        what = _("takes a lock")
        return [
            Access(what, thread, role, self._at(hold.site), taken=taken, started=started),
            Access(
                what,
                thread,
                role,
                self._at(wait.wanted.site),
                (taken,),
                taken=wanted,
                started=started,
            ),
        ]

    def _thread(self, number: int, known: Sequence[Access]) -> tuple[str, str, tuple[Frame, ...]]:
        """A thread's label, its role, and where it was started."""
        if number == 0:
            return "main thread", role_of("main thread"), ()
        label = f"thread {number}"
        thread = self.record.threads.get(number)
        started = self._at(thread.site) if thread else ()
        routine = self.frames.get(thread.routine, ()) if thread else ()
        role = role_of(label, routine, started)
        if any(access.role == role and access.thread != label for access in known):
            role = role_of(label, routine, started, another=True)
        return label, role, started

    def _name(self, lock: int) -> str:
        """A lock by the variable that it lies in, or by a number."""
        address = self.record.addresses[lock] - self.record.bias
        variable = addresses.variable_at(address, self.variables)
        if not variable:
            return _("lock {n}").format(n=lock)
        name = wording.plain_name(variable.name)
        behind = address - variable.begin
        return f"{name}+{behind}" if behind else name
