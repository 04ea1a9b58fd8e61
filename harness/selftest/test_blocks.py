"""The recorded blocks: what a failure says is compared to the letter, in both languages."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

import blocks
from labkit.workbook.answers import Mutant

ANEW = "if that is meant: PYTHONPATH=harness python3 harness/selftest/blocks.py"


@pytest.mark.parametrize("mutant", blocks.picked(), ids=blocks.name_of)
def test_a_block_is_the_recorded_one(mutant: Mutant, tmp_path: Path) -> None:
    """Every word of it, and where each line ends."""
    differences: list[str] = []
    for language in blocks.LANGUAGES:
        path = blocks.recorded(mutant, language)
        known = path.read_text(encoding="utf-8").splitlines()
        said = blocks.block(mutant, language, tmp_path).splitlines()
        differences += difflib.unified_diff(known, said, str(path), "now", lineterm="")
    assert not differences, "\n".join([*differences, ANEW])


def test_no_recorded_block_is_left_over() -> None:
    """Each file is of a mutant that is compared, and each such mutant has its two files."""
    expected = {
        blocks.recorded(m, language) for m in blocks.picked() for language in blocks.LANGUAGES
    }
    assert set(blocks.BLOCKS.rglob("*.txt")) == expected
