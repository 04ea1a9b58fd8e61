"""Links of pages that are also read in the repository: there they lead to files, here to the site's pages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from directives import outside_fences

# A link, or code, in which nothing is a link. A link's own words may be code.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)|(`+).*?\4", re.DOTALL)
OTHER_LANGUAGE = re.compile(r"\[(In English|По-русски)\]\([^)]*\)\n*")
HANDOUT = re.compile(r"labs/(\d\d-[\w-]+)/README(\.ru)?\.md")
CHAPTER = re.compile(r"docs/(en|ru)/(.+\.md)")
ONLY_ENGLISH = re.compile(r"docs/([\w-]+\.md)")


def page_of(source: str) -> tuple[str, str] | None:
    """Which page of which language a file of the repository is; None if it is none."""
    if match := HANDOUT.fullmatch(source):
        return ("ru" if match[2] else "en"), f"labs/{match[1]}.md"
    if match := CHAPTER.fullmatch(source):
        return match[1], match[2]
    if match := ONLY_ENGLISH.fullmatch(source):
        return "en", match[1]
    return None


def adapted(markdown: str, source: str, language: str) -> str:
    """A page whose links lead to pages; what is no page is shown as code. Lines keep their numbers."""
    here = page_of(source)
    assert here
    page_here = here[1]

    def link(match: re.Match[str]) -> str:
        picture, text, target = match[1], match[2], match[3]
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        page = page_of(file)
        if picture:
            return f"![{text}]({_from(page_here, file.removeprefix('docs/'))})"
        if page is None:
            return text if "`" in text else f"`{text}`"
        return _to_page(text, page_here, language, page, hash_ + anchor)

    return _each_line(markdown, lambda line: LINK.sub(link, line))


def _to_page(text: str, here: str, language: str, page: tuple[str, str], anchor: str) -> str:
    """A link to another page; one to the other language's site is written in HTML, as mkdocs knows no such page."""
    if page[0] == language:
        return f"[{text}]({_from(here, page[1])}{anchor})"
    up = "../" * (1 + here.count("/"))
    return f'<a href="{up}{page[0]}/{page[1].removesuffix(".md")}.html{anchor}">{text}</a>'


def _from(here: str, target: str) -> str:
    """The way from a page to a file of the same site."""
    return posixpath.relpath(target, posixpath.dirname(here) or ".")


def _each_line(markdown: str, change: Callable[[str], str]) -> str:
    """Change the lines outside fenced blocks; a link may go over the end of a line, so they're changed together."""
    lines = markdown.splitlines()
    text = dict(outside_fences(markdown))
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and end + 1 in text and lines[end].strip():
            end += 1
        if end > start:
            lines[start:end] = change("\n".join(lines[start:end])).split("\n")
        start = end + 1
    return "\n".join(lines) + "\n"


def for_the_site(handout: str) -> str:
    """A handout without what only the repository needs: how its transcripts came about, the other language."""
    handout = OTHER_LANGUAGE.sub(lambda match: "\n" * match[0].count("\n"), handout, count=1)
    return re.sub(r"<!--.*?-->", lambda match: "\n" * match[0].count("\n"), handout, flags=re.S)
