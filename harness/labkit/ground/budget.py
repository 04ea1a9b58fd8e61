"""How much CPU time a program under test may use: far more than the reference needs in the same step.

A program that spins takes the CPU from whatever is graded beside it, and from the harness. Past a part of
its budget it stands back behind everybody else (nice), which no program that is near the reference ever meets;
past all of it, it is ended and told so.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from labkit.ground.catalog import HARNESS, Lab, toml
from labkit.ground.words import _

TABLE = HARNESS / "checks" / "cpu.toml"
LEAST_SECONDS = 30.0  # whatever the reference needs
TIMES = 30  # so many times what it needs: other designs, slower machines
NICE_FROM = 0.25  # the part of a budget after which a program stands back
NICE = 10


@dataclass(frozen=True)
class Budget:
    """Seconds of CPU time. needs: what the reference's hungriest program uses in a step."""

    needs: float

    @property
    def most(self) -> float:
        """What a program may use."""
        return max(LEAST_SECONDS, TIMES * self.needs)

    def spent(self, used: float) -> bool:
        return used > self.most

    def stands_back(self, used: float) -> bool:
        """Whether a program that has used so much shall let others go first."""
        return used > NICE_FROM * self.most

    def words(self, used: float) -> str:
        """The message about a program that has used too much."""
        words = _("it used {used:.0f} s of CPU time, where the reference needs {needs:.1f} s")
        return words.format(used=used, needs=self.needs)


def of(lab: Lab, step: int) -> Budget:
    """The budget of each program in a step of a lab."""
    return Budget(_table()[lab.number][str(step)])


@functools.cache
def _table() -> dict[str, Any]:
    return toml(TABLE)
