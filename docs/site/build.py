#!/usr/bin/env python3
"""Builds the workbook's site, build/site: en, ru, and a page that chooses between them.

build.py [--if-changed]     --if-changed: not if the last site was made of the same files
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import quiz_data
from directives import RUNNERS, carry_out, directives
from kept import KEPT, digest
from labkit.ground.catalog import BUILD, LABS, ROOT
from labkit.ground.faults import Trouble
from labkit.workbook import boxed

HERE = Path(__file__).resolve().parent
SITE = BUILD / "site"
NEW = BUILD / "docs" / "site"  # while it is being built
MADE_OF = KEPT / "made-of"
LANGUAGES = ("en", "ru")
COLOURS = re.compile(r"\033\[[0-9;]*m")


def main() -> int:
    """Exit status: 0 built, or nothing to do; 1 a page is wrong, mkdocs has said which."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-changed", action="store_true")
    arguments = parser.parse_args()
    with alone():
        key = digest(str(path.relative_to(ROOT)) for path in sources()) + digest(sources())
        if arguments.if_changed and last_made_of() == key and (SITE / "index.html").is_file():
            return 0
        MADE_OF.unlink(missing_ok=True)
        run_experiments()
        try:
            quiz_data.prepare()
        except Trouble as trouble:
            print(f"docs/questions: {trouble}", file=sys.stderr)
            return 1
        if not all(pages()):
            return 1
        shutil.copy(HERE / "index.html", NEW / "index.html")
        shutil.rmtree(SITE, ignore_errors=True)
        NEW.rename(SITE)
        MADE_OF.write_text(key)
    return 0


@contextmanager
def alone() -> Iterator[None]:
    """One build at a time in this working copy."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sources() -> list[Path]:
    """The files that a site is made of."""
    found = {path for path in (ROOT / "docs").rglob("*") if path.is_file()}
    found = {path for path in found if not {"__pycache__", ".mypy_cache"} & set(path.parts)}
    found |= {*LABS.glob("*/README*.md"), *LABS.glob("*/lab.toml")}
    found |= {*RUNNERS, *ROOT.glob("harness/labkit/workbook/questions/*.py")}
    return sorted(found)


def last_made_of() -> str:
    """The key of the files that the last site was made of."""
    with suppress(FileNotFoundError):
        return MADE_OF.read_text()
    return ""


def run_experiments() -> None:
    """Run what the chapters show, several at a time: both sites then find it done. What fails, they say."""
    wanted = {
        directive.words
        for path in sorted((ROOT / "docs").glob("*/*.md"))
        for directive in directives(path.read_text(encoding="utf-8"))
        if directive.words[:1] == ("run",)
    }

    def run(words: tuple[str, ...]) -> None:
        with suppress(Trouble):
            carry_out(words)

    boxed.loopback()  # in this thread, which is there also when those of the pool are gone
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, sorted(wanted)))


def pages() -> list[bool]:
    """Let mkdocs build both languages beside each other; whether each was built."""
    shutil.rmtree(NEW, ignore_errors=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "SOURCE_DATE_EPOCH": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    running = [
        subprocess.Popen(
            [*command, "-f", HERE / f"mkdocs.{language}.yml", "-d", NEW / language],
            env=environment,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for language in LANGUAGES
    ]
    for language, process in zip(LANGUAGES, running):
        for line in filter(None, process.communicate()[1].splitlines()):
            if not line.startswith("INFO"):
                print(f"{language}: {COLOURS.sub('', line)}", file=sys.stderr)
    return [process.returncode == 0 for process in running]


if __name__ == "__main__":
    sys.exit(main())
