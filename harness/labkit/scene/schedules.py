"""Schedules by choice: what the shim's delays will be, and seeds that hold up a certain thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from labkit.scene.scene import Scene
from labkit.scene.tools import Shim

_WORD = (1 << 64) - 1
LONGEST_DELAY_US = 500_000


def delays(shim: Shim, thread: int) -> Iterator[int]:
    """By how many microseconds the shim delays a thread, call by call: perturb.c, shim_random, shim_delay.

    thread: 0 is the main thread, the others in the order of their creation.
    """
    x = ((shim.seed or 0) + 1) * 0x9E3779B97F4A7C15 + (thread + 1) * 0xD1B54A32D192ED03
    x = x & _WORD or 1
    while True:
        x ^= x << 13 & _WORD
        x ^= x >> 7
        x ^= x << 17 & _WORD
        choice = (x * 0x2545F4914F6CDD1D & _WORD) >> 20
        part = (0, 20, 4, 1)[(choice >> 8) % 4]
        held_up = part and choice % 100 < shim.percent
        yield (choice >> 16) % (shim.max_us // part + 1) if held_up else 0


def slowed(shim: Shim, scene: Scene) -> Shim:
    """The shim with longer delays on a busy machine, where what is done in their midst comes later too."""
    return longer(shim, scene.pace.factor())


def longer(shim: Shim, times: float) -> Shim:
    """The shim with delays so many times longer, as far as a check has time for them."""
    return replace(shim, max_us=min(LONGEST_DELAY_US, round(shim.max_us * times)))


def forced(shim: Shim, seed: int, count: int, *, late: int, calls: int = 1) -> list[Shim]:
    """The first `count` seeds from `seed` on that hold up thread `late` at its first `calls` calls, each for
    more than a third of the longest delay, and the main thread, if it is another, hardly at all."""
    found: list[Shim] = []
    while len(found) < count:
        one = replace(shim, seed=seed)
        long = all(us > shim.max_us // 3 for us in islice(delays(one, late), calls))
        if long and (late == 0 or sum(islice(delays(one, 0), 12)) < shim.max_us // 20):
            found.append(one)
        seed += 1
    return found
