"""How the tests are dealt to the workers: the long ones evenly, and none of them last."""

from __future__ import annotations

import random

import pytest

LONG = {"test_variants", "test_mutants", "test_hostile", "test_interface", "test_starters"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long tests over the first four fifths of all; the others fill the gaps, in their order.

    pytest-xdist hands out consecutive tests: what is long must not be together, nor at the end, where one
    worker would go on alone. The same order for every worker and every run.
    """
    long = [item for item in items if item.path.stem in LONG]
    short = [item for item in items if item.path.stem not in LONG]
    random.Random(0).shuffle(long)
    place = {item: 0.8 * i / len(long) for i, item in enumerate(long)}
    place |= {item: i / len(short) for i, item in enumerate(short)}
    items.sort(key=place.__getitem__)
