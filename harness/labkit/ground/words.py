"""The harness's words in the reader's language: gettext, domain "labkit".

The language is decided by LANGUAGE, LC_ALL, LC_MESSAGES and LANG, in this order, as gettext does.
Where there is no catalog for it, the words are English.

A catalog is locale/LANGUAGE/LC_MESSAGES/labkit.po; `make words` brings it up to date. What gettext reads is
compiled from it by msgfmt, and kept in build/locale as long as it is the newer of the two.
"""

from __future__ import annotations

import functools
import gettext
import io
import os
import subprocess
import tempfile
import textwrap
from contextlib import suppress
from pathlib import Path

DOMAIN = "labkit"
CATALOGS = Path(__file__).parents[1] / "locale"
COMPILED = Path(__file__).parents[3] / "build" / "locale"
WIDTH = 79  # of a sentence: a terminal has 80 columns, and breaks a longer line within a word
DECIDED_BY = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def source(language: str) -> Path:
    """Where a language's catalog is."""
    return CATALOGS / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@functools.lru_cache(maxsize=None)
def catalog_of(language: str) -> gettext.NullTranslations:
    """The catalog of a language, "ru"; an empty one where there is none, or no msgfmt."""
    catalog = source(language)
    if not language.isalpha() or not catalog.is_file():
        return gettext.NullTranslations()
    kept = COMPILED / language / f"{DOMAIN}.mo"
    try:
        if kept.stat().st_mtime > catalog.stat().st_mtime:
            return gettext.GNUTranslations(io.BytesIO(kept.read_bytes()))
    except (OSError, ValueError, EOFError):
        pass
    return _compile(catalog, kept)


def _compile(catalog: Path, kept: Path) -> gettext.NullTranslations:
    """Compile a catalog, and keep the result where that can be done. Without msgfmt the words are English."""
    try:
        done = subprocess.run(
            ["msgfmt", "--output-file=-", str(catalog)], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return gettext.NullTranslations()
    with suppress(OSError):
        _keep(done.stdout, kept)
    return gettext.GNUTranslations(io.BytesIO(done.stdout))


def _keep(compiled: bytes, path: Path) -> None:
    """Write a compiled catalog in one rename: another run may write or read the same one now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        try:
            scratch.write(compiled)
            scratch.flush()
            os.chmod(scratch.name, 0o644)
            os.replace(scratch.name, path)
        except OSError:
            os.unlink(scratch.name)
            raise


def language() -> str:
    """The language that the environment asks for now: "ru" for ru_RU.UTF-8; empty if it names none."""
    for name in DECIDED_BY:
        value = os.environ.get(name)
        if value:
            return value.split(":")[0].split("_")[0].split(".")[0].split("@")[0]
    return ""


def catalog() -> gettext.NullTranslations:
    """The catalog for the language that the environment asks for now."""
    return catalog_of(language())


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
    return language() == "ru"


def wrapped(text: str, indent: str = "", columns: int = WIDTH) -> list[str]:
    """A paragraph in lines of so many columns, however long they are in its language's catalog."""
    return textwrap.wrap(
        text,
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def folded(line: str, columns: int = WIDTH, hang: int | None = None) -> list[str]:
    """A line in lines of at most so many columns, no character lost.

    hang: the column at which it goes on; if None, two to the right of where it begins.
    """
    if hang is None:
        hang = len(line) - len(line.lstrip()) + 2
    return textwrap.wrap(
        line,
        columns,
        subsequent_indent=" " * hang,
        drop_whitespace=False,
        expand_tabs=False,
        replace_whitespace=False,
        break_on_hyphens=False,
    ) or [""]
