#!/usr/bin/env python3
"""Prints what each step needs of CPU time, for harness/checks/cpu.toml, from reports of the references.

Of several reports the largest number counts: harness/bench/cpu.py build/report other/report
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

LEAST = 0.1  # seconds: less is not told apart


def needs(reports: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Lab number -> step number -> the seconds that the hungriest program of the step has used."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for report in reports:
        for path in sorted(report.glob("*/results.json")):
            steps = found[path.parent.name.partition("-")[0]]
            for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
                used = max(LEAST, math.ceil(test["extra_data"]["cpu"] * 10) / 10)
                steps[test["number"]] = max(used, steps.get(test["number"], 0.0))
    return found


def main() -> None:
    reports = [Path(word) for word in sys.argv[1:]]
    for lab, steps in sorted(needs(reports).items()):
        print(f"\n[{lab}]")
        for number, used in sorted(steps.items(), key=lambda item: int(item[0])):
            print(f"{number} = {used}")


if __name__ == "__main__":
    main()
