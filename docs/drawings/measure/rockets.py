"""Measures docs/drawings/data/rockets.csv: python3 docs/drawings/measure/rockets.py

Builds the reference of lab 03, launches 10,000 rockets with a thread each, and notes when each
`Rocket launched!` arrives. One after another would take twelve hours: there the instants are the running
sum of delay and countdown over the plan that the same run prints.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "docs" / "drawings" / "data" / "rockets.csv"
COUNT, SEED, SAMPLES = 10000, 1, 100
PLAN = re.compile(r"rocket \d+: delay ([\d.]+) countdown (\d)")
HEAD = """\
# solutions/03-rockets -n {count} -s {seed} -v: how many rockets have been launched so many seconds after the start.
# threads: measured, when each line "Rocket launched!" came through a pipe; {cores} processor cores.
# sequential: not run but computed, the running sum of delay + countdown (1 s each) over the plan of the same run.
# Every {step}th rocket. Made again by: python3 docs/drawings/measure/rockets.py
mode,seconds,launched
"""


def build(directory: Path) -> Path:
    """The reference of lab 03."""
    program = directory / "rockets"
    sources = sorted((ROOT / "solutions" / "03-rockets").glob("*.c"))
    flags = ["gcc", "-std=c11", "-O2", "-pthread", f"-I{ROOT / 'labs' / 'common'}"]
    subprocess.run([*flags, *sources, "-o", program], check=True)
    return program


def launch(program: Path) -> tuple[list[float], list[float]]:
    """The rockets' durations by the plan, and the instants of their launches, in seconds."""
    plan, instants = [], []
    start = time.monotonic()
    words = [str(program), "-n", str(COUNT), "-s", str(SEED), "-v"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if planned := PLAN.match(line):
                plan.append(float(planned[1]) + int(planned[2]))
            elif line.endswith("Rocket launched!\n"):
                instants.append(time.monotonic() - start)
    return plan, instants


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        plan, instants = launch(build(Path(name)))
    assert len(plan) == len(instants) == COUNT
    step, total = COUNT // SAMPLES, 0.0
    sequential = [total := total + seconds for seconds in plan]
    rows = ["threads,0,0", "sequential,0,0"]
    for mode, when in (("threads", instants), ("sequential", sequential)):
        rows += [f"{mode},{when[n - 1]:.3f},{n}" for n in range(step, COUNT + 1, step)]
    cores = subprocess.run(["nproc"], check=True, capture_output=True, text=True).stdout.strip()
    head = HEAD.format(count=COUNT, seed=SEED, cores=cores, step=step)
    DATA.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
