"""`harness/lab lint`: what is missing in a lab, or unknown there, in one sentence each."""

from __future__ import annotations

from labkit.ground import catalog
from labkit.ground.catalog import LABS, NoSuchLab
from labkit.workbook.lint import description, handouts, judging, places, planted, starter
from labkit.workbook.lint.finding import Finding

RULES = (starter, handouts, judging, planted, places)

__all__ = ["Finding", "findings"]


def findings(text: str | None = None) -> list[Finding]:
    """What is wrong with the lab that a text names, as `catalog.find` takes it; with all labs where it is None.

    NoSuchLab where nothing in the tree belongs to such a lab.
    """
    lost = [one for one in description.orphans() if text is None or _belongs(one, text)]
    names = [path.parent.name for path in sorted(LABS.glob("*/lab.toml"))]
    if text is not None:
        names = [name for name in names if text in (name, name[:2], name[:2].lstrip("0"))]
    if text is not None and not names and not lost:
        catalog.find(text)
        raise NoSuchLab(text)
    return lost + [finding for name in names for finding in _of(name)]


def _belongs(finding: Finding, text: str) -> bool:
    """Whether the file of a lab without lab.toml is this lab's."""
    name = finding.path.name.removeprefix("lab_").replace("_", "-")
    return name.startswith(text) or name[:2].lstrip("0") == text


def _of(name: str) -> list[Finding]:
    """What is wrong with one lab; only its lab.toml where that is, for all else depends on it."""
    wrong = list(description.findings(name))
    if wrong:
        return wrong
    lab = catalog.load(LABS / name)
    return [finding for rule in RULES for finding in rule.findings(lab)]
