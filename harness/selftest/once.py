"""For the self-tests: what several workers need is made once for each content, below build/, and kept there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.build import build
from labkit.ground.catalog import BUILD

PLACE = BUILD / "selftest"


def made(name: str, of: object, make: Callable[[Path], object]) -> Path:
    """A directory that `make` has filled, now or before; of: all that its contents depend on beside the compilers.

    What `make` raises leaves nothing behind that would be taken for it.
    """
    key = hashlib.sha256(repr([of, build._tools()]).encode()).hexdigest()[:24]
    home = PLACE / f"{name}-{key}"
    if not home.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PLACE) as scratch:
            fresh = Path(scratch) / "made"
            fresh.mkdir()
            make(fresh)
            with suppress(OSError):  # another worker was faster
                fresh.rename(home)
    return home


def contents(*paths: Path) -> list[tuple[str, bytes]]:
    """The names and contents of files, for `of`."""
    return [(path.name, path.read_bytes()) for path in sorted(paths)]
