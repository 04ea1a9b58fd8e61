"""The recorded blocks: what a student reads, to the letter, of some faults that students often make.

`PYTHONPATH=harness python3 harness/selftest/blocks.py` records them anew, or those named behind it
(02-serves-in-main). What differs from run to run is masked, each thing for a reason that stands beside its mask.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from commandline import AGAIN, MACHINE_TROUBLE
from forge import environment, forge
from graded import SECONDS
from labkit.workbook.answers import Mutant, mutants
from labkit.ground.catalog import ROOT

BLOCKS = Path(__file__).parent / "blocks"
LANGUAGES = ("en", "ru")
PICKED = (
    "01-wrong-format",
    "01-no-handler",
    "01-no-reuseaddr",
    "01-end-of-input-fails",
    "02-address-after-free",
    "02-unlocked-counter",
    "05-capitals-only",
    "06-wrong-count",
)
HEADING = re.compile(r"^(?:step|шаг) \d+, ", re.MULTILINE)
TALK = re.compile(r"^(?:The conversation|Разговор):\n", re.MULTILINE)
EVENT = re.compile(r" {3}TIME .*\n(?: {12,}.*\n)*")
END = re.compile(r"^(?:Read|Прочитайте): .*\n", re.MULTILINE)
# A text that differs from run to run -> what stands for it.
MASKS = (
    (r"(?m)^ {4,}\d+[.,]\d{3} (s|с)(?=  )", r"   TIME \1"),  # when it happened
    (r"(?<=127\.0\.0\.1:)\d+", "PORT"),  # the kernel chooses it
    (r"(?<=\[::1\]:)\d+", "PORT"),
    (r"(?<=-p )(?!9090\b)[1-9]\d{3,4}(-\d+)?\b", "PORT"),
    (r"(?<=port )\d+|(?<=порту )\d+", "PORT"),
    (r"(?<= )\d+[.,]\d (?=s\b|с\b)", "N "),  # how long it waited: by the machine's load
    (r"\b\d+ (?=KiB|КиБ)", "N "),  # the kernel gives pages as it likes
    (r"0x[0-9a-f]{6,}", "ADDRESS"),  # addresses are random
)


def picked() -> list[Mutant]:
    """The mutants whose blocks are recorded, in the order of their names' list."""
    known = {name_of(mutant): mutant for mutant in mutants()}
    return [known[name] for name in PICKED]


def name_of(mutant: Mutant) -> str:
    """A mutant's name with its lab's number: 02-serves-in-main."""
    return f"{mutant.lab.number}-{mutant.name}"


def recorded(mutant: Mutant, language: str) -> Path:
    """The file in which its block stands."""
    return BLOCKS / language / f"{name_of(mutant)}.txt"


def block(mutant: Mutant, language: str, home: Path) -> str:
    """Plant it in an empty directory, run its checks, and return the block that the terminal shows, masked.

    Where the machine was too busy to judge, it runs again. AssertionError where there is no block in the end.
    """
    work = home / "work"
    if not work.exists():
        mutant.plant(work)
    words = ["check", mutant.lab.name, "--step", str(mutant.step), "--seed", "1"]
    words += [f"--check={name}" for name in mutant.checks]
    words += ["--work", str(work), "--report", str(home / "report")]
    for _again in range(1 + AGAIN):
        env = {**environment(), "LANGUAGE": language}
        status, said, _none = forge().run(words, SECONDS, env, together=True)
        if status != MACHINE_TROUBLE:
            break
    begin, end = HEADING.search(said), END.search(said)
    assert begin and end, said
    return masked(said[begin.start() : end.end()], home)


def masked(text: str, home: Path) -> str:
    """A block without what differs from run to run. home: the temporary directory, which has a random name."""
    text = text.replace(str(home), "HOME").replace(f"{ROOT}/", "")
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return ordered(text)


def ordered(text: str) -> str:
    """A block whose conversation is in an order that does not differ from run to run.

    Two sides go on at once, and so do the two outputs of a program: each one's events stand together, in their own
    order. Of a conversation that is cut, what is left depends on the order, so all its events become one word.
    """
    begin = TALK.search(text)
    if not begin:
        return text
    parts = re.match(r"((?: {2,}[^\n]*\n)*)(.*)", text[begin.end() :], re.DOTALL)
    assert parts
    talk, rest = parts.groups()
    before, after = text[: begin.end()], "".join(re.findall(r"(?m)^ {2}[^ …].*\n", talk)) + rest
    if talk.startswith("  …"):
        return f"{before}  CUT\n{after}"
    return before + "".join(sorted(EVENT.findall(talk), key=_speaker)) + after


def _speaker(event: str) -> tuple[str, bool]:
    """Who an event is of, and whether it stood on stderr."""
    who, what = re.split(r" {2,}", event[3:], maxsplit=2)[1:]
    return who, what.startswith(("prints on stderr", "пишет в stderr"))


def record(names: list[str]) -> None:
    """Write the blocks of the mutants so named, or of all, into their files."""
    for mutant in picked():
        if names and name_of(mutant) not in names:
            continue
        with tempfile.TemporaryDirectory() as home:
            for language in LANGUAGES:
                path = recorded(mutant, language)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block(mutant, language, Path(home)), encoding="utf-8")
                print(path)


if __name__ == "__main__":
    record(sys.argv[1:])
