"""For the self-tests: the sample lab, planted into a copy of the project as lab 07."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from commandline import SECONDS, Command, Ran
from forge import environment, forge_of
from labkit.ground import catalog
from labkit.ground.catalog import ROOT

NAME, NUMBER = "07-relay", "07"
COPIED = ("docs", "harness", "labs", "solutions")
FILES = ("README.md", "README.ru.md", "Makefile", "pyproject.toml", ".clang-format")
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", "selftest", "knowledge", "mypy")


@dataclass(frozen=True)
class Tree:
    """A copy of the project, with a lab more."""

    root: Path
    made: Ran

    def lab(self, *words: str | Path, language: str = "en") -> Ran:
        """Run the copy's own harness/lab."""
        return Command(
            [self.root / "harness/lab", *words], self.root, {"LANGUAGE": language}
        ).wait()

    def lint(self, *words: str, language: str = "en") -> list[str]:
        """What the copy's own lint says, by line; the status says whether there is something."""
        env = {**environment(), "LANGUAGE": language}
        status, out, err = forge_of(self.root).run(["lint", *words], SECONDS, env)
        assert (bool(out), "") == (status == 1, err), out
        return out.splitlines()

    def written(self) -> list[Path]:
        """The files that `lab new` said that it wrote."""
        return [self.root / line for line in self.made.out.partition("\n\n")[0].splitlines()]

    def planted(self) -> catalog.Lab:
        """The new lab."""
        return catalog.load(self.root / "labs" / NAME)


def copied(place: Path, name: str = NAME) -> Tree:
    """A copy of the project in which a lab of this name has been begun."""
    for directory in COPIED:
        shutil.copytree(ROOT / directory, place / "copy" / directory, ignore=NOT_COPIED)
    for file in FILES:
        shutil.copy(ROOT / file, place / "copy")
    ran = Command([place / "copy/harness/lab", "new", name], env={"LANGUAGE": "en"}).wait()
    return Tree(place / "copy", ran)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy for all these tests, which leave it as they find it."""
    return copied(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def skeleton(tree: Tree) -> list[str]:
    """What lint says of the skeleton, before anything is written or taken away."""
    return tree.lint(NUMBER)


@pytest.fixture
def kept(tree: Tree) -> Iterator[Tree]:
    """The copy, in which a test may change the new lab's files."""
    before = {path: path.read_bytes() for path in tree.written()}
    yield tree
    for path, data in before.items():
        path.write_bytes(data)
