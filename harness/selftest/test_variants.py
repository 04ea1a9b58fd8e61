"""Correct programs of a different design get every point; that the references do is in test_interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from graded import check, failures, plant_variant
from labkit.ground.catalog import Lab, all_labs
from labkit.workbook.answers import variants


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_variant_gets_every_point(lab: Lab, path: Path, tmp_path: Path) -> None:
    """A variant passes every step."""
    work = tmp_path / "work"
    plant_variant(lab, path, work)
    status, results = check(lab, work, tmp_path / "report", "--all")
    assert status == 0, failures(results)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_there_are_two_variants(lab: Lab) -> None:
    """Each lab has at least two."""
    assert len([one for one, _path in variants() if one == lab]) >= 2
