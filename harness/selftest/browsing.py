"""For the self-tests: a person who reads the site in headless Chromium, from the file system."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from workbook import site

T = TypeVar("T")
SECONDS = 40  # at most, for a page to do something, on a busy machine
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # the tests may be run by root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,900",
)


def browser(profile: Path) -> webdriver.Chrome:
    """A browser with a profile of its own, without a network; the caller ends it with quit()."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in (*OPTIONS, f"--user-data-dir={profile}", "--proxy-server=127.0.0.1:9"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    site()  # built before a browser waits for it
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


class Reader:
    """A person who reads the site."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def opens(self, page: str) -> None:
        """From the file system; also where only the part behind # is another one."""
        self.driver.get("about:blank")
        file, hash_, anchor = page.partition("#")
        self.driver.get((site() / file).as_uri() + hash_ + anchor)

    def sees(self, selector: str) -> list[WebElement]:
        """The elements that are shown."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [element for element in found if element.is_displayed()]

    def waits(self, condition: Callable[[], T]) -> T:
        """Until it is so. Pages change under our hands: what has gone is looked for again."""
        gone = (WebDriverException, IndexError)
        wait = WebDriverWait(self.driver, SECONDS, 0.05, ignored_exceptions=gone)
        return wait.until(lambda _: condition())

    def types(self, *keys: str) -> None:
        """Into whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def script(self, text: str, *values: object) -> Any:
        """The value of a script's `return`."""
        return self.driver.execute_script(text, *values)

    def complaints(self) -> list[str]:
        """What the browser had to say of errors."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]
