"""The harness's words in the reader's language: gettext, domain "labkit".

The language is decided by LANGUAGE, LC_ALL, LC_MESSAGES and LANG, in this order, as gettext does.
Where there is no catalog for it, the words are English.
"""

from __future__ import annotations

import functools
import gettext
import os
from pathlib import Path

DOMAIN = "labkit"
CATALOGS = Path(__file__).parent / "locale"
DECIDED_BY = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@functools.lru_cache(maxsize=None)
def _catalog(_decided: tuple[str | None, ...]) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGS, fallback=True)


def catalog() -> gettext.NullTranslations:
    """The catalog for the language that the environment asks for now."""
    return _catalog(tuple(os.environ.get(name) for name in DECIDED_BY))


def _(message: str) -> str:
    """The message in the reader's language. Values go in afterwards: `_("{n} bytes").format(n=n)`."""
    return catalog().gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of a message that goes with the number n."""
    return catalog().ngettext(singular, plural, n)


def N_(message: str) -> str:
    """Mark a message for the catalogs that is translated later, with `_`."""
    return message


def russian() -> bool:
    """Whether the reader's language is Russian."""
    for name in DECIDED_BY:
        value = os.environ.get(name)
        if value:
            return value.split(":")[0].startswith("ru")
    return False
