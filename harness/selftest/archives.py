"""For the self-tests: archives as students hand them in, and harmless stand-ins for hostile ones."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes], mode: int = 0, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive. mode: of all members, as stat gives it; 0: as most tools leave it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = how, mode << 16
            archive.writestr(info, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A tar.gz archive. kind: the type of all members; link: what they lead to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def encrypted(files: Mapping[str, bytes]) -> bytes:
    """A zip archive whose members say that they are encrypted."""
    data = bytearray(zipped(files))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(mark, place + 4)
    return bytes(data)
