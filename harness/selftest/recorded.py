"""The recorded reports: programs with one bug each, and what the sanitizers said of them.

A `.lesson` beside a report is what a student reads about it; LABKIT_GOLDEN=write writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from labkit.ground.stacks import own
from labkit.reports.findings import Finding, describe

REPORTS = Path(__file__).parent / "reports"
QUICK = settings(max_examples=80, deadline=None, database=None)


@pytest.fixture(autouse=True, scope="module")
def english() -> Iterator[None]:
    """The lessons are compared in English, whatever language the tests are run in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", "C")
        yield


def programs(report: str) -> list[str]:
    """The programs of which there is a report of this name."""
    return sorted(path.parent.name for path in REPORTS.glob(f"*/{report}"))


def text(program: str, report: str) -> str:
    return (REPORTS / program / report).read_text(encoding="utf-8")


def lesson(program: str, findings: Iterable[Finding]) -> str:
    """What a student would read."""
    return "\n\n----\n\n".join(describe(finding, REPORTS / program) for finding in findings) + "\n"


def golden(program: str, report: str, got: str) -> str:
    """The lesson that is expected for a report; with LABKIT_GOLDEN=write it becomes what was got."""
    path = (REPORTS / program / report).with_suffix(".lesson")
    if os.environ.get("LABKIT_GOLDEN") == "write":
        path.write_text(got, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def lines(finding: Finding) -> list[int | None]:
    """The lines that a finding names, one for each access."""
    tops = [own(access.frames) or own(access.started) for access in finding.accesses]
    return [top.line if top else None for top in tops]


def cut_reports(report: str) -> st.SearchStrategy[str]:
    """Any recorded report of this name, cut off anywhere."""
    texts = [text(program, report) for program in programs(report)]
    return st.sampled_from(texts).flatmap(
        lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end])
    )


def shuffled_reports(report: str) -> st.SearchStrategy[str]:
    """Lines of recorded reports in any order, with garbage between them."""
    known = [line for program in programs(report) for line in text(program, report).splitlines()]
    line = st.sampled_from(known) | st.text(max_size=60)
    return st.lists(line, max_size=40).map(lambda some: "\n".join(some) + "\n")
