"""Functions of the C library with hidden state, where several threads may be in them at the same time.

strtok keeps its place in a variable of its own, localtime returns the address of one: POSIX.1-2008, XSH 2.9.1, does
not require them to be thread-safe, and the glibc manual calls them MT-Unsafe (race). No sanitizer sees that.

    uses = hidden_state.found(scene.builder.build(program, hidden_state.FLAVOUR).objects)
    hidden_state.must_be_free(scene.builder, program)    # the same, as a Fault with cause `hidden-state`

A `Use` is reported only where the source leaves little doubt: the start routine of a thread leads to the call, by
calls of the program's own functions, and that routine runs in several threads (it is started in a loop, or from
several places), or another routine leads to the same state. What is called in main alone passes, and so does what is
called in one thread alone, or between a lock and its unlock: that is correct.

Left out: what glibc makes safe though POSIX does not ask for it (strerror, inet_ntoa, rand, random, dlerror,
strsignal, basename, dirname, getenv without setenv).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.box import bounded
from labkit.box.symbols import Runner, plainly
from labkit.build import build, callgraph, compiler
from labkit.build.callgraph import Graph, Site, shown
from labkit.ground.faults import Fault, Trouble
from labkit.ground.words import N_, _

CAUSE = "hidden-state"
FLAVOUR = build.Flavour("callgraph", flags=callgraph.FLAGS)


@dataclass(frozen=True)
class State:
    """A variable inside the C library: its functions share it. instead: what is safe in their place, by function."""

    instead: dict[str, str]


def _same(functions: str, instead: str) -> State:
    """A state whose functions all have the same remedy."""
    return State(dict.fromkeys(functions.split(), instead))


def _own(functions: str) -> State:
    """A state whose functions each have a twin with `_r` behind the name."""
    return State({name: f"{name}_r" for name in functions.split()})


# The glibc manual's "MT-Unsafe race:" and XSH 2.9.1, of what a program of this course may have a use for.
STATES = (
    _own("strtok"),
    _own("localtime gmtime ctime asctime"),
    _same("gethostbyname gethostbyname2 gethostbyaddr gethostent", "getaddrinfo, getnameinfo"),
    _own("getservbyname getservbyport getservent"),
    _own("getprotobyname getprotobynumber getprotoent"),
    _own("getnetbyname getnetbyaddr getnetent"),
    _own("getpwnam getpwuid getpwent"),
    _own("getgrnam getgrgid getgrent"),
    _own("getspnam getspent"),
    _own("crypt encrypt"),
    _own("drand48 lrand48 mrand48 srand48 seed48 lcong48"),
    _own("ecvt fcvt"),
    _own("hcreate hsearch hdestroy"),
    _own("ttyname"),
    _own("ptsname"),
    _own("getlogin"),
    _own("ether_ntoa ether_aton"),
    _same("getdate", "getdate_r, strptime"),
    _same("l64a", "snprintf"),
    _same("mblen mbtowc", "mbrlen, mbrtowc"),
    _same("wctomb", "wcrtomb"),
    _same("setlocale localeconv", "newlocale, uselocale"),
    _same("setenv unsetenv putenv clearenv", N_("a variable of your own")),
)
_INSTEAD = {
    name: (number, safe) for number, one in enumerate(STATES) for name, safe in one.instead.items()
}
_JOINS = frozenset({"pthread_join", "pthread_timedjoin_np", "pthread_clockjoin_np", "thrd_join"})
_STARTS = frozenset({"pthread_create", "thrd_create"})
_LOCKS = frozenset(
    "pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock pthread_mutex_clocklock pthread_rwlock_wrlock"
    " pthread_spin_lock mtx_lock mtx_trylock mtx_timedlock sem_wait flockfile".split()
)
_UNLOCKS = frozenset(
    "pthread_mutex_unlock pthread_rwlock_unlock pthread_spin_unlock mtx_unlock sem_post funlockfile".split()
)


@dataclass(frozen=True)
class Use:
    """A call of a function with hidden state that several threads may make at the same time.

    function: its name. instead: what is safe in its place. file, line: where it is called. way: from the start
    routine of a thread to the function with the call. routines: the start routines that lead to this state.
    """

    function: str
    instead: str
    file: str
    line: int
    way: tuple[str, ...]
    routines: tuple[str, ...]

    @property
    def routine(self) -> str:
        """The start routine of the threads that make the call."""
        return self.way[0]


def found(objects: Sequence[Path], run: Runner = plainly) -> list[Use]:
    """All uses in a program, by the objects of its own sources, built in FLAVOUR. Trouble where they can't be read."""
    graph = callgraph.read(objects, run)
    routines = _routines(graph)
    open_ = _unguarded(graph)
    stop = frozenset(routines)
    ways = {routine: open_.reached(routine, stop - {routine}) for routine in routines}
    by_state: dict[int, list[str]] = {}
    for routine, way in ways.items():
        for number in {_INSTEAD[name][0] for name in way if name in _INSTEAD}:
            by_state.setdefault(number, []).append(routine)
    uses: list[Use] = []
    for number, leading in by_state.items():
        if len(leading) > 1 or routines[leading[0]]:
            uses += _uses(open_, number, leading, ways)
    return sorted(uses, key=lambda use: (use.file, use.line, use.function))


def _uses(
    graph: Graph, number: int, leading: Sequence[str], ways: dict[str, dict[str, str]]
) -> Iterator[Use]:
    """The calls that lead to a state, each by the first routine that leads there."""
    seen: set[tuple[str, int, str]] = set()
    for routine in leading:
        for caller in [name for name in ways[routine] if name in graph.functions]:
            for site in graph.sites.get(caller, ()):
                key = (site.file, site.line, site.target)
                if _INSTEAD.get(site.target, (-1,))[0] != number or key in seen:
                    continue
                seen.add(key)
                way = tuple(map(shown, _way(ways[routine], caller)))
                safe = _INSTEAD[site.target][1]
                names = tuple(map(shown, leading))
                yield Use(site.target, safe, site.file, site.line, way, names)


def _way(came_from: dict[str, str], last: str) -> list[str]:
    """From the start routine to a function."""
    way = [last]
    while came_from[way[0]]:
        way.insert(0, came_from[way[0]])
    return way


# -- which functions threads begin with --------------------------------------------------------------------


@dataclass(frozen=True)
class _Start:
    """Where a thread is started.

    looped: in a loop that starts the next one while this one may run. single: its id goes into a variable that exists
    once: one such thread at a time.
    """

    function: str
    routine: str
    looped: bool
    single: bool


def _routines(graph: Graph) -> dict[str, bool]:
    """The start routines of threads -> whether several threads may run them at the same time."""
    starts: dict[str, list[_Start]] = {}
    for start in _started(graph):
        starts.setdefault(start.routine, []).append(start)
    inside = {routine: graph.reached(routine) for routine in starts}
    several = {}
    for routine, places in starts.items():
        again = [place for place in places if not place.single]
        several[routine] = any(one.looped or one.function in inside[routine] for one in places) or (
            len(again) > 1 or any(_repeated(graph, one.function, {routine}) for one in again)
        )
    for routine, places in starts.items():  # what several threads start runs in several threads
        several[routine] = several[routine] or any(
            several[other] and place.function in inside[other]
            for other in starts
            for place in places
        )
    return several


def _started(graph: Graph) -> Iterator[_Start]:
    """The starts of threads. A function that is given the routine leads on to the calls of itself.

    Arguments are put in place right before a call: the routine is what was named since the last call, and what is
    named behind it is the variable for the thread's id.
    """
    starters, seen = set(_STARTS), set(_STARTS)
    while starters:
        more: set[str] = set()
        for function in graph.functions:
            for site, named in _arguments(graph, function, starters):
                routines = [name for name in named if name in graph.functions]
                for routine in routines:
                    single = named[-1] not in graph.functions
                    yield _Start(function, routine, _overlaps(graph, function, site), single)
                if not routines:
                    more.add(function)
        starters = more - seen
        seen |= more


def _overlaps(graph: Graph, function: str, start: Site) -> bool:
    """Whether a loop starts threads that may run beside each other: it joins none before it goes round again."""
    return start.loop is not None and not any(
        site.call and site.target in _JOINS and site.loop == start.loop and site.at > start.at
        for site in graph.sites.get(function, ())
    )


def _arguments(graph: Graph, function: str, starters: set[str]) -> Iterator[tuple[Site, list[str]]]:
    """The calls of starters in a function, each with what is named for it."""
    named: list[str] = []
    for site in graph.sites.get(function, ()):
        if not site.call:
            named.append(site.target)
            continue
        if site.target in starters:
            yield site, named
        named = []


def _repeated(graph: Graph, function: str, seen: set[str]) -> bool:
    """Whether a function is called again and again: in a loop, from several places, or by one that is."""
    if function in seen:
        return False
    seen.add(function)
    calls = [(caller, site) for caller, site in graph.callers(function) if site.call]
    return len(calls) > 1 or any(
        site.loop or _repeated(graph, caller, seen) for caller, site in calls
    )


# -- what a lock guards ----------------------------------------------------------------------------------


def _unguarded(graph: Graph) -> Graph:
    """The graph without the calls that are made between a lock and its unlock."""
    kinds = {name: +1 for name in _LOCKS} | {name: -1 for name in _UNLOCKS}
    for function in graph.functions:  # of one's own that only lock, or only unlock
        does = {
            kinds[s.target] for s in graph.sites.get(function, ()) if s.target in _LOCKS | _UNLOCKS
        }
        if len(does) == 1:
            kinds[function] = does.pop()
    return Graph(
        {name: list(_outside(sites, kinds)) for name, sites in graph.sites.items()}, graph.functions
    )


def _outside(sites: Sequence[Site], kinds: dict[str, int]) -> Iterator[Site]:
    """The sites outside locks: of the next lock and unlock behind them in the source, the lock comes first."""
    kept: list[Site] = []
    later = 0
    for site in reversed(sites):
        if site.target in kinds and site.call:
            later = kinds[site.target]
            kept.append(site)
        elif later >= 0 or not site.call:
            kept.append(site)
    yield from reversed(kept)


# -- as a verdict ----------------------------------------------------------------------------------------


def uses_in(builder: build.Builder, program: str) -> list[Use]:
    """All uses in a program of a submission, which is looked into in the sandbox."""
    return found(builder.build(program, FLAVOUR).objects, _boxed)


def must_be_free(builder: build.Builder, program: str) -> None:
    """Fault, with cause `hidden-state`, where several threads of a program may be in such a function at once."""
    uses = uses_in(builder, program)
    if not uses:
        return
    first = uses[0]
    raise Fault(
        _(
            "{file}:{line}: threads call {function}, which keeps its state in one variable for all"
        ).format(file=first.file, line=first.line, function=first.function),
        expected=_("{instead}, or a lock around it").format(instead=_(first.instead)),
        got="\n".join(map(told, uses[:8])),
        cause=CAUSE,
    )


def told(use: Use) -> str:
    """A use in one line: the call, and the way of a thread to it."""
    return _("{function} ({file}:{line}), by threads that begin with {way}").format(
        function=use.function,
        file=use.file,
        line=use.line,
        way=" → ".join((*use.way, use.function)),
    )


def _boxed(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the binutils on what a student's source became."""
    with build.looking_at(cwd) as view:
        try:
            return compiler.look_in(view, command)
        except bounded.Endless as endless:
            raise Trouble(f"objdump: {endless}") from endless
