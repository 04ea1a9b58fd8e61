"""Files that a program under test wrote lead nowhere: no link is followed, nothing waits for a pipe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commandline import entries, lab, reference
from labkit.box import sandbox, shimstats
from labkit.ground import written
from labkit.ground.faults import Fault

SECRET = "carol:$y$j75$nobody/else/may/read/this"


def test_a_files_content(tmp_path: Path) -> None:
    """A regular file is read whole; one that is not there is what the caller says."""
    (tmp_path / "file").write_bytes(b"\xff\0\n")
    assert written.content(tmp_path / "file") == b"\xff\0\n"
    assert written.text(tmp_path / "file") == "\N{REPLACEMENT CHARACTER}\0\n"
    assert written.content(tmp_path / "none", b"x") == b"x"
    with pytest.raises(FileNotFoundError):
        written.content(tmp_path / "none")


def make_traps(home: Path) -> list[Path]:
    """What a hostile program may put in a file's place."""
    (home / "link").symlink_to("/etc/hostname")
    (home / "dangling").symlink_to("nowhere")
    (home / "device").symlink_to("/dev/zero")
    os.mkfifo(home / "pipe")
    (home / "directory").mkdir()
    with (home / "huge").open("wb") as file:
        file.truncate(1 << 40)
    return sorted(home.iterdir())


def test_traps(tmp_path: Path) -> None:
    """Anything else is a fault of the program's, told at once."""
    for path in make_traps(tmp_path):
        with pytest.raises(Fault, match=path.name):
            written.content(path)
        with pytest.raises(Fault, match=path.name):
            shimstats.read(path)


def test_files_are_listed_and_copied(tmp_path: Path) -> None:
    """Regular files alone, with their modes, and those in directories below."""
    home, into = tmp_path / "home", tmp_path / "into"
    home.mkdir()
    into.mkdir()
    (home / "below").mkdir()
    (home / "below" / "file").write_text("b")
    (home / "users").write_text("u")
    (home / "users").chmod(0o600)
    assert written.files(home) == [home / "users"]
    make_traps(home)
    (home / "huge").unlink()
    written.copy(home, into)
    copies = sorted(str(path.relative_to(into)) for path in into.rglob("*"))
    assert copies == ["below", "below/file", "directory", "users"]
    assert (into / "users").stat().st_mode & 0o777 == 0o600


ONLY = ("--step", "4", "--check", "test_log_lines_are_whole")
SWAP = """{
	if (!fork()) {
		while (symlink("%s", "other") || access("server.log", F_OK))
			unlink("other");
		rename("other", "server.log");
		for (;;)
			pause();
	}
"""


@pytest.mark.skipif(not sandbox.available(), reason="without a sandbox it can read the file itself")
def test_a_link_in_a_programs_directory(tmp_path: Path) -> None:
    """A server whose log leads out of its sandbox fails, and nothing of what it leads to is shown."""
    name, secret = "06-control-server", tmp_path / "secret"
    secret.write_text(SECRET)
    source = reference(tmp_path, name) / name / "control_server.c"
    head, main = source.read_text().rsplit("\nmain(", 1)
    source.write_text(f"{head}\nmain({main.replace('{', SWAP % secret, 1)}")
    report = tmp_path / "report"
    ran = lab("check", "06", "--work", tmp_path, *ONLY, "--report", report)
    (result,) = entries(report, name)
    assert (ran.status, result["extra_data"]["cause"]) == (1, "torn-log"), ran.words
    kept = (path.read_text() for path in report.rglob("*") if path.is_file())
    assert SECRET not in ran.words + "".join(kept)
