"""What a check must not mind: correct programs that look like wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from graded import check, failures
from labkit.workbook.answers import Mutant
from harmless_ends import ENDS
from harmless_locks import AFTER_JOIN, ORDERED, TAUGHT
from harmless_words import GENEROUS


@pytest.mark.parametrize(
    "program",
    [*GENEROUS, *ENDS, *TAUGHT, *ORDERED, AFTER_JOIN],
    ids=lambda p: f"{p.lab.number}-{p.check}",
)
def test_what_is_harmless_passes(program: Mutant, tmp_path: Path) -> None:
    """What a check must not mind."""
    program.plant(tmp_path / "work")
    options = ["--step", str(program.step), f"--check={program.check}"]
    status, results = check(program.lab, tmp_path / "work", tmp_path / "report", *options)
    assert status == 0, failures(results)
