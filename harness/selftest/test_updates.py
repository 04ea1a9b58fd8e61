"""A counter that is changed by an atomic load and an atomic store is found; whatever else is atomic is let be."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.box import addresses, symbols, updates
from labkit.box.updates import Lost
from labkit.ground.faults import Trouble
from workshop import Workshop, forms_of, line_of

LOSING = ("two-steps", "downwards", "mixed")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("updates"))


def lost(shop: Workshop, form: str) -> list[Lost]:
    """What is on record of the program counts, in a form."""
    log = shop.directory / f"updates-{form}"
    library = shop.shim.with_name(updates.LIBRARY)
    words = ("env", f"LD_PRELOAD={shop.shim}:{library}", f"UPDATES_LOG=counts:{log}")
    run = shop.run(shop.build("counts", "tsan"), form, tool=words)
    assert (run.status, run.races, run.output) == (0, [], "")
    return updates.read(log)


@pytest.mark.parametrize("form", LOSING)
def test_a_lost_update_is_found(shop: Workshop, form: str) -> None:
    """With the line that stores."""
    first = lost(shop, form)[0]
    program = shop.build("counts", "tsan")
    frames = addresses.lines(program, {first.site - 1}, symbols.plainly)[first.site - 1]
    assert line_of("counts", f"{form} loses") == f"{frames[0].name}:{frames[0].line}"


@pytest.mark.parametrize("form", [form for form in forms_of("counts") if form not in LOSING])
def test_nothing_else_is_taken_for_one(shop: Workshop, form: str) -> None:
    """Counting in one step or under a lock, flags, turns, one writer, values that nobody adds to."""
    assert [] == lost(shop, form)


def test_a_file_of_another_form_is_our_trouble(tmp_path: Path) -> None:
    (tmp_path / "updates").write_bytes(bytes(100))
    with pytest.raises(Trouble):
        updates.read(tmp_path / "updates")
