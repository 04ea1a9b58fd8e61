"""What a person sees on the terminal: a line a step, the failure block, the scorecard. Plain when piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from labkit.box import sandbox
from labkit.grading.explain import shown_path
from labkit.grading.results import LabResult, StepResult, Verdict
from labkit.ground.catalog import Lab
from labkit.ground.words import _

PIPE_COLUMNS = 120
FULL_NAMES = 100  # columns from which a lab is called by its whole name
STYLES = {
    Verdict.PASSED: ("✓", "green"),
    Verdict.FAILED: ("✗", "red"),
    Verdict.BLOCKED: ("·", "dim"),
    Verdict.ERROR: ("!", "magenta"),
}


def _verdict_word(verdict: Verdict) -> str:
    return {
        Verdict.PASSED: _("passed"),
        Verdict.FAILED: _("failed"),
        Verdict.BLOCKED: _("blocked"),
        Verdict.ERROR: _("error"),
    }[verdict]


def console() -> Console:
    """A console that leaves the words as they are; a pipe or a file is as wide as the scorecard."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_COLUMNS)
    return console


def _unsandboxed() -> str:
    """The warning, with the reason; an earlier run had it where this one has none."""
    why = sandbox.refusal()
    return _(sandbox.UNSANDBOXED) + (f" ({why})" if why else "")


def _where_they_ran(labs: Sequence[LabResult]) -> Text:
    """Whether the programs of all these labs ran in a sandbox, as their results say."""
    if any(result.sandboxed is False for result in labs):
        return Text(_unsandboxed(), style="yellow")
    if all(result.sandboxed is None for result in labs):
        return Text(_("no program was run"), style="yellow")
    return Text(_("all programs ran in the sandbox"), style="dim")


class Card:
    """Tells a lab's steps as they are graded."""

    def __init__(self, quiet: bool = False, brief: bool = False) -> None:
        """quiet: say nothing. brief: of steps that are not run, say nothing."""
        self._quiet = quiet
        self._brief = brief
        self._console = console()

    def begin(self, lab: Lab, work: Path) -> None:
        """The heading."""
        if self._quiet:
            return
        self._say(_("lab {n}: {title}").format(n=lab.number, title=lab.heading), "bold")
        if not sandbox.available():
            self._say(_unsandboxed(), "yellow")

    def note(self, words: str) -> None:
        """Something about the run as a whole."""
        if not self._quiet:
            self._say(words, "yellow")

    def tell(self, result: StepResult) -> None:
        """One step's verdict; the failure block where it failed."""
        if self._quiet or (self._brief and result.verdict is Verdict.BLOCKED):
            return
        sign, style = STYLES[result.verdict]
        step = result.step
        self._say(
            _("{sign} step {n}  {title}  {score}/{points}  ({s:.1f} s)").format(
                sign=sign,
                n=step.number,
                title=step.heading,
                score=result.score,
                points=step.points,
                s=result.seconds,
            ),
            style,
        )
        if result.output and result.verdict is not Verdict.BLOCKED:
            self._say("")
            for line in result.output.splitlines():
                self._say(line, _style_of(line))
            self._say("")

    def end(self, result: LabResult, report: Path) -> None:
        """The sum."""
        if self._quiet:
            return
        passed = [r for r in result.steps if r.verdict is Verdict.PASSED]
        words = _("{score} of {max} points, {passed} of {all} steps").format(
            score=result.score, max=result.max_score, passed=len(passed), all=len(result.steps)
        )
        self._say(words, "bold green" if len(passed) == len(result.steps) else "bold")
        self._say(_("report: {dir}").format(dir=shown_path(report / result.lab.name)), "dim")

    def _say(self, words: str, style: str = "") -> None:
        text = Text(words, style=style)
        text.highlight_regex("\N{BOX DRAWINGS HEAVY HORIZONTAL}+", "green")  # a figure's bars
        text.highlight_regex("\N{MIDDLE DOT}{2,}", "dim")
        _print(self._console, text)


def _style_of(line: str) -> str:
    """Headings of the failure block stand out; the evidence stays plain."""
    if line.startswith("  $ "):
        return "cyan"
    return "bold" if line and not line.startswith(" ") else ""


def _print(out: Console, what: Text | Table | str) -> None:
    """Print, for as long as somebody listens."""
    try:
        out.print(what)
    except BrokenPipeError:  # `| head` has seen enough; the report is written all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def graded(result: LabResult) -> None:
    """A line as soon as a lab is graded: a class of labs takes its time."""
    _print(
        console(),
        _("{lab}: {score} of {max} points in {s:.1f} s").format(
            lab=result.lab.name, score=result.score, max=result.max_score, s=result.seconds
        ),
    )


def show(labs: Sequence[LabResult], work: Path, report: Path) -> None:
    """The scorecard of all labs."""
    out = console()
    table = Table(
        title=_("scorecard of {work}").format(work=shown_path(work)), title_justify="left"
    )
    for heading in (_("lab"), _("step"), _("verdict"), _("points"), _("cause")):
        whole = heading == _(
            "cause"
        )  # a name to look up: of all columns the last to be made narrow
        table.add_column(
            heading, justify="right" if heading == _("points") else "left", no_wrap=whole
        )
    for result in labs:
        for r in result.steps:
            sign, style = STYLES[r.verdict]
            table.add_row(
                result.lab.name if out.width >= FULL_NAMES else result.lab.number,
                f"{r.step.number} {r.step.heading}",
                Text(f"{sign} {_verdict_word(r.verdict)}", style=style),
                f"{r.score}/{r.step.points}",
                r.cause or "",
            )
        table.add_section()
    _print(out, table)
    score, most = sum(r.score for r in labs), sum(r.max_score for r in labs)
    _print(out, Text(_("{score} of {max} points").format(score=score, max=most), style="bold"))
    _print(out, _where_they_ran(labs))
    _print(out, Text(_("report: {dir}").format(dir=shown_path(report)), style="dim"))
