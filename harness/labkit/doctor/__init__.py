"""`make doctor`: what this machine lacks for the labs, and what to type.

Nothing is concluded from version numbers where it can be tried: sanitizers and Helgrind are run on
programs known to be right or wrong, namespaces are made.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labkit.doctor import machine, programs, threads
from labkit.doctor.finding import BAD, FINE, WARNING, Finding
from labkit.ground.words import _

MARKS = {FINE: "[green]✓[/]", WARNING: "[yellow]![/]", BAD: "[bold red]✗[/]"}


def examine() -> list[Finding]:
    """Look at everything; takes some seconds."""
    return [
        *programs.tools(),
        *programs.python(),
        *programs.sanitizers(),
        machine.randomisation(),
        *machine.limits(),
        *machine.namespaces(),
        threads.tried(),
        *machine.room(),
        machine.words(),
    ]


def show(findings: Sequence[Finding], console: Console) -> None:
    """A table of all findings; below it, what to type for each thing wrong."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.state], escape(finding.what), escape(finding.seen))
    console.print(table)
    wrong = [finding for finding in findings if finding.state != FINE]
    for finding in wrong:
        console.print()
        console.print(f"{MARKS[finding.state]} {escape(finding.what)}: " + _("type"))
        console.print(f"    {escape(finding.remedy)}", soft_wrap=True)


def main() -> int:
    """Exit status: 0 fine, perhaps with warnings; 1 something must be mended."""
    console = Console(highlight=False)
    findings = examine()
    show(findings, console)
    states = {finding.state for finding in findings}
    console.print()
    if BAD in states:
        console.print(_("Not ready: what is marked ✗ has to be mended first."))
        return 1
    if WARNING in states:
        console.print(_("Ready. What is marked ! can wait."))
    else:
        console.print(_("Ready: nothing is missing."))
    return 0
