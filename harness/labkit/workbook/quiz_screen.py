"""What the quiz shows: light markdown, code, options, on a terminal of any width or as plain text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 80
TAB = 4
ROOM = 20  # columns that an answer should have beside the words that ask for it
THEME = "ansi_dark"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```[ \t]*$\n?", re.DOTALL | re.MULTILINE)
INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>\S.*?)\*\*|(?<![\w*])\*(?P<soft>\S[^*]*?)\*(?!\w)"
)
STYLES = {"code": "cyan", "strong": "bold", "soft": "italic"}


class Screen:
    """Where the quiz writes. plain: without colours, as into a pipe; then code keeps its backquotes."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = max(self.console.width, PIPE_COLUMNS)
        self.plain = self.console.color_system is None or self.console.no_color

    # -- pieces --------------------------------------------------------------------------------

    def rich(self, text: str, style: str = "") -> RenderableType:
        """Light markdown: paragraphs, `code`, *emphasis*, fenced blocks."""
        parts: list[RenderableType] = []
        place = 0
        for fence in FENCE.finditer(text):
            parts += self._paragraphs(text[place : fence.start()], style)
            parts.append(Padding(self.code(fence[2].rstrip("\n"), fence[1] or "c"), (0, 0, 0, 2)))
            place = fence.end()
        parts += self._paragraphs(text[place:], style)
        return Group(*_spaced(parts))

    def _paragraphs(self, text: str, style: str) -> list[RenderableType]:
        """Lines that follow each other are one paragraph, except the items of a list."""
        found: list[RenderableType] = []
        for block in re.split(r"\n\s*\n", text.strip("\n")):
            joined = re.sub(r"\s*\n(?!\s*(?:[-*]|\d+\.) )\s*", " ", block.strip())
            if joined:
                found.append(self.inline(joined, style))
        return found

    def inline(self, text: str, style: str = "") -> Text:
        """One paragraph with `code` and *emphasis*."""
        shown = Text(style=style, overflow="fold")
        place = 0
        for match in INLINE.finditer(text):
            kind = match.lastgroup or "code"
            shown.append(text[place : match.start()])
            keeps = self.plain and kind == "code"
            shown.append(match[0] if keeps else match[kind], "" if self.plain else STYLES[kind])
            place = match.end()
        shown.append(text[place:])
        return shown

    def code(self, text: str, language: str = "c", numbers: bool = False) -> RenderableType:
        """Code, highlighted where there are colours; numbers: with its lines numbered."""
        text = text.strip("\n")
        if self.plain:
            lines = text.expandtabs(TAB).splitlines()
            width = len(str(len(lines)))
            shown = (f"{n:{width}} {line}" if numbers else line for n, line in enumerate(lines, 1))
            return Text("\n".join(shown), overflow="fold")
        return Syntax(
            text,
            language,
            theme=THEME,
            line_numbers=numbers,
            tab_size=TAB,
            word_wrap=True,
            background_color="default",
        )

    def put(self, piece: RenderableType = "") -> None:
        """Write something; as plain text without the blanks with which a table fills its lines."""
        if not self.plain:
            self.console.print(piece)
            return
        with self.console.capture() as written:
            self.console.print(piece)
        lines = (line.rstrip() for line in written.get().split("\n"))
        self.console.file.write("\n".join(lines))

    # -- what is written -----------------------------------------------------------------------

    def say(self, text: str = "", style: str = "") -> None:
        """A line of words, or several."""
        self.put(self.inline(text, style))

    def show(self, text: str, style: str = "") -> None:
        """Light markdown."""
        self.put(self.rich(text, style))

    def show_code(self, text: str, language: str = "c", numbers: bool = False) -> None:
        """A block of code."""
        self.put(self.code(text, language, numbers))

    def printed(self, text: str) -> None:
        """What a program or the compiler said, as it stands."""
        self.put(Padding(Text(text.rstrip("\n"), overflow="fold"), (0, 0, 0, 2)))

    def head(self, text: str) -> None:
        """A line across the screen that begins something."""
        self.put()
        fits = len(text) < self.console.width - 4
        self.put(Rule(Text(text if fits else "", style="bold"), align="left", style="dim"))
        if not fits:
            self.say(text, "bold")

    def ask(self, words: str) -> str:
        """A line that is typed, with an editor where there is a terminal. EOFError at the end of the input."""
        if sys.stdin is None:  # we were started without one
            raise EOFError
        on_terminal = sys.stdin.isatty() and self.console.is_terminal
        beside = len(words) + ROOM < self.console.width
        if words and not (on_terminal and beside):
            self.say(words)
        if on_terminal:
            import readline  # noqa: F401 - gives input() its editor

            return input(f"{words} > " if words and beside else "> ")
        self.console.file.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def listed(self, marks: Sequence[str], texts: Iterable[str]) -> None:
        """Texts behind their marks, wrapped beside them."""
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(justify="right", no_wrap=True, style="" if self.plain else "bold")
        grid.add_column(overflow="fold")
        for mark, text in zip(marks, texts):
            grid.add_row(mark, self.rich(text))
        self.put(Padding(grid, (0, 0, 0, 2)))

    def table(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Rows of a name, a figure and a bar."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(overflow="fold")
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True, style="" if self.plain else "green")
        for row in rows:
            grid.add_row(*row)
        self.put(Padding(grid, (0, 0, 0, 2)))


def _spaced(parts: list[RenderableType]) -> list[RenderableType]:
    """With an empty line between each two."""
    return [piece for part in parts for piece in (Text(""), part)][1:]
