"""Passwords as crypt(3) hashes them, and identification files: made, and judged, by the harness itself."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable

PASSWORD = b"correct-horse"  # of all users that the harness makes up


@functools.cache
def _libcrypt() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = library.crypt_gensalt.restype = ctypes.c_char_p
    return library


def salt(cost: int) -> bytes:
    """A fresh setting of yescrypt's."""
    found: bytes = _libcrypt().crypt_gensalt(b"$y$", ctypes.c_ulong(cost), None, 0)
    return found


def hashed(password: bytes, setting: bytes) -> bytes:
    """crypt(3). setting: a salt, or a hash that was made with it."""
    found: bytes = _libcrypt().crypt(password, setting)
    return found


@functools.cache
def _known_hash() -> bytes:
    return hashed(PASSWORD, salt(1))


def users_file(names: Iterable[str]) -> bytes:
    """An identification file of users with PASSWORD. They share a salt: that is quickly made."""
    return b"".join(name.encode() + b":" + _known_hash() + b"\n" for name in names)
