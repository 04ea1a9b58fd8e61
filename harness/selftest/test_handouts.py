"""The handouts: both languages say the same, name every step, and show what the programs really do.

What is in a fenced block is the same in both languages, letter for letter, but for drawings (`text`).
A comment before a `console` block says how it came about, and here it is done again with the reference:

    <!-- run -->                      the block's commands
    <!-- run beside: COMMAND -->      the same, while COMMAND, a server, runs
    <!-- as seen -->                  not done again: it shows a half-written program, or what differs each time
    <!-- terminal, types: a | b -->   a terminal in which a person types a, then b. The terminals of a
                                      section, the server's first, are opened in this order, typed into
                                      and ended in the reverse one
    <!-- session -->                  one shell, in whose terminal all of the block is seen, in a network of its own;
                                      `session beside COMMAND`: where COMMAND listens on port 9090;
                                      `session, types: WORD`: where a person answers a prompt with WORD

A block without such a comment holds no commands.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from labkit.build.build import GCC, WARNINGS
from labkit.causes import table as causes
from labkit.ground.catalog import COMMON, LABS, ROOT, Lab, all_labs, tomllib
from labkit.workbook.answers import mutants
from labkit.workbook.handout import FAILURES, NAMES, STEP, Block, Handout, handouts
from session import SESSION, agrees, play
from stage import ALONE, COMPILE, RUN, TERMINAL, Stage, replay

WIDTH = 120
TRIES = 3
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
ROCKETS = """#include <stdio.h>
struct rocket { int number; };
extern struct rocket rockets[], *rocket;
extern pthread_t threads[];
extern pthread_attr_t attributes;
extern int count, n;
void *rocket_run(void *);
"""

EACH = pytest.mark.parametrize("handout", handouts(), ids=lambda h: f"{h.lab.number}-{h.language}")
LAB = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)


# -- what they say --------------------------------------------------------------------------------


@LAB
def test_languages_agree(lab: Lab) -> None:
    """The same sections, tables and lists; commands, transcripts and code words to the letter."""
    english, russian = Handout(lab, "en"), Handout(lab, "ru")
    assert [s.outline() for s in english.sections] == [s.outline() for s in russian.sections]
    for one, other in zip(english.sections, russian.sections):
        assert one.spans() ^ other.spans() <= {"main"}, one.heading  # the thread or the function
        for block, same in zip(one.blocks, other.blocks):
            assert block.kind == "text" or block == same


@EACH
def test_steps_are_those_of_the_lab(handout: Handout) -> None:
    """Each step of lab.toml has its section, which names what is to be written."""
    toml = tomllib.loads((LABS / handout.lab.name / "lab.toml").read_text(encoding="utf-8"))
    title = "title" if handout.language == "en" else "title_ru"
    form = STEP[handout.language]
    wanted = [form.format(n=s["number"], title=s[title], points=s["points"]) for s in toml["step"]]
    assert handout.headings(form.partition("{")[0]) == wanted
    for step in toml["step"]:
        section = handout.step(step["number"])
        assert {
            place.split(":")[1] for place in step.get("todo", [])
        } <= section.spans(), section.heading
        assert bool(step.get("todo", [])) == (
            f"TODO {step['number']}:" in section.prose
        ), section.heading


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
    """Relative links, headings they name, and files that are mentioned exist."""
    here = handout.path.parent
    for target in re.findall(r"\]\(([^)]+)\)", handout.text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (here / name).resolve() if name else handout.path
        assert path.is_file(), target
        if anchor:
            (other,) = [h for h in handouts() if h.path == path]
            assert anchor in other.anchors(), target
    for span in {span for section in handout.sections for span in section.spans()}:
        if re.fullmatch(r"[\w-]+\.[ch]", span):
            assert (here / span).exists() or (COMMON / span).exists(), span
        elif re.match(r"(labs|harness|solutions)/\S+$", span):
            assert (ROOT / span).exists(), span


@EACH
def test_causes_are_explained(handout: Handout) -> None:
    """The table of failures has every cause of this lab's mutants, and none that nobody names."""
    rows = handout.section(FAILURES[handout.language]).tables
    named = {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}
    planted = {m.cause for m in mutants() if m.lab == handout.lab}
    assert planted - named == set()
    assert named - planted - causes.names() == set()


@LAB
def test_commands_can_be_typed(lab: Lab) -> None:
    """`make` commands name a target, this lab and one of its steps; what looks typed is marked."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in Handout(lab, "en").blocks:
        for target, words in re.findall(r"^make (\S+)(.*)$", block.text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            values = dict(word.split("=") for word in words.split())
            assert values["LAB"] == lab.number
            assert int(values.get("STEP", 1)) in [step.number for step in lab.steps]
        assert block.kind in ("sh", "console", "c", "python", "text")
        assert block.mark or block.kind != "console" or "$ " not in block.text


@LAB
def test_code_compiles(lab: Lab) -> None:
    """C in a handout is right as a part of a program, or of a function."""
    for block in Handout(lab, "en").blocks:
        if block.kind == "c":
            part, body = block.text, f"void f(void);\nvoid f(void)\n{{\n{block.text}}}\n"
            words = [
                subprocess.run(
                    [*COMPILE, "-fsyntax-only", "-xc", "-"],
                    input=prelude + text,
                    stderr=subprocess.PIPE,
                    text=True,
                ).stderr
                for text in (part, body)
                for prelude in (PRELUDE, PRELUDE + ROCKETS)
            ]
            assert "" in words, "\n".join(words)


@LAB
def test_build_commands_build(lab: Lab, tmp_path: Path) -> None:
    """Each gcc command of the handout compiles the starter, without a warning."""
    texts = [b.text.replace("\\\n", " ") for b in Handout(lab, "en").blocks if b.kind == "sh"]
    commands = re.findall(r"^gcc .*$", "\n".join(texts), re.MULTILINE)
    assert commands
    for command in commands:
        words = command.replace("/tmp/", f"{tmp_path}/")
        done = subprocess.run(["bash", "-c", words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (0, ""), command


@LAB
def test_build_commands_are_the_harness_s(lab: Lab) -> None:
    """By hand a program is compiled with the flags by which step 1 judges it: no other warning, no other header."""
    texts = [b.text.replace("\\\n", " ") for b in Handout(lab, "en").blocks if b.kind == "sh"]
    commands = re.findall(r"^gcc .*-Wshadow .*$", "\n".join(texts), re.MULTILINE)
    assert len(commands) == len(lab.programs)
    for command in commands:
        words = re.sub(r"\$\(.*?\)", "", command).split()
        flags = [word for word in words if re.match(r"-[^oIl]", word)]
        assert flags == [*WARNINGS, *GCC.flags, *lab.flags]


# -- what they show -------------------------------------------------------------------------------


THERE = [h for h in handouts("en") if h.path.exists()]  # else another test says so
RUNNABLE = [
    (h.lab, b) for h in THERE for b in h.blocks if b.mark == ALONE or b.mark.startswith(RUN)
]


@pytest.mark.parametrize(
    "lab, block", RUNNABLE, ids=[f"{lab.number}-{n}" for n, (lab, _) in enumerate(RUNNABLE, 1)]
)
def test_commands_print_what_is_shown(lab: Lab, block: Block, tmp_path: Path) -> None:
    """The commands of a block, run beside the reference, print what the handout shows.

    What threads print a third of a second apart may come in another order where the machine stops one of them for as
    long: the same lines in another order are no agreement, but are asked for once more.
    """
    stage = Stage.build(lab, tmp_path)
    wanted = stage.shown(block.text).rstrip()
    for _try in range(TRIES):
        printed = stage.shown(typed(stage, block)).rstrip()
        if printed == wanted or sorted(printed.splitlines()) != sorted(wanted.splitlines()):
            break
    assert printed == wanted


def typed(stage: Stage, block: Block) -> str:
    """What a block's commands print when they are typed."""
    server = block.mark.removeprefix(RUN)
    with nullcontext(0) if server == ALONE else stage.beside(server) as pid:
        lines = re.findall(r"^\$ (.*)$", block.text, re.MULTILINE)
        return "".join(f"$ {line}\n{stage.run(line, pid)}" for line in lines)


SESSIONS = [(h.lab, b) for h in THERE for b in h.blocks if SESSION.fullmatch(b.mark)]


@pytest.mark.parametrize(
    "lab, block", SESSIONS, ids=[f"{lab.number}-{n}" for n, (lab, _) in enumerate(SESSIONS, 1)]
)
def test_a_session_shows_what_happens(lab: Lab, block: Block, tmp_path: Path) -> None:
    """What is typed into one shell, typed again: its terminal shows what the handout shows."""
    home = Stage.build(lab, tmp_path).home
    for other in Handout(lab, "en").blocks:
        if other.kind == "python":
            (home / "ports.py").write_text(other.text, encoding="utf-8")
    got = play(block, home)
    assert agrees(got, block.text), got


@LAB
def test_terminals_show_what_happens(lab: Lab, tmp_path: Path) -> None:
    """A session at several terminals, typed again: each shows what the handout shows."""
    for number, section in enumerate(Handout(lab, "en").sections):
        blocks = [b for b in section.blocks if b.mark.startswith(TERMINAL)]
        if blocks:
            replay(Stage.build(lab, tmp_path / str(number)), blocks)
