"""For the self-tests: which words of a text hunspell does not know, nor our own lists."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping

from workbook import DOCS

DICTIONARIES = {"en": "en_US", "ru": "ru_RU"}
# Not words: man pages and functions, names of files, addresses, numbers with units.
NO_WORDS = re.compile(r"https?://\S+|\S*[_/@\\#<>=]\S*|\S*\w\.\w\S*|\S*\w\(\d?\)|\S*\d\S*")
LATIN = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
CYRILLIC = re.compile(r"[А-Яа-яЁё]+(?:-[А-Яа-яЁё]+)*")


def unknown(texts: Mapping[str, str], language: str) -> list[str]:
    """The words that neither a dictionary nor our lists have, each with the first text that it is in."""
    first: dict[str, str] = {}
    for name, text in texts.items():
        for word in words(text):
            first.setdefault(word, name)
    latin = {word for word in first if LATIN.fullmatch(word)}
    found = misspelt(latin, "en")
    if language == "ru":
        found |= misspelt(set(first) - latin, "ru")
    return sorted(f"{word} ({first[word]})" for word in found)


def words(text: str) -> list[str]:
    """The words of a text; abbreviations in capitals are left out."""
    text = NO_WORDS.sub(" ", text.replace("\u00ad", "").replace("\u0301", "").replace("’", "'"))
    latin = (word.removesuffix("'s") for word in LATIN.findall(text))
    found = [*latin, *CYRILLIC.findall(text)]
    return [word for word in found if len(word) > 1 and not word.isupper()]


def misspelt(asked: set[str], language: str) -> set[str]:
    """Those words that hunspell and our list do not know. The dictionary has some words with ё, some with е."""
    given = {word: word.replace("ё", "е").replace("Ё", "Е") for word in asked}
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as list_:
        list_.writelines(f"{word}\n" for word in own_words(language))
        list_.flush()
        done = subprocess.run(
            ["hunspell", "-i", "utf-8", "-d", DICTIONARIES[language], "-p", list_.name, "-l"],
            input="".join(f"{form}\n" for form in {*given, *given.values()}),
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        )
    bad = set(done.stdout.split())
    return {word for word, form in given.items() if word in bad and form in bad}


def own_words(language: str) -> list[str]:
    """The lines of docs/words.LANGUAGE.txt: WORD, or WORD/MODEL, which is inflected as the model is."""
    lines = (DOCS / f"words.{language}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
