"""What a program's atomic loads and stores have lost: the file that harness/native/updates.c writes.

It is shared memory, complete however the program ended. The program could write it, too: what does not fit is Trouble.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from labkit.ground import written
from labkit.ground.faults import Trouble
from labkit.ground.words import _

LIBRARY = "updates.so"
LOG = "/log/updates"
_HEAD = struct.Struct("=2Q48x")  # magic, where the program lay in memory
_STORE = struct.Struct("=4Q8I")
_STORES = 1024
_MAGIC = int.from_bytes(b"UPDATES", "big")
_SIZE = _HEAD.size + _STORES * _STORE.size
# A counter begins from so many other values; a flag, from one.
_VALUES = 2


@dataclass(frozen=True)
class Lost:
    """A place that adds to a variable by a load and a store, and has undone what another thread had added meanwhile.

    address: of the variable, as the linker laid it. added: by how much, modulo its size. site, load_site: the store
    and the load; other: what was undone was written there. times: how often. Sites are where a call returns to.
    """

    address: int
    added: int
    site: int
    load_site: int
    other: int
    times: int


def read(path: Path) -> list[Lost]:
    """The places where updates were lost, the worst first. Trouble where there is no such record."""
    try:
        content = written.content(path)
    except OSError as error:
        words = _("the record of atomic accesses cannot be read: {why}")
        raise Trouble(words.format(why=error)) from error
    if len(content) != _SIZE or _HEAD.unpack_from(content)[0] != _MAGIC:
        words = _("{path} does not hold the record of atomic accesses")
        raise Trouble(words.format(path=path))
    bias = _HEAD.unpack_from(content)[1]
    found = []
    for words_ in _STORE.iter_unpack(content[_HEAD.size :]):
        address, added, _loaded, _found, *counts = words_
        site, load_site, other, different, strange, lost, _delays, _unused = counts
        if lost and added and not strange and different >= _VALUES:
            found.append(Lost(address - bias, added, site, load_site, other, lost))
    return sorted(found, key=lambda one: -one.times)
