"""Grades the jobs of a class, some at a time, each by a process of its own that runs the grading of one lab."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from labkit.classroom.ledger import ERROR, Job, Ledger, read_json
from labkit.ground.words import _

TRIES = 3  # of a job that ends in an error
MOST_SAID = 300
# A verdict comes from the sandbox alone: a process that cannot make one ends in an error.
SANDBOXED = "--left-out="


class Marking:
    """The jobs, in the state of one run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._running: list[subprocess.Popen[str]] = []
        self._stopped = False
        self._began = time.monotonic()
        self._ended = 0

    def grade(self, jobs: Sequence[Job], workers: int) -> None:
        """Grade all jobs that are not done yet; those that end in an error come again when all others have ended."""
        due = [job for job in jobs if not self._ledger.is_done(job)]
        if len(due) < len(jobs):
            words = _("{n} of {all} labs are graded already")
            print(words.format(n=len(jobs) - len(due), all=len(jobs)), flush=True)
        for job in due:
            self._ledger.forget(job)
        reports: dict[Job, Path] = {}
        for attempt in range(TRIES):
            if attempt and due:
                print(
                    _("{n} ended in an error and are graded again").format(n=len(due)), flush=True
                )
            self._began, self._ended = time.monotonic(), 0
            due = self._round(due, workers, reports, last=attempt + 1 == TRIES)

    def _round(
        self, jobs: Sequence[Job], workers: int, reports: dict[Job, Path], last: bool
    ) -> list[Job]:
        """Grade jobs once each; returns those that ended in an error."""
        again = []
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            try:
                waiting: dict[Future[int], Job] = {}
                for job in jobs:
                    if job not in reports:
                        reports[job] = self._ledger.scratch()
                    waiting[pool.submit(self._one, job, reports[job], last)] = job
                for future in as_completed(waiting):
                    self._ended += 1
                    self._tell(waiting[future], len(jobs))
                    if future.result() == ERROR:
                        again.append(waiting[future])
            except BaseException:
                self._stop(pool)
                raise
        return again

    def _stop(self, pool: ThreadPoolExecutor) -> None:
        """End all that is running; it will be done again."""
        self._stopped = True
        pool.shutdown(wait=False, cancel_futures=True)
        for process in self._running:
            process.terminate()

    def _one(self, job: Job, report: Path, last: bool) -> int:
        """Grade a job, and keep its report unless it is to be tried again; returns the exit status, ERROR for any odd."""
        if self._stopped:
            return ERROR
        said, code = self._run(job, report)
        results = read_json(report / job.lab.name / "results.json")
        status = code if code in (0, 1) and results else ERROR
        if results and results.get("extra_data", {}).get("sandboxed") is False:
            status, said = ERROR, _("a program ran without the sandbox")
        if not self._stopped and (status != ERROR or last):
            self._ledger.keep(job, report, status, said.strip()[-MOST_SAID:])
        return status

    def _run(self, job: Job, report: Path) -> tuple[str, int]:
        """Run `labkit check` for a job, in a process that ends with us; returns its words and its exit status."""
        command = ["/usr/bin/setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "labkit"]
        command += ["check", job.lab.name, "--all", "--quiet", SANDBOXED, "--again", "errors"]
        command += ["--work", str(self._ledger.work(job.home)), "--report", str(report)]
        command += ["--step", str(job.step)] if job.step is not None else []
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self._running.append(process)
        if self._stopped:  # between the two
            process.terminate()
        _none, said = process.communicate()
        self._running.remove(process)
        return said, process.returncode

    def _tell(self, job: Job, count: int) -> None:
        """The line of a job that has ended, with an estimate of the time left."""
        results = self._ledger.results(job)
        score = _("{n} points").format(n=results["score"]) if results else _("error")
        left = (time.monotonic() - self._began) / self._ended * (count - self._ended)
        words = _("[{n}/{all}] {student} {lab}: {score}; about {min} min {s} s left")
        print(
            words.format(
                n=self._ended,
                all=count,
                student=job.home,
                lab=job.lab.name,
                score=score,
                min=int(left) // 60,
                s=int(left) % 60,
            ),
            flush=True,
        )
