"""Which class is meant, and which of its labs: the arguments that all commands on a class have."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labkit.classroom import platforms, roster
from labkit.ground import catalog
from labkit.ground.catalog import Lab
from labkit.ground.words import _


@dataclass(frozen=True)
class Asked:
    """submissions: their directory; into: where results go. alone: the submissions are of the only lab."""

    submissions: Path
    into: Path
    labs: tuple[Lab, ...]
    alone: bool
    people: tuple[roster.Person, ...]
    deadline: datetime | None


class WrongOrder(Exception):
    """An argument that cannot be meant so, with the sentence that says why."""


def add_arguments(command: argparse.ArgumentParser, into: Path) -> None:
    """The arguments that say it. into: where results go if nothing else is said."""
    command.add_argument("submissions", type=Path, help=_("directory of submissions"))
    command.add_argument("--lab", help=_("only this lab: 2, 02 or 02-threaded-echo"))
    command.add_argument("--roster", type=Path, help=_("CSV of id, name, email, section"))
    command.add_argument("--deadline", metavar="TIME", help=_("such as 2026-05-01T23:59"))
    command.add_argument("--into", type=Path, default=into, help=_("where the results go"))


def understood(options: argparse.Namespace) -> Asked:
    """What was asked for; raises WrongOrder."""
    must_be_there(options.submissions)
    deadline = platforms.moment(options.deadline) if options.deadline else None
    if options.deadline and not deadline:
        words = _("{text} is no time; this is one: 2026-05-01T23:59")
        raise WrongOrder(words.format(text=options.deadline))
    try:
        people = tuple(roster.read(options.roster)) if options.roster else ()
    except roster.WrongRoster as why:
        raise WrongOrder(str(why)) from why
    labs = (catalog.find(options.lab),) if options.lab else tuple(catalog.all_labs())
    return Asked(options.submissions, options.into, labs, bool(options.lab), people, deadline)


def must_be_there(directory: Path) -> None:
    """Raises WrongOrder where it is not."""
    if not directory.is_dir():
        raise WrongOrder(_("there is no directory {dir}").format(dir=directory))
