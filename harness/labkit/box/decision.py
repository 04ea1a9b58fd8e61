"""Whether programs run in a sandbox: decided once a run, and passed on to the processes that grade for it.

It is left out where a tool is missing, or where a person has ordered so. Whatever else stands in its way is an
error, and nothing runs: a machine that is short of something for a minute must not open the door to a stranger's code.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from labkit.box import network
from labkit.ground.faults import Trouble
from labkit.ground.words import _

# The variable with which a person orders, and the one order there is.
ORDER, NONE = "SANDBOX", "none"
TOOLS = ("bwrap", "nsenter")
PATIENCE_SECONDS = 60.0  # for a machine that is short of processes, namespaces, memory or time
PAUSE_SECONDS = 0.5
# What the kernel says where it forbids namespaces, and not where there are none left.
FORBIDDEN = ("Operation not permitted", "Permission denied")


@dataclass(frozen=True)
class Decision:
    """left_out: why programs run without a sandbox; empty where they run in one."""

    left_out: str = ""

    @property
    def sandboxed(self) -> bool:
        """Whether programs run in a sandbox."""
        return not self.left_out


class WrongOrder(Exception):
    """An order that is not valid: nobody can know what was meant by it."""


class NoSandbox(Trouble):
    """A sandbox is wanted and could not be made. why: in the words of the tool that refused."""

    def __init__(self, why: str) -> None:
        self.why = why
        words = _(
            "no sandbox can be made, so nothing was run: {why}\n"
            "     `make doctor` says what helps. SANDBOX=none, as in `make check LAB=01 SANDBOX=none`, does without\n"
            "     it: programs can then read and change all that you can, so only your own may be run so."
        )
        super().__init__(words.format(why=why))


# Runs a harmless program in the sandbox and in this network; returns why that failed, empty where it did not.
Trial = Callable[[network.Network], str]


def decide(trial: Trial) -> Decision:
    """The decision. NoSandbox where one is wanted and cannot be made, also not after some patience; or WrongOrder."""
    left_out = _ordered() or _missing()
    if not left_out:
        _insist(trial)
    return Decision(left_out)


def _ordered() -> str:
    """Why it is left out by order; empty where nobody has ordered it. Raises WrongOrder."""
    order = os.environ.get(ORDER, "")
    if order not in ("", NONE):
        words = _("{name}={value} means nothing here: leave it out, or say {name}={none}")
        raise WrongOrder(words.format(name=ORDER, value=order, none=NONE))
    return _("switched off by {order}").format(order=f"{ORDER}={NONE}") if order else ""


def _missing() -> str:
    """Which tool is missing; empty where none is."""
    for tool in TOOLS:
        if not shutil.which(tool):
            return _("{tool} is not installed").format(tool=tool)
    return ""


def _insist(trial: Trial) -> None:
    """Make a sandbox, again and again for some time: what was lacking may be there in a moment."""
    until = time.monotonic() + PATIENCE_SECONDS
    while why := _tried(trial):
        if time.monotonic() > until or any(word in why for word in FORBIDDEN):
            raise NoSandbox(why)
        time.sleep(PAUSE_SECONDS)


def _tried(trial: Trial) -> str:
    """Why no sandbox could be made this time; empty where one was."""
    try:
        place = network.OwnNetwork({})
    except OSError as error:
        return str(error)
    try:
        return trial(place)
    finally:
        place.close()
