"""What the doctor's parts share: a finding, a way to run commands, what to type."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.words import _

FINE, WARNING, BAD = "fine", "warning", "bad"
PATIENCE = 60  # seconds for a command that takes one
SET_UP = "harness/setup.sh student"


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    state: FINE, WARNING (labs 01 and 02 can do without) or BAD. remedy: what to type.
    """

    what: str
    state: str
    seen: str
    remedy: str = ""


@dataclass(frozen=True)
class Ran:
    """How a command ended. status: None if it could not be started or did not end in time."""

    status: int | None
    words: str

    @property
    def last_line(self) -> str:
        """What it said last: after a failure, most often why."""
        return self.words.strip().rpartition("\n")[2]


def run(*command: str | Path, **env: str) -> Ran:
    """Run a command to its end; its output and errors together, in English."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", **env},
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(None, str(error))
    return Ran(done.returncode, done.stdout.decode(errors="replace"))


def sysctl(name: str, value: int) -> str:
    """What to type to set a kernel parameter, now and at every start of the machine."""
    return f"echo {name}={value} | sudo tee -a /etc/sysctl.d/60-labs.conf && sudo sysctl --system"


def limit(name: str, value: int) -> str:
    """What to type to raise a limit from the next login on."""
    line = f'echo "$USER hard {name} {value}" | sudo tee -a /etc/security/limits.d/60-labs.conf'
    return f"{line}   # " + _("then log in again")
