"""What the harness says to a person, extracted from its sources, and merged into the catalogs.

Messages are what `_`, `N_` and `ngettext` are given, and the sentences of the checks, which are their
functions' docstrings. As a program (`make words`) it rewrites every catalog below labkit/locale.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from labkit.ground.catalog import HARNESS
from labkit.ground.words import CATALOGS

KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
PLACES = ("labkit", "checks")
HEADER = r"""msgid ""
msgstr ""
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def catalogs() -> list[Path]:
    """The catalog of each language."""
    return sorted(CATALOGS.glob("*/LC_MESSAGES/*.po"))


def read(path: Path) -> Catalog:
    """A catalog from its file."""
    with path.open("rb") as file:
        return read_po(file)


def _said(path: Path) -> Iterator[str | tuple[str, ...]]:
    """The messages of one source file."""
    with path.open("rb") as file:
        for _line, message, _comments, _context in extract("python", file, KEYWORDS):
            yield message
    if path.name.startswith("test_"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield inspect.cleandoc(ast.get_docstring(node) or "")


def template() -> Catalog:
    """All messages, by file, each with the files that have it. Line numbers would only make noise."""
    found = Catalog()
    for place in PLACES:
        for path in sorted((HARNESS / place).rglob("*.py")):
            for message in sorted(_said(path), key=str):
                found.add(message, locations=[(str(path.relative_to(HARNESS)), None)])
    return found


def merged(path: Path) -> bytes:
    """A catalog's file as it should be: translations from it, messages as they are now."""
    found = template()
    for message in found:
        # Babel takes "100% of" for a format of Python's; which flags it sets besides is its version's affair.
        message.flags.clear()
    with tempfile.NamedTemporaryFile(suffix=".pot") as file:
        file.write(HEADER.encode())
        write_po(file, found, omit_header=True, include_lineno=False)
        file.flush()
        command = ["msgmerge", "--quiet", "--width=100", "--output-file=-", str(path), file.name]
        whole = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    command = ["msgattrib", "--no-obsolete", "--width=100", "-"]
    return subprocess.run(command, input=whole, stdout=subprocess.PIPE, check=True).stdout


def untranslated(catalog: Catalog) -> list[Message]:
    """Messages without a translation, or with one that nobody has looked at."""
    wanting = []
    for message in catalog:
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and (message.fuzzy or not all(strings)):
            wanting.append(message)
    return wanting


def main() -> None:
    """Rewrite every catalog and say how many messages wait for a translator."""
    for path in catalogs():
        path.write_bytes(merged(path))
        catalog = read(path)
        name, waiting = path.relative_to(HARNESS), len(untranslated(catalog))
        print(f"{name}: {len(catalog)} messages, {waiting} to be translated")


if __name__ == "__main__":
    main()
