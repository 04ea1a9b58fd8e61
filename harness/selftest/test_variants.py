"""Correct programs of a different design get every point; that the references do is in test_interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from graded import Change, Mutant, check, failures, variants
from labkit.catalog import Lab, all_labs, find


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_variant_gets_every_point(lab: Lab, path: Path, tmp_path: Path) -> None:
    """A variant passes every step."""
    work = tmp_path / "work"
    work.mkdir()
    (work / lab.name).symlink_to(path)
    status, results = check(lab, work, tmp_path / "report", "--all")
    assert status == 0, failures(results)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_there_are_two_variants(lab: Lab) -> None:
    """Each lab has at least two."""
    assert len([one for one, _path in variants() if one == lab]) >= 2


# The last thing that a server does before it says where it listens. A busy machine may stop it just there.
LAST = {
    "02": Change("echo_server.c", "\tcatch_stop_signals();\n", ""),
    "06": Change("control_server.c", '\tannounce("listening on ", name);\n', ""),
}
PAUSE = "\tnanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);\n"
INCLUDE = "#include <stdlib.h>\n"


@pytest.mark.parametrize(
    "number, step, name",
    [
        ("02", 6, "test_stops_while_clients_come"),
        ("06", 3, "test_nothing_to_change"),
        ("06", 4, "test_every_event_once"),
    ],
)
def test_a_server_is_ready_when_it_says_so(
    number: str, step: int, name: str, tmp_path: Path
) -> None:
    """Nothing is asked of a reference that listens but has not said so yet."""
    last = LAST[number]
    changes = (
        Change(last.file, last.find, PAUSE + last.find),
        Change(last.file, INCLUDE, f"{INCLUDE}#include <time.h>\n"),
    )
    late = Mutant(find(number), "late", "none", step, name, "none", changes)
    late.plant(tmp_path / "work")
    options = ["--step", str(step), f"--check={name}"]
    status, results = check(late.lab, tmp_path / "work", tmp_path / "report", *options)
    assert status == 0, failures(results)
