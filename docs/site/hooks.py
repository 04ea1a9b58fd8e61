"""What our site does besides mkdocs: directives, handouts as pages, the language switch, drawings, quiz, search."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import terminal
from directives import expand
from drawings import drawing
from labkit.ground.catalog import LABS, ROOT, all_labs
from labkit.ground.faults import Trouble
from links import adapted, for_the_site
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify
from quiz_data import script

log = logging.getLogger("mkdocs.hooks.workbook")  # what it warns of makes a strict build fail

SITE = ROOT / "docs" / "site"
LANGUAGES = {"en": "English", "ru": "Русский"}
SEARCHED = {"en": ["en"], "ru": ["ru", "en"]}  # names of functions and of man pages are English
ONLY_ENGLISH = {
    "instructor.md": "Преподавателю (англ.)",
    "what-tools-know.md": "Что знают инструменты (англ.)",
    "architecture.md": "Устройство проекта (англ.)",
    "adding-a-lab.md": "Как добавить работу (англ.)",
}
LUNR = {f"lunr.{name}.min.js" for name in ("stemmer.support", "ru", "multi")}
# Stands for the directory of both sites in a link: mkdocs knows no way out of a site.
SITES = "sites:"
HANDOUTS = "labs/*.md"  # what the navigation says for all of them
FIGURE = re.compile(r'(<figure class="drawing" data-drawing=")(\w+)(">)')


def language_of(config: MkDocsConfig) -> str:
    """The language of the site that is being built."""
    return str(config.theme["language"])


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation gets the handouts; headings without an id get the repository's; terminals are shown our way."""
    for section in config["nav"]:
        for name, pages in section.items():
            if pages == [HANDOUTS]:
                section[name] = [HANDOUTS.replace("*", lab.name) for lab in all_labs()]
    config["mdx_configs"]["toc"]["slugify"] = slugify(case="lower")
    config["mdx_configs"]["pymdownx.superfences"] = {"custom_fences": [terminal.fence()]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the handouts, what is only in English, and our own style and programs."""
    language = language_of(config)
    readme = "README.ru.md" if language == "ru" else "README.md"
    for path in sorted(LABS.glob(f"[0-9]*/{readme}")):
        _add(files, config, f"labs/{path.parent.name}.md", path)
    if language == "en":
        for name in ONLY_ENGLISH:
            _add(files, config, name, ROOT / "docs" / name)
    for path in sorted([*(SITE / "assets").iterdir(), *(ROOT / "docs/images").glob("*.svg")]):
        _add(files, config, f"{path.parent.name}/{path.name}", path)
    return files


def _add(files: Files, config: MkDocsConfig, uri: str, path: Path) -> None:
    """A file that isn't in the language's directory; one that isn't anywhere is missed by the navigation."""
    if path.is_file():
        file = File(uri, "", config["site_dir"], config["use_directory_urls"])
        file.abs_src_path = str(path)
        files.append(file)


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """In Russian, links to the pages that are only in English."""
    if language_of(config) != "en":
        links = [
            Link(title, f"{SITES}en/{name.removesuffix('.md')}.html")
            for name, title in ONLY_ENGLISH.items()
        ]
        nav.items.append(Section("Преподавателям и разработчикам", list(links)))
    return nav


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Carry out the directives of a page, and lead its links to pages."""
    source = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()

    def wrong(line: int, reason: str) -> None:
        log.error("%s:%d: %s", source, line, reason)

    if source.startswith("labs/"):
        markdown = for_the_site(markdown)
    return expand(adapted(markdown, source, language_of(config)), wrong)


def on_page_context(
    context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation
) -> dict[str, Any]:
    """The language switch leads to the same page; to the first one where there is no such page."""
    here = "index.html" if page.file.src_uri in ONLY_ENGLISH else page.url
    config.extra["alternate"] = [
        {"lang": code, "name": name, "link": f"{SITES}{code}/{here}"}
        for code, name in LANGUAGES.items()
    ]
    return context


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Put the drawings in, after the search has read the page; lead out of this language's directory."""
    output = output.replace(f'href="{SITES}', 'href="' + "../" * (1 + page.url.count("/")))

    def drawn(match: re.Match[str]) -> str:
        try:
            return "".join((*match.groups(), drawing(match[2], language_of(config))))
        except Trouble as trouble:
            log.error("%s: %s", page.file.src_uri, trouble)
            return match[0]

    return FIGURE.sub(drawn, output)


def on_post_build(config: MkDocsConfig) -> None:
    """The search's index becomes a script, the quiz gets its questions; what needs a server goes."""
    site = Path(config["site_dir"])
    _search_as_script(site / "search" / "search_index.json", language_of(config))
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (site / name).unlink(missing_ok=True)
    for path in [*site.rglob("*.map"), *site.rglob("lunr/**/*.js")]:
        if path.name not in LUNR:
            path.unlink()
    (site / "assets" / "quiz-data.js").write_text(script(language_of(config)), encoding="utf-8")


def _search_as_script(path: Path, language: str) -> None:
    """Where pages come from the file system, they may load a script but not read a file.

    The languages are put in here because Debian's mkdocs, which has no lunr, knows none but English.
    """
    index = json.loads(path.read_text(encoding="utf-8"))
    index["config"]["lang"] = SEARCHED[language]
    for entry in index["docs"]:
        entry["text"] = entry["text"].replace("¶", " ")
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    path.with_suffix(".js").write_text(f"__searchIndex({text});\n", encoding="utf-8")
    path.unlink()
