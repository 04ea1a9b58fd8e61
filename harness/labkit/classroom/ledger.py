"""What is known of each graded lab of each student, kept in a directory that outlives every run.

    work/STUDENT/LAB/      the sources that were taken
    reports/STUDENT/LAB/   the report of their grading, results.json among them
    done/STUDENT/LAB.json  says that this grading came to its end, and of which sources it was
    running/               reports that are being written

A grading writes below running/, its report is moved when it has ended, and only then is the file below done/ written,
each in one rename. Whatever is killed in between leaves a job that is not done, and is done again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.ground.catalog import Lab
from labkit.ground.faults import Trouble
from labkit.ground.files import replace_file
from labkit.ground.words import _

ERROR = 3  # the exit status of a grading that ended in an error of ours or the machine's


@dataclass(frozen=True)
class Job:
    """One grading: a student's directories' name, a lab, a digest of the sources.

    step: only this one of the lab, None: all. What is graded is told by `subject`: a verdict on one step is none on all.
    """

    home: str
    lab: Lab
    digest: str
    step: int | None = None

    @property
    def subject(self) -> str:
        """What tells this grading from any other of the same student and lab."""
        return self.digest if self.step is None else f"{self.digest} step {self.step}"


class Ledger:
    """The directory of a class."""

    def __init__(self, root: Path) -> None:
        """Makes what is missing, and removes what a run left that did not come to its end."""
        self.root = root
        for name in ("work", "reports", "done"):
            (root / name).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other run uses the directory; Trouble where one does."""
        fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self.root / "running", ignore_errors=True)
            (self.root / "running").mkdir(exist_ok=True)
            yield
        except BlockingIOError:
            words = _("another run is grading into {dir}: wait for its end, or end it")
            raise Trouble(words.format(dir=self.root)) from None
        finally:
            os.close(fd)

    def work(self, home: str) -> Path:
        """The directory of a student's lab directories."""
        return self.root / "work" / home

    def report(self, home: str, lab: Lab) -> Path:
        """Where the report of a grading is kept."""
        return self.root / "reports" / home / lab.name

    def scratch(self) -> Path:
        """A new directory for a report that is being written."""
        return Path(tempfile.mkdtemp(dir=self.root / "running"))

    def is_done(self, job: Job) -> bool:
        """Whether these sources were graded, and not with an error."""
        record = self._record(job)
        return record.get("digest") == job.subject and record.get("status") != ERROR

    def forget(self, job: Job) -> None:
        """A record of other sources than the job's, or of another step, is no verdict any more."""
        if self._record(job).get("digest") != job.subject:
            self._path(job).unlink(missing_ok=True)

    def keep(self, job: Job, written: Path, status: int, said: str) -> None:
        """A grading has ended: its report is moved to its place, then it counts. said: words where it has no report."""
        place = self.report(job.home, job.lab)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        if (written / job.lab.name).is_dir():
            (written / job.lab.name).rename(place)
        shutil.rmtree(written, ignore_errors=True)
        record = {"digest": job.subject, "status": status, "said": said}
        self._path(job).parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(job), json.dumps(record).encode())

    def results(self, job: Job) -> dict[str, Any] | None:
        """The results.json of a grading; None where there is none that counts."""
        if self._record(job).get("digest") != job.subject:
            return None
        return read_json(self.report(job.home, job.lab) / "results.json") or None

    def failed(self, job: Job) -> str:
        """The words of a grading that ended in an error; empty where it did not."""
        record = self._record(job)
        if record.get("digest") != job.subject:
            return _("not graded yet")
        return str(record.get("said") or _("error")) if record.get("status") == ERROR else ""

    def _path(self, job: Job) -> Path:
        return self.root / "done" / job.home / f"{job.lab.name}.json"

    def _record(self, job: Job) -> dict[str, Any]:
        return read_json(self._path(job))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object that a file holds; an empty one where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
