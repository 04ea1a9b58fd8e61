"""A busy machine in small: what overload.py does at length, for one step beside some load."""

from __future__ import annotations

import os

import pytest

from overload import Outcome, check, load

LOOPS, THREADS = 6, 1000  # loops for each core


@pytest.mark.alone
def test_a_busy_machine() -> None:
    """The reference's step is passed or, at worst, an error; no traceback, and the sandbox is there."""
    outcome = Outcome()
    with load(LOOPS * len(os.sched_getaffinity(0)), THREADS):
        check("02", ["--step", "2"], 200.0, outcome)
    assert outcome.wrong == [] and sum(outcome.verdicts.values()) == 1
    assert set(outcome.verdicts) <= {"passed", "error"}
