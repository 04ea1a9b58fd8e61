"""Everything that gives an answer away stands in solutions/: without that directory, this repository is for students."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.build.starters import gaps
from labkit.ground.catalog import BUILD, LABS, ROOT, SOLUTIONS, Lab, all_labs
from labkit.workbook.answers import taken, variants
from labkit.workbook.newlab import SAMPLE

LEAST_LINES = 4  # of code: shorter bodies are what anybody writes
KINDS = {".c", ".h", ".py", ".toml", ".md", ".sh", ".js", ".html"}
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def code(text: str) -> str:
    """The lines of code of a text, without comments, blank lines and indentation."""
    lines = (line.strip() for line in COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)


def given_away(lab: Lab) -> Iterator[Path]:
    """All text files that a student of a lab has: without solutions/, and without the starters of later labs.

    A later lab begins with what an earlier one has taught. The sample is no student's lab; a new lab begins as its copy.
    """
    left_out = {SOLUTIONS, SAMPLE, BUILD}
    left_out |= {LABS / other.name for other in all_labs() if other.number > lab.number}
    for place, directories, names in os.walk(ROOT):
        here = Path(place)
        # Not even listed: what other tests build comes and goes.
        directories[:] = sorted(
            name for name in directories if not name.startswith(".") and here / name not in left_out
        )
        for path in (here / name for name in sorted(names) if not name.startswith(".")):
            if path.suffix in KINDS and path.is_file():
                yield path


def bodies(lab: Lab) -> dict[str, str]:
    """The reference's code of each function that is the student's, where it is long enough to be an answer."""
    found = {}
    for gap in gaps(lab.name):
        text = (SOLUTIONS / lab.name / gap.file).read_text(encoding="utf-8")
        match = re.search(
            rf"^{gap.function}\([^;{{]*\)\n\{{\n(.*?)^\}}\n", text, re.MULTILINE | re.DOTALL
        )
        assert match, gap.function
        body = code(match[1])
        if body.count("\n") + 1 >= LEAST_LINES:
            found[gap.function] = body
    return found


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)
def test_no_answer_is_left(lab: Lab) -> None:
    """No file outside solutions/ and of no later lab has the body of a function that the student is to write."""
    answers = bodies(lab)
    assert answers
    left = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in given_away(lab)
        for name, body in answers.items()
        if body in code(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert left == []


def test_an_answer_would_be_found(tmp_path: Path) -> None:
    """The reference itself has them all: the search can find something."""
    lab = all_labs()[0]
    whole = "".join(code(p.read_text()) + "\n" for p in (SOLUTIONS / lab.name).glob("*.c"))
    assert all(body in whole for body in bodies(lab).values())


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_a_variant_holds_only_what_differs(lab: Lab, path: Path) -> None:
    """A file that is the reference's is taken from there, and not kept twice."""
    reference = SOLUTIONS / lab.name
    same = [
        own.name
        for own in sorted(path.glob("*.[ch]"))
        if (reference / own.name).exists()
        and own.read_bytes() == (reference / own.name).read_bytes()
    ]
    assert same == [] and all((reference / name).is_file() for name in taken(path))
