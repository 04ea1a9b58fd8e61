"""No space, no temporary directory, no rights: an error, never the student's failure, never full marks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from commandline import LAB, Command, Ran, lab, reference, verdicts
from labkit.ground.catalog import BUILD, ROOT, SOLUTIONS

MOUNTS = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, text=True)
pytestmark = pytest.mark.skipif(
    MOUNTS.returncode != 0, reason=f"no mount namespace: {MOUNTS.stderr.strip()}"
)
CHECK = ("check", "02", "--work", SOLUTIONS)


def with_mounts(
    mounts: str,
    *arguments: str | Path,
    cwd: Path = SOLUTIONS,
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run the harness where a shell script has mounted something that nobody else sees."""
    script = f'{mounts}; exec "$0" "$@"'
    inside: list[str | Path] = ["unshare", "-Urm", "bash", "-ec", script, LAB]
    return Command([*inside, *arguments], cwd, env).wait()


def must_be_an_error(ran: Ran, words: str) -> None:
    """Status 3, and a line without a traceback that says what is missing."""
    assert (ran.status, ran.left) == (3, ()), ran.words
    assert words in ran.words and "Traceback" not in ran.words
    assert "✗" not in ran.out


@pytest.mark.parametrize("size", ["4k", "40k", "500k"])
def test_no_space_for_temporary_files(size: str, tmp_path: Path) -> None:
    """Full at once, full after the sources are staged, and so full that logs would be cut short."""
    report = tmp_path / "report"
    mount = f"mount -t tmpfs -o size={size} tmpfs /mnt"
    ran = with_mounts(mount, *CHECK, "--all", "--report", report, env={"TMPDIR": "/mnt"})
    must_be_an_error(ran, "o space left")
    assert set(verdicts(report)) <= {"error", "blocked"}


@pytest.mark.parametrize("size", ["4k", "200k"])
def test_no_space_for_what_is_built(size: str, tmp_path: Path) -> None:
    """The disk is full when the harness's own parts are built, or when the student's program is."""
    report = tmp_path / "report"
    mount = f"mount -t tmpfs -o size={size} tmpfs {BUILD}"
    ran = with_mounts(mount, *CHECK, "--report", report)
    must_be_an_error(ran, "the harness or the machine failed: building")
    assert verdicts(report)[0] == "error"
    assert set(verdicts(report)) <= {"error", "blocked"}


@pytest.mark.parametrize("kind", ["ro", "size=4k"])
def test_no_space_for_the_report(kind: str, tmp_path: Path) -> None:
    """The terminal shows what was graded; that it could not be written is an error, and no old report is left to mislead."""
    mount = f"mount -t tmpfs -o {kind} tmpfs /mnt"
    full = "mkdir -p /mnt/02-threaded-echo; head -c 4096 /dev/zero >/mnt/full"
    if kind != "ro":
        mount = f"{mount}; {full}"
    ran = with_mounts(mount, *CHECK, "--step", "1", "--report", "/mnt")
    must_be_an_error(ran, "cannot write the report in /mnt/02-threaded-echo")


def test_no_temporary_directory(tmp_path: Path) -> None:
    """Neither TMPDIR nor /tmp nor any other place."""
    mount = (
        f"mount --bind {tmp_path} /mnt; mount --bind {ROOT} /srv; mount -t tmpfs t /tmp;"
        f" mkdir -p {ROOT}; mount --bind /srv {ROOT}; mount -o remount,bind,ro /tmp;"
        " mount -t tmpfs -o ro t /var/tmp"
    )
    ran = with_mounts(
        mount, *CHECK, "--report", "/mnt/report", cwd=Path("/proc"), env={"TMPDIR": "/nowhere"}
    )
    must_be_an_error(ran, "No usable temporary directory found")
    assert verdicts(tmp_path / "report") == 7 * ["error"]


def test_another_temporary_directory_will_do(tmp_path: Path) -> None:
    """TMPDIR names a directory that is not there: another one is taken."""
    ran = lab(*CHECK, "--step", "1", "--report", tmp_path, env={"TMPDIR": "/nowhere"})
    assert ran.status == 0, ran.words


def test_an_old_report_does_not_stand_for_a_new_one(tmp_path: Path) -> None:
    """Full marks of yesterday are gone when today's run ends in an error."""
    assert lab(*CHECK, "--step", "1", "--report", tmp_path).status == 0
    mount = f"mount -t tmpfs -o size=4k tmpfs {BUILD}"
    assert with_mounts(mount, *CHECK, "--step", "1", "--report", tmp_path).status == 3
    assert verdicts(tmp_path) == ["error"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_source_that_may_not_be_read(tmp_path: Path) -> None:
    """The message says that the grader cannot read the submission."""
    (reference(tmp_path) / "02-threaded-echo" / "echo_server.c").chmod(0)
    ran = lab("check", "02", "--work", tmp_path, "--step", "1", "--report", tmp_path)
    assert ran.status == 1
    assert "echo_server.c cannot be read: Permission denied" in ran.out
