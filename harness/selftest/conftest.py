"""How the tests are dealt to the workers: the long ones evenly, and none of them last."""

from __future__ import annotations

import random

import pytest

# Modules whose tests mostly take seconds, and the longest tests of others, which are begun first of all.
LONG = {
    "test_blocks",
    "test_variants",
    "test_harmless",
    "test_mutants",
    "test_hostile",
    "test_interface",
    "test_starters",
}
LONGEST = {
    "test_grade_of_the_references",
    "test_helgrind_accuses_no_correct_program_and_every_lock_that_is_kept",
    "test_thread_sanitizer_accuses_no_correct_program_and_every_race",
    "test_variant_gets_every_point",
}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of what has the machine for itself: harness/test.sh runs that after all else."""
    config.addinivalue_line("markers", "alone: it loads the machine, or judges by its time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long tests over the first four fifths of all; the others fill the gaps, in their order.

    pytest-xdist hands out consecutive tests: what is long must not be together, nor at the end, where one
    worker would go on alone. The longest stand in the first half. The same order for every worker and every run.
    """
    longest = [item for item in items if _name(item) in LONGEST]
    long = [item for item in items if item.path.stem in LONG and item not in longest]
    short = [item for item in items if item not in longest and item not in long]
    random.Random(0).shuffle(long)
    place = {item: 0.5 * i / len(longest) for i, item in enumerate(longest)}
    place |= {item: 0.8 * i / len(long) for i, item in enumerate(long)}
    place |= {item: i / len(short) for i, item in enumerate(short)}
    items.sort(key=place.__getitem__)


def _name(item: pytest.Item) -> str:
    """The name of its function."""
    return item.name.partition("[")[0]
