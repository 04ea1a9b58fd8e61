"""The longest tests begin first, so that no worker is left alone with one at the end."""

from __future__ import annotations

import pytest

LONGEST_FIRST = ("test_variants", "test_mutants", "test_hostile", "test_interface", "test_starters")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules whose tests take longest in front; within a module nothing moves."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
