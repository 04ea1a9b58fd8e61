"""The handouts: both languages say the same, name every step, and show what the programs really do.

What is in a fenced block is the same in both languages, letter for letter, but for drawings (`text`). A comment
before a `console` block says how it came about, and here it is done again with the reference:

    <!-- run beside: COMMAND -->      the block's commands, while COMMAND runs
    <!-- terminal, types: a | b -->   the block is a terminal in which a person types a, then b. Terminals of one
                                      section are opened in their order, typed into and ended in the reverse order.

A block without such a comment holds no commands.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pexpect
import pytest

from graded import mutants
from labkit import symptoms
from labkit.catalog import COMMON, LABS, ROOT, SOLUTIONS, Lab, all_labs, tomllib

NAMES = {"en": "README.md", "ru": "README.ru.md"}
WIDTH = 120
SECONDS = 20
COMPILE = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", str(COMMON)]
STEP = {"en": "Step {n}. {title} ({points} points)", "ru": "Шаг {n}. {title} ({points} баллов)"}
PRELUDE = """#define _POSIX_C_SOURCE 200809L
#include "net.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
extern int listener, what_i_wait_for;
extern pthread_t thread;
extern pthread_mutex_t lock;
extern pthread_cond_t changed;
void *serve(void *);
"""


# -- reading a handout -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block. kind: the word behind the fence. mark: the comment before it."""

    kind: str
    mark: str
    text: str


@dataclass
class Section:
    """A heading and what stands below it. tables: their lines. items: how many list items."""

    level: int
    heading: str
    blocks: list[Block] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    items: int = 0
    prose: str = ""

    def outline(self) -> tuple[int, list[str], int, int]:
        """What both languages must have alike."""
        return self.level, [b.kind for b in self.blocks], len(self.tables), self.items

    def spans(self) -> set[str]:
        """The words in `code`, a line end taken for a space."""
        words = re.findall(r"`([^`]+)`", self.prose + "\n".join(self.tables))
        return {re.sub(r"\s+", " ", word) for word in words}


@dataclass(frozen=True)
class Handout:
    """One lab's handout in one language."""

    lab: Lab
    language: str

    @property
    def path(self) -> Path:
        return LABS / self.lab.name / NAMES[self.language]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def sections(self) -> list[Section]:
        """In order; the first is the title."""
        found: list[Section] = []
        lines = iter(self.text.splitlines())
        mark = ""
        for line in lines:
            if heading := re.match(r"(#+) (.*)", line):
                found.append(Section(len(heading[1]), heading[2]))
            elif comment := re.match(r"<!-- (.*) -->", line):
                mark = comment[1]
            elif line.startswith("```"):
                body = "".join(f"{inner}\n" for inner in iter(lambda: next(lines), "```"))
                found[-1].blocks.append(Block(line[3:], mark, body))
                mark = ""
            elif line.startswith("|"):
                found[-1].tables.append(line)
            else:
                found[-1].items += bool(re.match(r"- |\d+\. ", line))
                found[-1].prose += line + "\n"
        return found

    @property
    def blocks(self) -> list[Block]:
        return [block for section in self.sections for block in section.blocks]

    def anchors(self) -> set[str]:
        """What a link to a heading may say, as GitHub makes it."""
        words = (re.sub(r"[^\w\- ]", "", s.heading.lower()) for s in self.sections)
        return {word.replace(" ", "-") for word in words}

    def step(self, number: int) -> Section:
        """The section of a step."""
        start = STEP[self.language].split("{")[0] + f"{number}. "
        (section,) = [s for s in self.sections if s.heading.startswith(start)]
        return section


ALL = [Handout(lab, language) for lab in all_labs() for language in NAMES]
EACH = pytest.mark.parametrize("handout", ALL, ids=lambda h: f"{h.lab.number}-{h.language}")
LAB = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)


# -- what they say ------------------------------------------------------------------------------------------


@LAB
def test_languages_agree(lab: Lab) -> None:
    """The same sections with the same tables and lists; commands, transcripts and code words to the letter."""
    english, russian = Handout(lab, "en"), Handout(lab, "ru")
    assert [s.outline() for s in english.sections] == [s.outline() for s in russian.sections]
    for one, other in zip(english.sections, russian.sections):
        assert one.spans() ^ other.spans() <= {"main"}, one.heading  # the thread or the function
        for block, same in zip(one.blocks, other.blocks):
            assert block.kind == "text" or block == same


@EACH
def test_steps_are_those_of_the_lab(handout: Handout) -> None:
    """Each step of lab.toml has its heading, with title and points, and its section names what is to be written."""
    toml = tomllib.loads((LABS / handout.lab.name / "lab.toml").read_text(encoding="utf-8"))
    wanted = [
        STEP[handout.language].format(
            n=s["number"],
            title=s["title" if handout.language == "en" else "title_ru"],
            points=s["points"],
        )
        for s in toml["step"]
    ]
    assert [s.heading for s in handout.sections if re.match(r"(Step|Шаг) \d", s.heading)] == wanted
    for step in toml["step"]:
        section = handout.step(step["number"])
        assert {place.split(":")[1] for place in step["todo"]} <= section.spans(), section.heading
        assert bool(step["todo"]) == (f"TODO {step['number']}:" in section.prose), section.heading


@EACH
def test_every_todo_has_its_step(handout: Handout) -> None:
    """A TODO of the starter is explained in the step of its number."""
    sources = sorted((LABS / handout.lab.name).glob("*.[ch]"))
    found = {int(n) for path in sources for n in re.findall(r"\bTODO (\d+):", path.read_text())}
    assert found
    for number in found:
        assert f"TODO {number}:" in handout.step(number).prose


@EACH
def test_title_and_lines(handout: Handout) -> None:
    """The title is the lab's; each language leads to the other; no line is too long to read."""
    title = handout.lab.title if handout.language == "en" else handout.lab.title_ru
    assert handout.sections[0].heading.endswith(f"{handout.lab.number}. {title}")
    assert f"]({NAMES['ru' if handout.language == 'en' else 'en']})" in handout.sections[0].prose
    lines = handout.text.splitlines()
    assert [line for line in lines if len(line) > WIDTH and not line.startswith("|")] == []


@EACH
def test_links_lead_somewhere(handout: Handout) -> None:
    """Relative links, headings they name, and files of the repository that are mentioned exist."""
    for target in re.findall(r"\]\(([^)]+)\)", handout.text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (handout.path.parent / name).resolve() if name else handout.path
        assert path.is_file(), target
        if anchor:
            (other,) = [h for h in ALL if h.path == path]
            assert anchor in other.anchors(), target
    spans = {span for section in handout.sections for span in section.spans()}
    for span in spans:
        if re.fullmatch(r"[\w-]+\.[ch]", span):
            assert (handout.path.parent / span).exists() or (COMMON / span).exists(), span
        elif re.match(r"(labs|harness|solutions)/\S+$", span):
            assert (ROOT / span).exists(), span


@EACH
def test_causes_are_explained(handout: Handout) -> None:
    """The table of failures knows every cause that a mutant of this lab has, and none that nobody prints."""
    (table,) = [
        s.tables for s in handout.sections if s.heading in ("Where students fail", "Где ошибаются")
    ]
    named = {word for row in table for word in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert {m.cause for m in mutants() if m.lab == handout.lab} - named == set()
    assert named - set(symptoms.TABLE) == set()


@LAB
def test_commands_can_be_typed(lab: Lab) -> None:
    """`make` commands name a target, this lab and a step of it; blocks of output have no commands."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in Handout(lab, "en").blocks:
        for target, words in re.findall(r"^make (\S+)(.*)$", block.text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            values = dict(word.split("=") for word in words.split())
            assert values.pop("LAB") == lab.number
            assert int(values.get("STEP", 1)) in [step.number for step in lab.steps]
        assert block.mark or block.kind != "console" or "$ " not in block.text
        assert block.kind in ("sh", "console", "c", "text")


@LAB
def test_code_compiles(lab: Lab, tmp_path: Path) -> None:
    """C in a handout is right as a part of a program, or of a function."""
    for number, block in enumerate(b for b in Handout(lab, "en").blocks if b.kind == "c"):
        tries = PRELUDE + block.text, f"{PRELUDE}void f(void);\nvoid f(void)\n{{\n{block.text}}}\n"
        failures = []
        for text in tries:
            path = tmp_path / f"block{number}.c"
            path.write_text(text, encoding="utf-8")
            done = subprocess.run(
                [*COMPILE, "-fsyntax-only", path], capture_output=True, text=True, check=False
            )
            failures += [done.stderr] if done.returncode else []
        assert len(failures) < len(tries), "\n".join(failures)


@LAB
def test_build_commands_build(lab: Lab, tmp_path: Path) -> None:
    """Each gcc command of the handout compiles the starter, without a warning."""
    for block in Handout(lab, "en").blocks:
        if block.kind == "sh" and block.text.startswith("gcc"):
            text = re.sub(r"^(?!gcc| ).*\n", "", block.text, flags=re.MULTILINE)
            command = text.replace("/tmp/", f"{tmp_path}/")
            done = subprocess.run(
                ["bash", "-ec", command], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), command


# -- what they show -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """Where a handout's commands are run: built references, a port and a directory of its own."""

    lab: Lab
    home: Path
    port: int

    @staticmethod
    def build(lab: Lab, home: Path) -> Stage:
        """Build the reference's programs where `make check` would leave them."""
        place = home / "build/bin" / lab.name
        place.mkdir(parents=True)
        for program in lab.programs:
            sources = [SOLUTIONS / lab.name / f"{program}.c", *COMMON.glob("*.c")]
            subprocess.run([*COMPILE, *sources, "-o", place / program], check=True)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return Stage(lab, home, sock.getsockname()[1])

    def command(self, text: str, pid: int = 0) -> str:
        """A handout's command as it is run here."""
        text = re.sub(r"(build/bin/\S+_(?:server|client))\b(?! -p)", r"\1 -p 9090", text)
        text = re.sub(r"\$\(pidof \w+\)", str(pid), text)
        text = text.replace("/tmp/", f"{self.home}/").replace("9090", str(self.port))
        return text.replace("build/bin/", f"{self.home}/build/bin/")

    def shown(self, text: str, ports: dict[str, str]) -> str:
        """Output with its ports named in the order in which they appear."""
        text = re.sub(rf"\b{self.port}\b", "9090", text.replace("\r\n", "\n"))

        def name(match: re.Match[str]) -> str:
            port = match[1]
            return ":" + ("9090" if port == "9090" else ports.setdefault(port, f"<{len(ports)}>"))

        return re.sub(r":(\d{4,5})\b", name, text)

    @contextmanager
    def beside(self, command: str) -> Iterator[int]:
        """Run a server until the end of the block; its process id. It must stop as it should."""
        words = command if "exec " in command else f"exec {command}"
        with (self.home / "out").open("w") as out:
            server = subprocess.Popen(
                ["bash", "-c", self.command(words)], stdout=out, stderr=subprocess.DEVNULL
            )
        try:
            until = time.monotonic() + SECONDS
            while "listening on" not in (self.home / "out").read_text():
                assert server.poll() is None and time.monotonic() < until, command
                time.sleep(0.01)
            yield server.pid
            server.terminate()
            assert server.wait(SECONDS) == 0
        finally:
            server.kill()
            server.wait()


def runnable() -> list[tuple[Lab, Block]]:
    """All blocks of commands that are run beside another."""
    english = [Handout(lab, "en") for lab in all_labs()]
    return [(h.lab, b) for h in english for b in h.blocks if b.mark.startswith("run beside: ")]


@pytest.mark.parametrize(
    "lab, block", runnable(), ids=[f"{lab.number}-{n}" for n, (lab, _) in enumerate(runnable())]
)
def test_commands_print_what_is_shown(lab: Lab, block: Block, tmp_path: Path) -> None:
    """The commands of a block, run beside the reference, print what the handout shows."""
    stage = Stage.build(lab, tmp_path)
    with stage.beside(block.mark.removeprefix("run beside: ")) as pid:
        printed = ""
        for line in re.findall(r"^\$ (.*)$", block.text, re.MULTILINE):
            done = subprocess.run(
                ["bash", "-c", stage.command(line, pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            printed += f"$ {line}\n{done.stdout}"
    if not printed.endswith("\n"):
        printed += "\n"
    assert stage.shown(printed, {}) == block.text


@LAB
def test_terminals_show_what_happens(lab: Lab, tmp_path: Path) -> None:
    """A session at several terminals, typed again: each shows what the handout shows."""
    for section in Handout(lab, "en").sections:
        blocks = [b for b in section.blocks if b.mark.startswith("terminal, types: ")]
        if blocks:
            replay(Stage.build(lab, tmp_path), blocks)


def replay(stage: Stage, blocks: list[Block]) -> None:
    """Open all terminals, end them in the reverse order, and compare. The first is the server's."""
    opened: list[pexpect.spawn[str]] = []
    screens: list[str] = []
    try:
        for block in blocks:
            command = block.text.splitlines()[0].removeprefix("$ ")
            words = ["-c", f"exec {stage.command(command)}"]
            opened.append(pexpect.spawn("/bin/bash", words, encoding="utf-8", timeout=SECONDS))
            opened[0].expect("listening on .*\n" if len(opened) == 1 else " connected\r\n")
            screens.append(opened[0].before + opened[0].after if len(opened) == 1 else "")
            if len(opened) > 1:
                screens[0] += opened[0].before + opened[0].after
        for index in reversed(range(len(blocks))):
            terminal = opened[index]
            screens[index] += typed(terminal, blocks[index])
            if index:
                opened[0].expect(" disconnected\r\n")
                screens[0] += opened[0].before + opened[0].after
    finally:
        for terminal in opened:
            terminal.close(force=True)
    ports: dict[str, str] = {}
    for block, screen in zip(blocks, screens):
        command, shown = block.text.split("\n", 1)
        assert stage.shown(screen, ports).rstrip() == stage.shown(shown, {}).rstrip(), command
        ports = {}


def typed(terminal: pexpect.spawn[str], block: Block) -> str:
    """Type what the block's mark says, each when its turn has come; everything the terminal shows until its end."""
    seen = ""
    words = block.mark.removeprefix("terminal, types: ").split(" | ")
    for number, word in enumerate(words):
        if word == "^C":
            terminal.sendintr()
            continue
        if "\n> " in block.text:
            terminal.expect_exact("> ")
            seen += terminal.before + terminal.after
        terminal.sendline(word)
        if number + 1 < len(words) and words[number + 1] == "^C":
            terminal.expect_exact(f"{word}\r\n{word}\r\n")
            seen += terminal.before + terminal.after
    terminal.expect(pexpect.EOF)
    return seen + str(terminal.before)
