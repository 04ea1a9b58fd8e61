"""Who calls whom in a program, read from object files in which each function has a section of its own.

The objects must be built with FLAGS: without optimisation no call is inlined, and a function's instructions stand
in the order of its source. A reference that is no call (an address taken, a table of functions) leads on like a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.box.symbols import Runner, output, plainly

FLAGS = ("-O0", "-g", "-ffunction-sections", "-fdata-sections")

_SYMBOL = re.compile(r"[0-9a-f]{8,} (?P<bind>.)......\s(?P<section>\S+)\t[0-9a-f]+ (?P<name>\S+)$")
_HEAD = re.compile(r"[0-9a-f]+ <(?P<name>[^>]+)>:$")
_LINE = re.compile(r"(?P<file>\S.*):(?P<line>\d+)(?: \(discriminator \d+\))?$")
_INSTRUCTION = re.compile(r"\s+(?P<at>[0-9a-f]+):\t(?P<word>\S+)(?P<rest>.*)$")
_RELOCATION = re.compile(r"\s+[0-9a-f]+: R_\w+\t(?P<target>\S+)$")
_RECORD = re.compile(r"[0-9a-f]{8,} R_\w+\s+(?P<target>\S+)$")
_INTO = re.compile(r"\b(?P<to>[0-9a-f]+) <")
_ADDEND = re.compile(r"[-+]0x[0-9a-f]+$")
_CALLS = re.compile(r"(?:call|bl|blr|jal|jalr)[a-z]?$")
_JUMPS = re.compile(r"(?:j[a-z]+|b|b\..+|cbn?z|tbn?z)$")


@dataclass(frozen=True)
class Site:
    """A place in a function that names a symbol.

    target: what is named: one of the program's functions or data, or a name from outside. call: whether it is called
    here, or its address taken. at: the place in the function. loop: the innermost loop of the function that goes round
    it, from where to where; None where none does.
    """

    target: str
    call: bool
    at: int
    file: str
    line: int
    loop: tuple[int, int] | None = None


@dataclass
class Graph:
    """A program: its functions and data by name, each with its sites in the order of the source.

    A name that several objects have for themselves has the object's file name before it: `clients.o:serve`.
    """

    sites: dict[str, list[Site]] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)

    def reached(self, start: str, stop: frozenset[str] = frozenset()) -> dict[str, str]:
        """The functions and data that `start` leads to -> from which one; `stop` leads nowhere."""
        found, todo = {start: ""}, [start]
        while todo:
            name = todo.pop()
            for site in self.sites.get(name, ()):
                if site.target not in found and site.target not in stop:
                    found[site.target] = name
                    todo.append(site.target)
        return found

    def callers(self, name: str) -> Iterator[tuple[str, Site]]:
        """The sites that call or name a function, each with the function it is in."""
        for caller, sites in self.sites.items():
            yield from ((caller, site) for site in sites if site.target == name)


def shown(name: str) -> str:
    """A function's name as it stands in the source."""
    return name.rpartition(":")[2]


def read(objects: Sequence[Path], run: Runner = plainly) -> Graph:
    """The graph of a program's own objects. Trouble where the binutils cannot read them."""
    tables = {obj: _table(obj, run) for obj in objects}
    everywhere: dict[str, str] = {}
    for table in tables.values():
        everywhere.update(table.visible)
    graph = Graph()
    for obj, table in tables.items():
        graph.functions |= table.functions
        for name, sites in _code(obj, table, run):
            graph.sites.setdefault(name, []).extend(table.named(sites, everywhere))
        for name, sites in _data(obj, table, run):
            graph.sites.setdefault(name, []).extend(table.named(sites, everywhere))
    for table in tables.values():
        graph.data |= table.data
    _keep_what_is_handed_over(graph)
    return graph


def _keep_what_is_handed_over(graph: Graph) -> None:
    """A function whose address is handed to one of the program's own may be kept in data which that one names.

    Whoever names such data then may call what is kept there: `clients_accept(listener, talk)` with
    `serve = talk;` in it, and a client's thread that calls `serve`.
    """
    for function in sorted(graph.functions):
        named: list[Site] = []
        for site in list(graph.sites.get(function, ())):
            if not site.call:
                named.append(site)
                continue
            kept = [
                one.target for one in graph.sites.get(site.target, ()) if one.target in graph.data
            ]
            for given in named if site.target in graph.functions else ():
                if given.target in graph.functions:
                    for name in kept:
                        graph.sites.setdefault(name, []).append(replace(given, at=0, loop=None))
            named = []


@dataclass
class _Table:
    """An object's symbols. own: symbol or section -> its name in the graph. visible: those that others see."""

    own: dict[str, str] = field(default_factory=dict)
    visible: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)

    def named(self, sites: Sequence[Site], everywhere: dict[str, str]) -> Iterator[Site]:
        """The sites with the graph's names for what they name."""
        for site in sites:
            target = self.own.get(site.target) or everywhere.get(site.target) or site.target
            yield replace(site, target=target)


def _table(obj: Path, run: Runner) -> _Table:
    """What an object's symbol table says of functions and data that have a section of their own."""
    table = _Table()
    for row in output(["objdump", "-t", obj.name], obj, run).splitlines():
        match = _SYMBOL.match(row)
        if not match or match["section"].startswith("*") or match["name"] == match["section"]:
            continue
        visible = match["bind"] != "l"
        name = match["name"] if visible else f"{obj.name}:{match['name']}"
        table.own[match["name"]] = name
        if match["section"].endswith("." + match["name"]):
            table.own[match["section"]] = name
        if visible:
            table.visible[match["name"]] = name
        if match["section"].startswith(".text"):
            table.functions.add(name)
        elif match["section"].startswith((".data", ".bss")):
            table.data.add(name)
    return table


@dataclass
class _Function:
    """A function that is being read: its sites, and its jumps back, from where to where."""

    name: str
    sites: list[Site] = field(default_factory=list)
    loops: list[tuple[int, int]] = field(default_factory=list)

    def done(self) -> tuple[str, list[Site]]:
        """Its name and its sites, which know now what loops there are."""
        for index, one in enumerate(self.sites):
            around = [loop for loop in self.loops if loop[0] <= one.at <= loop[1]]
            loop = min(around, key=lambda loop: loop[1] - loop[0], default=None)
            self.sites[index] = replace(one, loop=loop)
        return self.name, self.sites


def _code(obj: Path, table: _Table, run: Runner) -> Iterator[tuple[str, list[Site]]]:
    """The functions of an object, each with what its instructions name."""
    now, file, line = _Function(""), "", 0
    at, word = 0, ""
    for row in output(["objdump", "-drl", "--no-show-raw-insn", obj.name], obj, run).splitlines():
        if head := _HEAD.match(row):
            yield now.done()
            now = _Function(table.own.get(head["name"], head["name"]))
        elif step := _INSTRUCTION.match(row):
            at, word = int(step["at"], 16), step["word"]
            to = _INTO.search(step["rest"])
            if to and _JUMPS.match(word) and int(to["to"], 16) <= at:
                now.loops.append((int(to["to"], 16), at))
            elif to and int(to["to"], 16) == 0 and not _CALLS.match(word):
                now.sites.append(Site(now.name, False, at, file, line))  # its own address
        elif named := _RELOCATION.match(row):
            target = _ADDEND.sub("", named["target"])
            now.sites.append(Site(target, bool(_CALLS.match(word)), at, file, line))
        elif where := _LINE.match(row):
            file, line = Path(where["file"]).name, int(where["line"])
    yield now.done()


def _data(obj: Path, table: _Table, run: Runner) -> Iterator[tuple[str, list[Site]]]:
    """The data of an object that hold addresses: tables of functions."""
    name, sites = "", list[Site]()
    for row in output(["objdump", "-r", obj.name], obj, run).splitlines():
        if row.startswith("RELOCATION RECORDS FOR ["):
            yield name, sites
            section = row.partition("[")[2].partition("]")[0]
            name, sites = (table.own.get(section, ""), []) if ".data" in section else ("", [])
        elif name and (record := _RECORD.match(row)):
            sites.append(Site(_ADDEND.sub("", record["target"]), False, 0, "", 0))
    yield name, sites
