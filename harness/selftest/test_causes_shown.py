"""Every cause is shown by a program: a mutant, a hostile program, one whose report was recorded, or one of a named test.

A cause that nothing shows is one of which nobody knows whether it is ever named rightly, or at all.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import test_hostile
from labkit.causes import table
from labkit.reports import asan, helgrind, tsan
from labkit.reports.findings import Finding, refine
from labkit.workbook.answers import mutants
from selftest import recorded

HERE = Path(__file__).parent
# What none of the others shows, and the test that has a program for it.
ELSEWHERE = {
    "cpu-budget": "test_hostile.test_a_program_that_burns_the_cpu",
    "memory": "test_program.test_too_much_memory",
    "no-program": "test_wrong_input.test_a_source_that_is_no_file",
}
READERS = (
    (tsan.parse, "tsan-gcc.txt"),
    (asan.parse, "asan-gcc.txt"),
    (helgrind.parse, "helgrind.xml"),
)


def of_mutants() -> set[str]:
    """What the mutants are called; test_mutants holds that each is."""
    return {mutant.cause for mutant in mutants()}


def of_hostile_programs() -> set[str]:
    """What hostile programs are called, where that is always the same; test_hostile holds that."""
    programs = (*test_hostile.PROGRAMS, *test_hostile.IN_A_SANDBOX, test_hostile.CROWD)
    return {program.cause for program in programs if " or " not in program.cause}


def of_reports() -> set[str]:
    """What the recorded reports of the tools are called."""
    found: list[Finding] = []
    for parse, report in READERS:
        for program in recorded.programs(report):
            directory = recorded.REPORTS / program
            found += [refine(one, directory) for one in parse(recorded.text(program, report))]
    return {finding.cause for finding in found}


def shown() -> set[str]:
    """All that some program shows."""
    return of_mutants() | of_hostile_programs() | of_reports() | set(ELSEWHERE)


def test_every_cause_is_shown() -> None:
    """Of a cause that is listed here: plant a mutant that has it, or delete it where nothing can have it."""
    assert [] == sorted(table.names() - shown())


@pytest.mark.parametrize("cause, where", ELSEWHERE.items())
def test_the_named_test_names_the_cause(cause: str, where: str) -> None:
    """The test is there, and expects this very cause."""
    module, name = where.split(".")
    source = (HERE / f"{module}.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    texts = [ast.get_source_segment(source, one) or "" for one in functions if one.name == name]
    assert [f'"{cause}"' in text for text in texts] == [True]


def test_no_test_is_named_in_vain() -> None:
    """Where a mutant or a hostile program shows a cause, no other test needs to be named for it."""
    assert set() == set(ELSEWHERE) & (of_mutants() | of_hostile_programs() | of_reports())
