"""Measures docs/drawings/data/fan_out.csv with fan_out.c: python3 docs/drawings/measure/fan_out.py

Each design with and without a user who never reads, in turns, ROUNDS times. Takes two and a half minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "fan_out.csv"
ROUNDS = 9
CASES = [(design, case) for design in ("locked", "queued") for case in ("ALL_READ", "ONE_SILENT")]
HEAD = """\
# 50 users on loopback, 10 senders with 8 messages of 64 bytes each under way, socket buffers of 192 KiB.
# {rounds} runs of 4 s of each case, in turns, on {cores} idle processor cores.
# tenth: deliveries in the tenth of a second that begins at time; second: deliveries a second in the second
# half of a run; p99: ms within which 99 of 100 deliveries of that half came, 0 if none came.
# Each value is the median of the runs.
# Made again by: python3 docs/drawings/measure/fan_out.py
design,case,kind,time,value
"""


def run(program: Path, design: str, case: str) -> str:
    """What one run prints."""
    done = subprocess.run(
        [program, design, case], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def medians(runs: list[str]) -> str:
    """The lines that all runs of a case have, each with the median of its values."""
    lines = []
    for same in zip(*(run.splitlines() for run in runs), strict=True):
        name = same[0].rsplit(",", 1)[0]
        lines.append(
            f"{name},{statistics.median(float(line.rsplit(',', 1)[1]) for line in same):.10g}"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "fan_out"
        flags = ["gcc", "-std=c11", "-O2", "-pthread"]
        subprocess.run([*flags, HERE / "fan_out.c", "-o", program], check=True)
        runs: dict[tuple[str, str], list[str]] = {case: [] for case in CASES}
        for _round in range(ROUNDS):
            for case in CASES:
                runs[case].append(run(program, *case))
    cores = len(os.sched_getaffinity(0))
    DATA.write_text(HEAD.format(rounds=ROUNDS, cores=cores) + "".join(map(medians, runs.values())))


if __name__ == "__main__":
    main()
