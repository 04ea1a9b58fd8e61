"""Words that the reports of all tools share: an access by its size, a variable, a block of memory."""

from __future__ import annotations

import re

from labkit.ground.stacks import Frame, number, own
from labkit.ground.words import _, ngettext


def size_words(how: str, size: str) -> str:
    """An access in words: "write of 4 bytes"."""
    n = number(size)
    words = {
        "read": ngettext("read of {n} byte", "read of {n} bytes", n),
        "write": ngettext("write of {n} byte", "write of {n} bytes", n),
        "atomic read": ngettext("atomic read of {n} byte", "atomic read of {n} bytes", n),
        "atomic write": ngettext("atomic write of {n} byte", "atomic write of {n} bytes", n),
    }
    return words.get(how.lower(), words["write"]).format(n=n)


def plain_name(name: str) -> str:
    """A static local's name as written: gcc calls it `name.0`, clang `peer_name.name`."""
    return re.sub(r"\.\d+$", "", name).rpartition(".")[2]


def variable_words(name: str) -> str:
    """A global variable by its name."""
    return _("the variable '{name}'").format(name=name)


def block_words(size: str, frames: tuple[Frame, ...]) -> str:
    """A block on the heap by its size and by the thread that allocated it."""
    n = number(size)
    maker = own(frames)
    if not maker:
        return ngettext(
            "a block of {n} byte on the heap", "a block of {n} bytes on the heap", n
        ).format(n=n)
    return ngettext(
        "the block of {n} byte allocated at {where} ({function})",
        "the block of {n} bytes allocated at {where} ({function})",
        n,
    ).format(n=n, where=maker.where, function=maker.function)
