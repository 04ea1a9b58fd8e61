"""Correct programs of a different design get every point; that the references do is in test_interface."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graded import check, failures, variants
from labkit.catalog import SOLUTIONS, Lab, all_labs


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_variant_gets_every_point(lab: Lab, path: Path, tmp_path: Path) -> None:
    """A variant passes every step; one that lacks a program of the lab is laid over the reference."""
    home = tmp_path / "work" / lab.name
    if not all((path / f"{program}.c").exists() for program in lab.programs):
        shutil.copytree(SOLUTIONS / lab.name, home)
    shutil.copytree(path, home, dirs_exist_ok=True)
    status, results = check(lab, home.parent, tmp_path / "report", "--all")
    assert status == 0, failures(results)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_there_are_two_variants(lab: Lab) -> None:
    """Each lab has at least two."""
    assert len([one for one, _path in variants() if one == lab]) >= 2
