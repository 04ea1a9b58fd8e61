"""The site in headless Chromium, opened from the file system: search, colours, languages, and the quiz by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browsing import Reader, browser
from workbook import LANGUAGES, site

KEY = "concurrent-tcp-servers.quiz"
CUT_OFF = """
    return [...document.querySelectorAll("pre > code")]
        .filter((code) => code.scrollWidth > code.clientWidth + 1)
        .map((code) => code.textContent)
"""
pytestmark = pytest.mark.skipif(
    shutil.which("chromedriver") is None, reason="no chromedriver: see harness/setup.sh"
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One for all these tests."""
    driver = browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def reader(driver: webdriver.Chrome) -> Reader:
    """A reader who has never been here."""
    reader = Reader(driver)
    reader.opens("en/index.html")
    reader.script("localStorage.clear()")
    reader.complaints()
    return reader


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "query", "wanted"),
    [
        ("en", "pthread_join", "pthread_join"),
        ("en", "pthread_join(3)", "pthread_join"),
        ("en", "deadl", "deadlock"),
        ("ru", "взаимная блокировка", "блокировк"),
        ("en", "deadlocks", "deadlock and"),  # another number is found
        ("ru", "дескрипторами", "дескриптор"),  # another case
        ("ru", "что такое гонки?", "гонк"),  # and a question
        ("ru", "ошибок", "ошибк"),  # a vowel that comes and goes
        ("ru", "учетные", "учётн"),  # another spelling
        ("ru", "pthread_join", "pthread_join"),
    ],
)
def test_search(reader: Reader, language: str, query: str, wanted: str) -> None:
    """The search finds a word in pages' text, and leads to a page that has it."""
    reader.opens(f"{language}/index.html")
    reader.types("/")  # the theme's key
    reader.waits(lambda: reader.sees(".md-search__input"))
    reader.types(query)
    reader.waits(lambda: reader.sees(".md-search-result__link"))
    found = "return document.querySelector('.md-search-result__list').textContent.toLowerCase()"
    reader.waits(lambda: wanted in reader.script(found))
    reader.types(Keys.ENTER)
    reader.waits(lambda: "index.html" not in reader.driver.current_url)
    reader.waits(lambda: wanted in reader.driver.page_source.lower())
    assert [] == reader.complaints()


@pytest.mark.parametrize(
    ("language", "query", "missing"),
    [
        ("ru", "остановкой серверов", ""),
        ("ru", "единорога остановка", "единорога"),
        ("en", "stopping servers", ""),
        ("en", "unicorns deadlocks", "unicorns"),
        ("en", "pthread_unicorn() a.b deadlocks", "pthread_unicorn,a.b"),
    ],
)
def test_search_says_what_is_missing(
    reader: Reader, language: str, query: str, missing: str
) -> None:
    """Words of which another form is found are not missing; those that are, are named as they were typed."""
    reader.opens(f"{language}/index.html")
    reader.types("/")
    reader.waits(lambda: reader.sees(".md-search__input"))
    reader.types(query)
    first = ".md-search-result__item:first-child .md-search-result__link:first-child"
    reader.waits(lambda: reader.sees(first))
    named = f"return [...document.querySelectorAll('{first} del')].map(e => e.textContent).join()"
    reader.waits(lambda: reader.script(named) == missing)
    assert [] == reader.complaints()


def test_dark_and_light(reader: Reader) -> None:
    """The switch in the header changes the colours, for this page and the next, in both languages."""
    scheme = "return document.body.dataset.mdColorScheme"
    first = reader.script(scheme)
    (switch,) = reader.waits(lambda: reader.sees("[data-md-component=palette] label"))
    switch.click()
    reader.waits(lambda: reader.script(scheme) != first)
    chosen = reader.script(scheme)
    reader.opens("ru/quiz.html")
    assert {"default", "slate"} == {first, chosen} and chosen == reader.script(scheme)


@pytest.mark.parametrize(
    "page", ["index", "races#lost-update", "labs/02-threaded-echo", "quiz#start-a-thread"]
)
def test_language_switch(reader: Reader, page: str) -> None:
    """It leads to the same place of the same page in the other language, and back."""
    file, hash_, anchor = page.partition("#")
    reader.opens(f"en/{file}.html{hash_}{anchor}")
    for language in ("ru", "en"):
        link = f"a[hreflang={language}].md-select__link"
        reader.script("document.querySelector(arguments[0]).click()", link)
        wanted = (site() / language / f"{file}.html").as_uri() + hash_ + anchor
        reader.waits(lambda: reader.driver.current_url == wanted)
        reader.waits(lambda: reader.script("return document.documentElement.lang") == language)


def test_the_first_page_chooses_a_language(reader: Reader) -> None:
    """build/site/index.html leads to the language of the browser."""
    reader.opens("index.html")
    reader.waits(lambda: reader.driver.current_url.endswith("/en/index.html"))


def test_nothing_overflows_a_phone(reader: Reader) -> None:
    """On a narrow screen no page is wider than the screen."""
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    reader.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for page in ("en/races", "ru/deadlock", "ru/labs/05-chat", "en/quiz"):
            reader.opens(f"{page}.html")
            assert 360 >= reader.script("return document.documentElement.scrollWidth"), page
        bug = next(question for question in questions(reader) if question["kind"] == "bug")
        reader.opens(f"en/quiz.html#{bug['id']}")
        assert 360 >= reader.waits(lambda: reader.sees("#quiz .quiz-lines"))[0].size["width"]
    finally:
        reader.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper(reader: Reader) -> None:
    """Printed: no navigation, and no line of code is cut off."""
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        reader.opens("en/labs/05-chat.html")
        assert not reader.sees(".md-header, .md-sidebar, .md-footer, .md-clipboard")
        assert [] == reader.script(CUT_OFF)
    finally:
        reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# -- the quiz -------------------------------------------------------------------------------------


def questions(reader: Reader) -> list[dict[str, Any]]:
    """The questions that the page has."""
    found: list[dict[str, Any]] = reader.waits(lambda: reader.script("return window.QUIZ"))
    return found


def give(reader: Reader, question: dict[str, Any], right: bool) -> None:
    """Answer by keyboard alone: rightly, or wrongly."""
    kind = question["kind"]
    if kind in ("choice", "several"):
        _choose(reader, question, right)
    elif kind == "order":
        _order(reader, len(question["items"]), right)
    elif kind == "bug":
        _focus(reader, "#quiz .quiz-line input:not(:disabled)")
        line = question["lines"][0] if right else 1
        while int(reader.driver.switch_to.active_element.get_attribute("value")) != line:
            reader.types(Keys.ARROW_DOWN)
        reader.types(Keys.SPACE, Keys.ENTER)
    else:
        _focus(reader, "#quiz [name=answer]")
        reader.types(_typed(question) if right else _mistaken(question), Keys.CONTROL + Keys.ENTER)


def _focus(reader: Reader, selector: str) -> None:
    """Go there with the Tab key's work done: the element takes the focus."""
    reader.script("document.querySelector(arguments[0]).focus()", selector)


def _choose(reader: Reader, question: dict[str, Any], right: bool) -> None:
    rights = {i for i, option in enumerate(question["options"]) if option["right"]}
    first = min(rights if right else set(range(len(question["options"]))) - rights)
    for number in sorted(rights) if right and question["kind"] == "several" else [first]:
        _focus(reader, f"#quiz .quiz-option input[value='{number}']")
        reader.types(Keys.SPACE)
    reader.types(Keys.ENTER)


def _order(reader: Reader, count: int, right: bool) -> None:
    """Bring the items into order with the arrow keys; for a wrong answer they stay shuffled."""
    for number in range(count) if right else ():
        _focus(reader, f"#quiz li[data-number='{number}'] button")
        place = f"return [...document.querySelectorAll('#quiz li')].findIndex(e => e.dataset.number === '{number}')"
        while reader.script(place) > number:
            reader.types(Keys.ARROW_UP)
    _focus(reader, "#quiz [type=submit]")
    reader.types(Keys.ENTER)


def _typed(question: dict[str, Any]) -> str:
    """A right answer of the kinds that are typed: to a pattern, a word of the model answer that matches, or none."""
    if question["kind"] == "number":
        return str(question["value"])
    if question["kind"] == "output":
        return str(question["prints"])
    if question["kind"] == "gap":
        return str(question["accept"][0])
    words = re.findall(r"[\w().,-]+", re.sub(r"<[^>]*>", " ", question["model"]))
    matching = (w for w in words for p in question["accept"] if re.fullmatch(p, w, re.IGNORECASE))
    return next(matching, "")


def _mistaken(question: dict[str, Any]) -> str:
    """A wrong answer of the kinds that are typed."""
    return str(question["wrong"][0]["answer"]) if question["kind"] == "gap" else "77"


KINDS = ("choice", "several", "order", "number", "gap", "output", "bug", "text")


@pytest.mark.parametrize("kind", KINDS)
def test_quiz_by_keyboard(reader: Reader, kind: str) -> None:
    """A wrong answer is explained and comes again; a right one counts, and is remembered after a reload."""
    language = LANGUAGES[KINDS.index(kind) % 2]
    reader.opens(f"{language}/quiz.html")
    found = [question for question in questions(reader) if question["kind"] == kind]
    found = [question for question in found if kind != "text" or _typed(question)]
    assert found, f"no question of the kind {kind}"
    question = found[0]
    for right in (False, True):
        reader.opens(f"{language}/quiz.html#{question['id']}")
        reader.waits(lambda: reader.sees("#quiz [type=submit]"))
        give(reader, question, right)
        mark = reader.waits(lambda: reader.sees(".quiz-right, .quiz-wrong"))[0]
        assert ("quiz-right" in mark.get_attribute("class")) == right
        assert len(reader.sees(".quiz-feedback details")) >= 1
        reader.driver.refresh()
        reader.waits(lambda: reader.sees("#quiz progress"))
        assert float(right) == float(reader.sees("#quiz progress")[0].get_attribute("value"))
    assert [] == reader.complaints()


@pytest.mark.parametrize("language", LANGUAGES)
def test_quiz_code_that_only_a_compiler_could_judge(reader: Reader, language: str) -> None:
    """It is not called wrong: the reader compares it with the model answer, and may count it as right."""
    reader.opens(f"{language}/quiz.html")
    question = next(question for question in questions(reader) if question["kind"] == "gap")
    reader.opens(f"{language}/quiz.html#{question['id']}")
    _focus(reader, "#quiz [name=answer]")
    reader.types(question["accept"][0].removesuffix(";"), Keys.ENTER)
    assert reader.waits(lambda: reader.sees(".quiz-feedback p")) and not reader.sees(
        ".quiz-verdict"
    )
    _focus(reader, "#quiz [name=answer]")
    reader.types("; ;", Keys.ENTER)
    reader.waits(lambda: reader.sees(".quiz-unknown"))
    assert not reader.driver.find_elements(By.CSS_SELECTOR, "#quiz form .md-clipboard")
    assert not reader.sees(".quiz-wrong, .quiz-right")
    _focus(reader, ".quiz-feedback button")
    reader.types(Keys.ENTER)
    reader.waits(lambda: reader.sees(".quiz-right"))
    assert 1 == float(reader.sees("#quiz progress")[0].get_attribute("value"))
    assert [] == reader.complaints()


@pytest.mark.parametrize("kept", ["null", "[]", "{", '{"answers": null}', '{"lab": "99"}', "7"])
def test_quiz_with_damaged_progress(reader: Reader, kept: str) -> None:
    """An unreadable state counts as none: the page asks the questions."""
    reader.opens("en/quiz.html")
    reader.script(f"localStorage.setItem('{KEY}', arguments[0])", kept)
    reader.opens("en/quiz.html")
    reader.waits(lambda: reader.sees("#quiz [type=submit]"))
    assert [] == reader.complaints()


def test_quiz_asks_wrong_ones_again(reader: Reader) -> None:
    """Three other questions later it is there again; the filter by lab shows that lab's only."""
    reader.opens("en/quiz.html")
    choices = [question for question in questions(reader) if question["kind"] == "choice"]
    lab = choices[0]["lab"]
    of_lab = [question for question in questions(reader) if question["lab"] == lab]
    _focus(reader, "#quiz select")
    reader.types(f"lab {lab}")
    reader.waits(lambda: lab in reader.sees(".quiz-about")[0].text)
    answers = {
        question["id"]: {"right": question is not choices[0], "turn": turn, "tries": 1}
        for turn, question in enumerate([choices[0], *of_lab[-3:]], 1)
    }
    progress = {"lab": lab, "turn": len(answers), "answers": answers}
    reader.script(f"localStorage.setItem('{KEY}', JSON.stringify(arguments[0]))", progress)
    reader.opens("en/quiz.html")
    reader.waits(lambda: reader.driver.current_url.endswith("#" + choices[0]["id"]))


def test_quiz_forgets(reader: Reader) -> None:
    """The button for it asks, then forgets all answers."""
    kept = '{"lab": "", "turn": 1, "answers": {"x": {"right": true, "turn": 1, "tries": 1}}}'
    reader.opens("ru/quiz.html")
    reader.script(f"localStorage.setItem('{KEY}', arguments[0])", kept)
    reader.opens("ru/quiz.html")
    _focus(reader, ".quiz-reset")
    reader.types(Keys.ENTER)
    reader.waits(lambda: reader.driver.switch_to.alert).accept()
    stored = f"return JSON.parse(localStorage.getItem('{KEY}')).answers"
    reader.waits(lambda: reader.script(stored) == {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_quiz_speaks_to_screen_readers(reader: Reader, language: str) -> None:
    """Every field has a name, every group a legend, and what comes of an answer is announced."""
    reader.opens(f"{language}/quiz.html")
    for kind in KINDS:
        question = next((q for q in questions(reader) if q["kind"] == kind), None)
        if not question:
            continue
        reader.opens(f"{language}/quiz.html#{question['id']}")
        nameless = """return [...document.querySelectorAll('#quiz input, #quiz textarea, #quiz select')].filter(
            e => !(e.getAttribute('aria-label') || (e.labels.length && e.labels[0].textContent.trim()))).length"""
        assert 0 == reader.script(nameless), kind
        assert 0 == len(
            reader.driver.find_elements(By.CSS_SELECTOR, "#quiz fieldset:not(:has(> legend))")
        )
        assert reader.driver.find_elements(By.CSS_SELECTOR, ".quiz-feedback[role=status]")
