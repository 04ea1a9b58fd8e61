#!/usr/bin/python3
"""Makes the pictures of a failure for README.md and README.ru.md: docs/images/failure.py

They show what `make check LAB=02` says of a real program: the reference of lab 02 with a counter that all
threads use without a lock. Lines that are long are folded, and the conversation, which has 500 lines, and the
exit status are left out, which an ellipsis says; paths are as in the labs' own directory. Nothing else is changed.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "02-threaded-echo"
COLUMNS = 104
BUG = {
    "\n/* The life of a client's thread;": "\nstatic int served; /* clients so far */\n",
    '\techo(client);\n\tprintf("client %s disconnected': "\tserved++;\n",
}
# rich's own frame, without the fonts that it would fetch from elsewhere
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def plant(work: Path) -> None:
    """The program with the bug."""
    source = (ROOT / "solutions" / NAME / "echo_server.c").read_text(encoding="utf-8")
    for place, line in BUG.items():
        assert source.count(place) == 1
        source = source.replace(place, line + place)
    (work / NAME).mkdir()
    (work / NAME / "echo_server.c").write_text(source, encoding="utf-8")


def verdict(work: Path, language: str) -> str:
    """What the check says on a terminal."""
    environment = os.environ | {"LANGUAGE": language, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    words = [str(ROOT / "harness" / "lab"), "check", "02", "--step", "7", "--seed", "1"]
    words += ["--work", str(work), "--report", str(work / "report")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    said = done.stdout.replace(str(work / "report"), "build/report")
    return shortened(said.replace(f" WORK={work}", "").replace(str(work), "labs"))


def shortened(said: str) -> str:
    """The block without the conversation and the process: what stands before the likely cause."""
    paragraphs = said.split("\n\n")
    conversation = next(i for i, words in enumerate(paragraphs) if " 127.0.0.1:" in words)
    return "\n\n".join([*paragraphs[:conversation], "…", *paragraphs[conversation + 2 :]])


def picture(said: str) -> str:
    """A terminal with these words in it, as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make check LAB=02 STEP=7", style="bold"))
    console.print(Text.from_ansi(said.rstrip()))
    svg = console.export_svg(title="make check", theme=MONOKAI, code_format=FRAME)
    return re.sub(r"terminal-\d+", "failure", svg)


def main() -> None:
    for language, suffix in (("en", ""), ("ru", ".ru")):
        with tempfile.TemporaryDirectory() as name:
            plant(Path(name))
            said = verdict(Path(name), language)
        (HERE / f"failure{suffix}.svg").write_text(picture(said), encoding="utf-8")


if __name__ == "__main__":
    main()
