"""What takes long to make, a transcript or a drawing, is kept below build/ under a key of its content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from labkit.ground.catalog import BUILD

KEPT = BUILD / "docs"


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """One key for texts and for the contents of files."""
    found = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        data = data.encode() if isinstance(data, str) else data
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()[:32]


def kept(kind: str, key: str, make: Callable[[], str]) -> str:
    """The text kept under a key, made if it is not there yet. Another build may do the same at this time."""
    path = KEPT / kind / key
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = make()
        write(path, text)
        return text


def write(path: Path, text: str) -> None:
    """Write a file in one rename, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(scratch, 0o644)
    os.replace(scratch, path)
