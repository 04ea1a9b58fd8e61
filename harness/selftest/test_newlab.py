"""A new lab: its skeleton is a lab that works, whatever its name, and no file of anybody's is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commandline import entries, lab
from labkit.ground.catalog import ROOT
from labkit.workbook import answers, newlab
from planting import NAME, NUMBER, Tree, copied, tree

LONG = "10-readers-and-writers-b"
SHARED = {
    "README.md",
    "README.ru.md",
    "docs/en/index.md",
    "docs/ru/index.md",
    "harness/checks/cpu.toml",
}

__all__ = ["tree"]


@pytest.fixture
def answers_there(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants and variants are those of the copy."""
    solutions = tree.root / "solutions"
    monkeypatch.setattr(answers, "SOLUTIONS", solutions)
    monkeypatch.setattr(answers, "MUTANTS", solutions / "mutants")
    monkeypatch.setattr(answers, "VARIANTS", solutions / "variants")


# -- the skeleton is a lab that works -----------------------------------------------------------------------


def test_it_says_what_it_wrote(tree: Tree) -> None:
    """Each file that is new or has a row more, and what to type next."""
    assert tree.made.status == 0, tree.made.err
    new = {str(path.relative_to(tree.root)) for path in tree.written()} - SHARED
    assert {path for path in new if (ROOT / path).exists()} == set()
    assert {f"labs/{NAME}/lab.toml", f"labs/{NAME}/relay.c", f"solutions/{NAME}/relay.c"} <= new
    assert f"harness/lab lint {NUMBER}" in tree.made.out


def test_nothing_of_the_sample_is_left(tree: Tree) -> None:
    """Neither its name nor its number stands in the new lab's files."""
    own = [path for path in tree.written() if str(path.relative_to(tree.root)) not in SHARED]
    found = [p for p in own if re.search(r"sample|\b00\b", p.read_text("utf-8"), re.IGNORECASE)]
    assert found == []


def test_the_reference_gets_every_point(tree: Tree, tmp_path: Path) -> None:
    """As each reference does."""
    ran = tree.lab("check", NUMBER, "--work", "solutions", "--report", tmp_path)
    assert ran.status == 0, ran.words


def test_the_starter_earns_nothing(tree: Tree, tmp_path: Path) -> None:
    """Each step fails for a cause with a name."""
    ran = tree.lab("check", NUMBER, "--all", "--report", tmp_path)
    assert ran.status == 1, ran.words
    said = [entry["extra_data"] for entry in entries(tmp_path, NAME)]
    assert [(one["verdict"], one["cause"]) for one in said] == [
        ("failed", "runner-lost"),
        ("failed", "wrong-order"),
    ]


@pytest.mark.usefixtures("answers_there")
def test_its_mutants_are_caught(tree: Tree, tmp_path: Path) -> None:
    """Each by its check, for its cause."""
    found = answers.mutants([tree.planted()])
    assert len(found) == 3
    for mutant in found:
        place = tmp_path / mutant.name
        mutant.plant(place)
        options = ("--work", place, "--report", place, "--step", str(mutant.step))
        tree.lab("check", NUMBER, *options, "--check", mutant.check)
        (step,) = entries(place, NAME)
        expected = ("failed", mutant.check, mutant.cause)
        said = step["extra_data"]
        assert expected == (said["verdict"], said["check"], said["cause"]), step["output"]


@pytest.mark.usefixtures("answers_there")
def test_its_variant_gets_every_point(tree: Tree, tmp_path: Path) -> None:
    """The checks do not ask for the reference's design."""
    ((_lab, variant),) = answers.variants([tree.planted()])
    shutil.copytree(variant, tmp_path / NAME)
    ran = tree.lab("check", NUMBER, "--work", tmp_path, "--report", tmp_path / "report")
    assert ran.status == 0, ran.words


@pytest.mark.parametrize("name", [NAME, LONG])
def test_its_form_is_right(name: str, tmp_path: Path) -> None:
    """However long the name is: formatters and cppcheck have nothing to say of what was written."""
    tree = copied(tmp_path, name)
    written = tree.written()
    assert len(name) <= newlab.LONGEST and len(written) > 10
    sources = [path for path in written if path.suffix == ".c"]
    python = [path for path in written if path.suffix == ".py"]
    for command in (
        ["clang-format", "--dry-run", "-Werror", *sources],
        [sys.executable, "-m", "black", "--check", "--quiet", *python],
        ["cppcheck", "--quiet", "--std=c11", "--enable=warning", "--error-exitcode=1", *sources],
    ):
        done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


# -- what cannot be begun -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, words",
    [
        ("7-relay", "a lab is called NN-name"),
        ("07-Relay", "a lab is called NN-name"),
        ("07-", "a lab is called NN-name"),
        ("../07-relay", "a lab is called NN-name"),
        ("07-" + "a" * newlab.LONGEST, "a lab is called NN-name"),
        ("02-relay", "02-threaded-echo has this number already"),
    ],
)
def test_a_name_that_is_none(name: str, words: str) -> None:
    """It is refused with the reason, and nothing is written."""
    ran = lab("new", name)
    assert ran.status == 2 and words in ran.err and not ran.out
    assert not list((ROOT / "labs").glob("*relay*")) + list((ROOT / "labs").glob("07-*"))


def test_a_file_that_is_there(tree: Tree) -> None:
    """Nobody's file is overwritten."""
    there = tree.root / "solutions/mutants/08-relay.toml"
    there.write_text("mine\n", encoding="utf-8")
    ran = tree.lab("new", "08-relay")
    assert (ran.status, there.read_text("utf-8")) == (2, "mine\n")
    assert "solutions/mutants/08-relay.toml" in ran.err
    assert not (tree.root / "labs/08-relay").exists()
    there.unlink()
