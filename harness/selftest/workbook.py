"""For the self-tests: the workbook's site, built once for all of them, and its pages taken apart."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from labkit.ground.catalog import BUILD, HARNESS, ROOT

LANGUAGES = ("en", "ru")
DOCS = ROOT / "docs"
# Elements whose words are no prose.
NOT_PROSE = {"pre", "code", "svg", "script", "style", "kbd"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@functools.cache
def site() -> Path:
    """The site's directory. It is built by the first test that asks, and only if something has changed."""
    done = subprocess.run(
        [HARNESS / "docs.sh", "--if-changed"], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD / "site"


def pages() -> list[Path]:
    """All HTML files of the site."""
    return sorted(site().rglob("*.html"))


@functools.cache
def page(path: Path) -> Page:
    """A page of the site, taken apart."""
    found = Page()
    found.feed(path.read_text(encoding="utf-8"))
    return found


class Page(HTMLParser):
    """What a page says.

    ids: its anchors. links: where its <a href> lead. loads: what a browser fetches to show it. prose: the
    words of its text, without code.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.prose: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "href" in found:
            self.loads.append(found["href"])
        self.loads += [
            found[name] for name in ("src", "srcset", "data", "xlink:href") if name in found
        ]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "article" in self._open and not NOT_PROSE & set(self._open):
            self.prose.append(data)


@dataclass(frozen=True)
class Chapter:
    """A chapter in both languages."""

    english: Path
    russian: Path


def chapters() -> list[Chapter]:
    """The chapters, by their English files."""
    return [Chapter(path, DOCS / "ru" / path.name) for path in sorted((DOCS / "en").glob("*.md"))]
