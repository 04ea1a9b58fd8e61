"""The workbook's text: both languages say the same, every link leads somewhere, every word is a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import spelling
from directives import directives
from labkit.ground.catalog import LABS, ROOT
from labkit.workbook.handout import Section, parted
from workbook import DOCS, LANGUAGES, Chapter, Page, chapters, page, pages, site

CHAPTER = pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.english.stem)
LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
ID = re.compile(r" \{: *#[\w-]+ *\}$| \{#[\w-]+\}$")


def sections(path: Path) -> list[Section]:
    """A chapter's sections."""
    return list(parted(iter(path.read_text(encoding="utf-8").splitlines())))


def identity(heading: str) -> str:
    """A heading's id, which is the same in both languages; empty if it has none of its own."""
    found = ID.search(heading)
    return found[0].strip(" {}:#") if found else ""


# -- both languages -------------------------------------------------------------------------------


def test_every_chapter_in_both_languages() -> None:
    """The same files in docs/en and docs/ru."""
    english, russian = ({p.name for p in (DOCS / code).glob("*.md")} for code in LANGUAGES)
    assert english == russian and len(english) > 15


def test_the_same_order_of_pages() -> None:
    """Both sites lead through the chapters in one order; the English one has pages for maintainers besides."""
    english, russian = (
        re.findall(r"(?:-|:) ([\w/-]+\.md)", (DOCS / "site" / f"mkdocs.{code}.yml").read_text())
        for code in LANGUAGES
    )
    assert russian == english[: len(russian)]
    assert ["instructor.md", "what-tools-know.md", "architecture.md", "adding-a-lab.md"] == english[
        len(russian) :
    ]


@CHAPTER
def test_headings_have_ids_of_their_own(chapter: Chapter) -> None:
    """A link to a section is the same in both languages, and outlives a better heading."""
    for path in (chapter.english, chapter.russian):
        missing = [s.heading for s in sections(path) if s.level > 1 and not identity(s.heading)]
        assert not missing, path


@CHAPTER
def test_languages_agree(chapter: Chapter) -> None:
    """The same sections, programs, transcripts, drawings, tables and lists, in the same order."""
    english, russian = sections(chapter.english), sections(chapter.russian)
    assert [identity(s.heading) for s in english] == [identity(s.heading) for s in russian]
    for one, other in zip(english, russian):
        assert one.outline() == other.outline(), one.heading
        assert shown(one) == shown(other), one.heading
        assert code(one) == code(other), one.heading


def code(section: Section) -> list[str]:
    """The code that stands in a section, without its comments, which are translated, and without drawings."""
    texts = (block.text for block in section.blocks if block.kind != "text")
    return [re.sub(r"\s*(/\*.*?\*/|(//|#) .*)", "", text, flags=re.DOTALL) for text in texts]


def shown(section: Section) -> list[tuple[str, ...]]:
    """What a section shows besides its words: directives, admonitions and tabs by their kind."""
    kinds = re.findall(r"^ *((?:!!!|\?\?\?\+?|===)\s*\w*)", section.prose, re.MULTILINE)
    return [d.words for d in directives(section.prose)] + [(kind,) for kind in kinds]


# -- links ----------------------------------------------------------------------------------------


def targets(path: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a markdown file outside its code blocks: file, anchor."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if not re.match(r"[a-z]+:", link):
            file, _, anchor = link.partition("#")
            yield file, anchor


def anchors(path: Path) -> set[str]:
    """What a link to a heading may say: its own id, else the one that a repository's page gives it."""
    headings = [section.heading for section in sections(path)]
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | {identity(heading) for heading in headings}


READ_IN_THE_REPOSITORY = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *LABS.glob("*/*.md")])


@pytest.mark.parametrize(
    "path", READ_IN_THE_REPOSITORY, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_in_the_repository(path: Path) -> None:
    """README, handouts and maintainers' pages link to files and headings that are there."""
    for file, anchor in targets(path):
        target = (path.parent / unquote(file)).resolve() if file else path
        assert target.exists(), file
        assert not anchor or unquote(anchor) in anchors(target), f"{file}#{anchor}"


def test_links_on_the_site() -> None:
    """Every internal link of every page leads to a page, and its anchor is there."""
    broken = []
    for path in pages():
        for link in page(path).links:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            if not target.is_file() or unquote(anchor) not in page(target).ids | {""}:
                broken.append(f"{path.relative_to(site())}: {link}")
    assert not broken


@LANGUAGE
def test_chapters_of_questions(language: str) -> None:
    """Every question leads to a section that explains it."""
    for question in questions(language):
        file, _, anchor = question["chapter"].partition("#")
        assert anchor in page(site() / language / file).ids, question["id"]


# -- spelling -------------------------------------------------------------------------------------


def questions(language: str) -> list[dict[str, object]]:
    """The questions as the quiz page has them."""
    text = (site() / language / "assets/quiz-data.js").read_text(encoding="utf-8")
    found: list[dict[str, object]] = json.loads(text.partition(" = ")[2].rstrip(";\n"))
    return found


def said(question: object) -> str:
    """All HTML of a question: what is asked, offered and explained."""
    if isinstance(question, dict):
        kept = {"ask", "model", "why", "text", "name", "options", "items", "wrong"}
        return " ".join(said(question[key]) for key in question if key in kept)
    if isinstance(question, list):
        return " ".join(map(said, question))
    return question if isinstance(question, str) else ""


@LANGUAGE
def test_spelling(language: str) -> None:
    """Chapters, handouts and questions are spelt as the dictionaries and docs/words.*.txt say."""
    texts = {}
    for path in sorted((site() / language).rglob("*.html")):
        texts[path.name] = " ".join(page(path).prose)
    for question in questions(language):
        texts[str(question["id"])] = prose(f"<article>{said(question)}</article>")
    found = spelling.unknown(texts, language)
    assert not found


def prose(html: str) -> str:
    """The words of HTML, without code."""
    found = Page()
    found.feed(html)
    return " ".join(found.prose)


@LANGUAGE
def test_word_list_is_in_order(language: str) -> None:
    """Our list of words is sorted, and has none twice."""
    words = spelling.own_words(language)
    assert sorted(set(words), key=lambda word: (word.casefold(), word)) == words
