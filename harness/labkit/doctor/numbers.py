"""Numbers of the kernel, and how they are written for a person."""

from __future__ import annotations

from pathlib import Path

from labkit.ground.words import _

KERNEL = Path("/proc/sys")


def grouped(number: int) -> str:
    """Its digits in threes, with what stands between them in the reader's language."""
    between = _("1,000")[1:-3]
    return f"{number:,}".replace(",", between)


def read_number(path: Path) -> int | None:
    """The number in a file of /proc or /sys; None if there is no such file, or it says `max`."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def parameter(name: str) -> int | None:
    """A kernel parameter by its sysctl name; None if there is none, or only root may read it."""
    return read_number(KERNEL / name.replace(".", "/"))
