"""For the self-tests: mutants and variants as work directories, and what the harness says of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from commandline import AGAIN, MACHINE_TROUBLE
from forge import environment, forge
from labkit.ground.catalog import Lab, SOLUTIONS
from labkit.workbook.answers import taken

SECONDS = 550


def plant_variant(lab: Lab, variant: Path, work: Path) -> None:
    """Make a work directory that holds a variant: its own files, and those that it takes from the reference."""
    home = work / lab.name
    shutil.copytree(variant, home, ignore=shutil.ignore_patterns("*.toml"))
    for name in taken(variant):
        shutil.copy(SOLUTIONS / lab.name / name, home)


def check(lab: Lab, work: Path, report: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """`harness/lab check`; returns its exit status and results.json.

    An error says that the machine was too busy to judge, perhaps by another test's mutant: it runs again.
    """
    status, results = check_once(lab, work, report, *options)
    for _again in range(AGAIN):
        if status != MACHINE_TROUBLE:
            break
        status, results = check_once(lab, work, report, *options, "--again", "errors")
    return status, results


def check_once(lab: Lab, work: Path, report: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """One such run."""
    words = ["check", lab.name, "--quiet", "--work", str(work), "--report", str(report), *options]
    env = {**environment(), "SANDBOX": os.environ.get("SANDBOX", "")}
    status, said, _none = forge().run(words, SECONDS, env, together=True)
    path = report / lab.name / "results.json"
    assert path.exists(), said
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return status, results


def failures(results: dict[str, Any]) -> str:
    """The output of all steps that were not passed."""
    return "\n\n".join(
        f"step {test['number']}: {test['extra_data']}\n{test['output']}"
        for test in results["tests"]
        if test["extra_data"]["verdict"] != "passed"
    )
