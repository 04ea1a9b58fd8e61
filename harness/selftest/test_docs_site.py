"""The site: strictly built, mistakes named by page and line, nothing fetched from the network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import directives
import links
import serve
import terminal
from drawings import for_a_page
from excerpts import excerpt
from labkit.workbook import experiments
from workbook import LANGUAGES, page, pages, site

PROGRAM = """\
#include <stdio.h>

/* Says hello, and
 * nothing else. */
static void
hello(const char *name)
{
	printf("hello %s\\n", name);
}

int
main(void)
{
	hello("you");
	return 3;
}
"""
SCRIPT = '''\
import sys

# What it says.
def hello():
    """It is said."""
    print("hello")


hello()
'''


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Experiments of our own: hello.c and script.py."""
    (tmp_path / "hello.c").write_text(PROGRAM)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.setattr(experiments, "DIRECTORY", tmp_path)
    monkeypatch.setattr("kept.KEPT", tmp_path / "kept")
    return tmp_path


def expanded(markdown: str) -> tuple[str, list[tuple[int, str]]]:
    """A chapter's text with its directives carried out, and what was wrong: line, reason."""
    wrong: list[tuple[int, str]] = []
    return directives.expand(markdown, lambda line, why: wrong.append((line, why))), wrong


# -- directives -----------------------------------------------------------------------------------


def test_a_program(house: Path) -> None:
    """The whole of it, titled with its name; lines before and after it stay."""
    text, wrong = expanded("Before\n\n{{ program hello.c }}\n\nAfter\n")
    assert [] == wrong
    assert f'Before\n\n```c title="hello.c"\n{PROGRAM}```\n\nAfter\n' == text


def test_a_function_with_its_comment(house: Path) -> None:
    """Only that function, with the comment above it; several in the order asked for."""
    hello = PROGRAM[PROGRAM.index("/*") : PROGRAM.index("\n\nint")]
    assert hello == excerpt(house / "hello.c", ["hello"])
    assert excerpt(house / "hello.c", ["main", "hello"]).endswith("}\n\n" + hello)
    assert excerpt(house / "script.py", ["hello"]).startswith("# What it says.\ndef hello():")


def test_a_transcript(house: Path) -> None:
    """What running it shows, exit status and all; indented where the directive is, as in a list."""
    text, wrong = expanded("- so:\n\n    {{ run hello }}\n")
    assert [] == wrong
    block = text.splitlines()[2:]
    assert ["    ```console", "    $ ./hello", "    hello you"] == block[:3]
    assert "3" in block[3] and "    ```" == block[4]


def test_a_transcript_is_kept_until_its_program_changes(house: Path) -> None:
    """A second build does not run it again."""
    first = directives.transcript("script", ())
    kept = [path.stat().st_mtime_ns for path in (house / "kept").rglob("*") if path.is_file()]
    assert first == directives.transcript("script", ()) and "hello\n" in first
    assert kept == [p.stat().st_mtime_ns for p in (house / "kept").rglob("*") if p.is_file()]
    (house / "script.py").write_text(SCRIPT.replace('"hello"', '"goodbye"'))
    assert "goodbye" in directives.transcript("script", ())


@pytest.mark.parametrize(
    ("directive", "reason"),
    [
        ("program nowhere.c", "nowhere.c"),
        ("program hello.c goodbye", "goodbye"),
        ("program ../hello.c", "hello.c"),
        ("run nowhere", "nowhere"),
        ("show hello", "show hello"),
        ("", "not understood"),
    ],
)
def test_a_wrong_directive_is_named_by_its_line(house: Path, directive: str, reason: str) -> None:
    """The line is that of the file; the rest of the page is built all the same."""
    text, wrong = expanded(f"# T\n\n{{{{ {directive} }}}}\n\n{{{{ program script.py }}}}\n")
    assert [3] == [line for line, _ in wrong] and reason in wrong[0][1]
    assert "It is said" in text


def test_a_program_that_does_not_compile(house: Path) -> None:
    """The compiler's words are shown with the line."""
    (house / "broken.c").write_text("int main(void) { return x; }\n")
    _, wrong = expanded("{{ run broken }}\n")
    assert 1 == wrong[0][0] and "undeclared" in wrong[0][1]


def test_directives_in_code_are_left_alone(house: Path) -> None:
    """A page may show how a directive is written."""
    markdown = "```\n{{ run nowhere }}\n```\n\n~~~~text\n```\n{{ run nowhere }}\n~~~~\n"
    assert (markdown, []) == expanded(markdown)


def test_ids_of_drawings_do_not_clash() -> None:
    """Two drawings on a page may use the same ids."""
    svg = '<?xml version="1.0"?>\n<svg><g id="a"/><use href="#a"/><path clip-path="url(#a)"/></svg>'
    found = for_a_page(svg, "one")
    assert found.startswith("<svg role=") and 'id="one-a"' in found
    assert 'href="#one-a"' in found and "url(#one-a)" in found


# -- links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "link", "found"),
    [
        ("labs/02-b/README.ru.md", "[x](../01-a/README.ru.md#шаг-1)", "[x](01-a.md#шаг-1)"),
        ("labs/02-b/README.md", "[net.h](../common/net.h)", "`net.h`"),
        ("labs/02-b/README.md", "[`net.h`](../common/net.h)", "`net.h`"),
        ("labs/02-b/README.md", "[m](https://man7.org/x)", "[m](https://man7.org/x)"),
        ("labs/02-b/README.md", "[race](../../docs/en/races.md#a)", "[race](../races.md#a)"),
        ("docs/en/races.md", "[lab](labs/02-b.md)", "[lab](labs/02-b.md)"),
        ("docs/instructor.md", "[lab](../labs/02-b/README.md)", "[lab](labs/02-b.md)"),
        ("docs/ru/index.md", "[x](../instructor.md)", '<a href="../en/instructor.html">x</a>'),
        ("docs/en/index.md", "![x](../images/a.svg)", "![x](images/a.svg)"),
        ("docs/instructor.md", "![x](images/a.svg)", "![x](images/a.svg)"),
        ("docs/en/races.md", "`[i](j)` stays", "`[i](j)` stays"),
    ],
)
def test_links_lead_to_pages(source: str, link: str, found: str) -> None:
    """What leads to a file in the repository leads to its page here; what has no page is shown as code."""
    language = "ru" if re.search(r"\bru\b", source) else "en"
    assert f"See {found}.\n" == links.adapted(f"See {link}.\n", source, language)


def test_handouts_without_their_comments() -> None:
    """How a transcript came about is not the reader's; lines keep their numbers."""
    text = "# T\n\n[По-русски](README.ru.md)\n\n<!-- terminal,\ntypes: x -->\n```sh\nls\n```\n"
    found = links.for_the_site(text)
    assert "README" not in found and "types" not in found
    assert text.count("\n") == found.count("\n")


def test_a_terminal() -> None:
    """Typed text is kept apart from printed text, also where that begins like a prompt, or goes on."""
    html = terminal.shown("$ cc a.c \\\n    -o a\n#0 <main>\n", "console", "highlight", {}, None)
    assert '<span class="prompt">$ </span><span class="typed">cc a.c \\</span>\n' in html
    assert '<span class="typed">    -o a</span>\n#0 &lt;main&gt;\n' in html


def test_a_port_that_cannot_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    assert 1 == serve.main("build/site", "99999")
    assert 1 == capsys.readouterr().err.count("\n")


# -- the site -------------------------------------------------------------------------------------


def test_every_page_is_there() -> None:
    """A page of each language for every chapter and handout, and one that chooses between the languages."""
    found = {path.relative_to(site()).as_posix() for path in pages()}
    assert "index.html" in found
    english, russian = ({p[3:] for p in found if p.startswith(code)} for code in LANGUAGES)
    assert {
        "instructor.html",
        "what-tools-know.html",
        "architecture.html",
        "adding-a-lab.html",
    } == english - russian
    assert not russian - english and len(russian) > 20


def test_nothing_is_left_unexpanded() -> None:
    """No directive, no comment and no mark of an unknown extension remains."""
    for path in pages():
        prose = " ".join(page(path).prose)
        assert not re.search(r"\{\{|\}\}|\{#|<!--|!!! ", prose), path


def test_drawings_are_in_their_pages() -> None:
    """Each drawing that is asked for is there, with words in the page's language."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        assert text.count("data-drawing=") == len(
            re.findall(r'data-drawing="\w+"><svg', text)
        ), path


def test_nothing_comes_from_the_network() -> None:
    """Scripts, styles, fonts and pictures lie beside the pages; only links that a reader follows lead away."""
    for path in pages():
        for load in page(path).loads:
            assert not re.match(r"(https?:)?//", load), path
    for path in site().rglob("*.css"):
        found = re.findall(
            r"""(?:@import\s*|url\()["']?([\w:/.]+)""", path.read_text(encoding="utf-8")
        )
        assert not [where for where in found if re.match(r"(https?:)?//", where)], path


def test_every_loaded_file_is_there() -> None:
    """What a page loads is in the site."""
    for path in pages():
        for load in page(path).loads:
            if not re.match(r"[a-z]+:|#", load):
                assert (path.parent / load.partition("?")[0]).is_file(), f"{path}: {load}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_questions_as_on_the_terminal(language: str) -> None:
    """The quiz page's data has every question, in the order of the files."""
    from labkit.workbook import questions

    text = (site() / language / "assets/quiz-data.js").read_text(encoding="utf-8")
    found = re.findall(r'"id":"([a-z0-9-]+)","kind"', text)
    assert [question.id for question in questions.load()] == found
