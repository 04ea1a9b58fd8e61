"""After a run under a sanitizer: what its logs say, as a Fault that explains the first finding."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from labkit.box import bounded, lockrecord, sandbox
from labkit.build import build, compiler, screen
from labkit.build.intake import Sources
from labkit.ground import written
from labkit.ground.catalog import COMMON
from labkit.ground.faults import DidNotCompile, Fault, Silent, Trouble, blame
from labkit.ground.words import _, ngettext
from labkit.reports import asan, helgrind, lockorder, lockuse, lockwords, pretended, stubborn, tsan
from labkit.reports.evidence import RECORD
from labkit.reports.findings import Finding, ToolTrouble, describe, is_verdict, refine
from labkit.scene import witness
from labkit.scene.running import Running
from labkit.scene.scene import Scene
from labkit.scene.tools import NATIVELY, UNDER_ASAN, UNDER_HELGRIND, UNDER_TSAN

TSAN_EXIT = 66


def inspect(program: Running) -> None:
    """Raise a Fault for the first finding that fails a program which has ended.

    Trouble where the tool itself could not work: that is never the student's fault.
    """
    _must_not_have_looked(program)
    findings = _with_our_orders(program, _READERS[program.tool.name](program))
    files = program.scene.builder.sources.files
    bad = [finding for finding in findings if is_verdict(finding, files)]
    if bad:
        raise _fault(program, bad)
    _show_hints(program, findings)


def _show_hints(program: Running, findings: Sequence[Finding]) -> None:
    """Show what is worth a word and fails no step, each once."""
    scene = program.scene
    for finding in findings:
        if finding.cause == "zero-bytes":
            words = describe(finding, scene.builder.sources.directory)
            if words not in scene.figures:
                scene.show(words)


def _must_not_have_looked(program: Running) -> None:
    """Raise a Fault where a program has read what tells of the tool: it may do its work otherwise then."""
    looked_at = program.stats().looked_at if (program.log / "stats").exists() else ""
    if looked_at:
        raise Fault(
            _("{program} looks at {path}").format(program=program.name, path=looked_at),
            cause="hidden-from-sanitizer",
            details=_("a program must not ask whether it is being watched"),
        )


def end_and_inspect(program: Running) -> None:
    """End a program under a tool, if it has not ended by itself, and raise what the tool found."""
    program.close_now()
    program.must_end()
    inspect(program)


@contextmanager
def inspected(program: Running) -> Iterator[None]:
    """Inside, a program under a tool is used and stopped. What the tool found counts first.

    Only where it found nothing is the Fault from inside raised, with the place where the threads wait if it
    was a Silent.
    """
    trouble: Fault | None = None
    try:
        yield
    except Fault as fault:
        trouble = fault
        if isinstance(fault, Silent):
            explain_hang(program, fault)
    end_and_inspect(program)
    if trouble:
        raise trouble


def screened(program: Running) -> None:
    """Raise a Fault where the sources hide something from the tools."""
    builder = program.scene.builder
    sources = builder.sources
    units = sources.units(builder.lab, program.program)
    plain = builder.build(program.program, build.PLAIN)
    try:
        watched = builder.build(program.program, build.TSAN)
    except DidNotCompile as fault:
        fault.what = _("it can be built, but not with ThreadSanitizer and the harness's own parts")
        fault.cause = "hidden-from-sanitizer"
        raise
    tricks = screen.screen(
        [sources.directory / unit for unit in units],
        list(plain.objects),
        list(watched.objects),
        [Path("/common") if sandbox.available() else COMMON],
        flags=(*build.WARNINGS, *build.PLAIN.flags, "-pthread"),
        sanitizers=(build.TSAN.flags, build.ASAN.flags),
        run=look_into,
    )
    if tricks:
        first = tricks[0]
        where = f"{first.file}:{first.line}" if first.line else str(first.file)
        raise Fault(
            _("{where}: {what}").format(where=where, what=first.what),
            cause="hidden-from-sanitizer",
            details=first.why,
        )


def hides_nothing(scene: Scene, program: str) -> None:
    """A program must hide nothing from the tools; and it must start, so that there is something to look at."""
    running = scene.start(program, "-h")
    running.run_to_end(3.0)
    screened(running)


def explain_hang(program: Running, fault: Fault) -> None:
    """Add to a fault where the threads of a program wait, for one that must be ended before it is explained."""
    text = witness.stacks(program, fault)
    fault.details = "\n".join(filter(None, (fault.details, text)))


def look_into(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool that reads the student's files where it sees them as the compiler did."""
    with build.looking_at(cwd) as view:
        try:
            return compiler.look_in(view, command)
        except bounded.Endless as endless:
            raise Fault(
                _("the program could not be examined: {why}").format(why=endless),
                cause="hidden-from-sanitizer",
            ) from None


def _fault(program: Running, bad: list[Finding]) -> Fault:
    directory = program.scene.builder.sources.directory
    first = pretended.first(bad, directory)[0]
    others = len(bad) - 1
    details = describe(first, directory)
    if others:
        more = ngettext(
            "({n} more finding of this run is not shown)",
            "({n} more findings of this run are not shown)",
            others,
        )
        details += "\n" + more.format(n=others)
    # What the record alone shows, the tool would not show by hand.
    tool, by_hand = program.tool.name, _by_hand(program)
    if first.tool == RECORD:
        tool, by_hand = _("the record of its locks"), []
    return Fault(
        _("{tool}: {title}").format(tool=tool, title=first.title),
        cause=first.cause,
        details=details,
        by_hand=by_hand,
        certain=True,
    )


# What the compiler gets for a tool, and what stands before the program when it runs.
_BY_HAND = {
    UNDER_TSAN.name: ("-fsanitize=thread", "TSAN_OPTIONS=io_sync=0 setarch -R "),
    UNDER_ASAN.name: ("-fsanitize=address,undefined", ""),
    UNDER_HELGRIND.name: ("", "valgrind --tool=helgrind "),
}


def _by_hand(program: Running) -> list[str]:
    """Commands that build the program for the same tool and run it under it, a server with some clients."""
    builder = program.scene.builder
    flags, before = _BY_HAND.get(program.tool.name, ("", ""))
    units = [f"{{work}}/{unit}" for unit in builder.sources.units(builder.lab, program.program)]
    words = ["gcc -g -O1 -pthread", flags, "-I labs/common", *units, _given(builder.sources)]
    target = f"{{bin}}/{program.program}.{program.tool.name}"
    compile_it = " ".join(word for word in words if word) + f" -o {target}"
    run = " ".join([before + target, *program.shown[1:]])
    if "-p 0" not in run:
        return [compile_it, run]
    run = run.replace("-p 0", "-p 9090")
    return [compile_it, *(command.replace("{run}", run) for command in builder.lab.by_hand)]


def _given(sources: Sources) -> str:
    """What of labs/common a program is linked with by hand: libcrypt only where it is needed."""
    texts = [(sources.directory / n).read_text("utf-8", "replace") for n in sources.files]
    needs_all = re.search(r'#include "(users|command|text)\.h"', "\n".join(texts))
    return "labs/common/*.c -lcrypt" if needs_all else "labs/common/net.c"


def _logs(program: Running, name: str) -> list[str]:
    with blame("hidden-from-sanitizer"):
        return [written.text(path) for path in sorted(program.log.glob(f"{name}*"))]


def _read_tsan(program: Running) -> list[Finding]:
    """TSan's reports but the canary's; without the canary's the tool did not see anything at all."""
    text = "\n".join(_logs(program, "tsan"))
    # A program can print what it likes: its stderr counts only where the tool could not write its log.
    _if_troubled(tsan.trouble(text or program.stderr.text()))
    findings = tsan.parse(text)
    if not any(tsan.is_canary(finding) for finding in findings):
        raise _tampered(program, _("the race that is built in as a control was not reported"))
    real = [_refined(program, f) for f in findings if not tsan.is_canary(f)]
    ended = program.ended()
    if ended and ended.status == TSAN_EXIT and not real:
        raise _tampered(program, _("it ended with the tool's exit status, but there is no report"))
    return real


def _with_our_orders(program: Running, findings: list[Finding]) -> list[Finding]:
    """The findings with those on the order of locks judged by the shim's record: see `labkit.reports.lockorder`.

    Where a tool has nothing to say of locks, it is not judged at all.
    """
    if program.tool is UNDER_ASAN:
        return lockorder.settle(findings, [])
    built = program.scene.builder.build(program.program, program.tool.flavour)
    record = _record(program)
    directory = program.scene.builder.sources.directory
    insisting = stubborn.stubborn(record.tries, built.program, directory, look_into)
    record = replace(record, waits=record.waits + insisting)
    cycles, certain = lockorder.cycles(record)
    if not cycles and not certain and any(f.kind == "lock-order" for f in findings):
        raise Trouble(_("there were too many locks to say in which orders they are taken"))
    told = lockwords.tell(cycles, record, built.program, look_into)
    return lockorder.settle(findings, [(_refined(program, f), lines) for f, lines in told])


def locks_taken(program: Running) -> Counter[lockuse.Line]:
    """How often a program with the shim, which has ended, has taken a lock in each line."""
    built = program.scene.builder.build(program.program, program.tool.flavour)
    files = program.scene.builder.sources.files
    return lockuse.lines(_record(program), built.program, files, look_into)


def takes_the_same_locks(watched: Running, unwatched: Callable[[int], Running]) -> None:
    """Raise a Fault where a program has taken a lock only because a tool watched it.

    unwatched: runs the same scenario without a tool, the first time or again, and returns the program, which has
    ended. What seems so is asked once more.
    """
    with_tool, clients = locks_taken(watched), watched.stats().accepted
    without = []
    for again in range(2):
        without.append(locks_taken(unwatched(again)))
        suspicious = lockuse.only_watched(with_tool, clients, without)
        if not suspicious:
            return
    file, line = suspicious[0]
    words = _("{file}:{line} takes a lock {n} times under {tool}, and never without it")
    raise Fault(
        words.format(file=file, line=line, n=with_tool[file, line], tool=watched.tool.name),
        cause="hidden-from-sanitizer",
        details=_("a program must not ask whether it is being watched"),
        certain=True,
    )


def _record(program: Running) -> lockrecord.Record:
    """The shim's record. Where it is damaged: code that hides, if the screen finds some; else our trouble."""
    try:
        return lockrecord.read(program.log / "stats")
    except Trouble:
        screened(program)
        raise


def _if_troubled(trouble: ToolTrouble | None) -> None:
    """Raise Trouble for what stopped a tool."""
    if trouble:
        raise Trouble(trouble.reason)


def _tampered(program: Running, what: str) -> Exception:
    """A log without what must be in it: code that hides, if the screen finds some; else our trouble."""
    screened(program)
    return Trouble(f"ThreadSanitizer: {what}")


def _refined(program: Running, finding: Finding) -> Finding:
    return refine(finding, program.scene.builder.sources.directory)


def _read_helgrind(program: Running) -> list[Finding]:
    text = "\n".join(_logs(program, "helgrind.xml"))
    messages = "\n".join(_logs(program, "helgrind.log"))
    # A program can print what it likes: its stderr counts only where the tool could not write its log.
    _if_troubled(helgrind.trouble(text, messages if text else messages + program.stderr.text()))
    return [_refined(program, finding) for finding in helgrind.parse(text, messages)]


def _read_asan(program: Running) -> list[Finding]:
    text = "\n".join(_logs(program, "asan"))
    _if_troubled(asan.trouble(text))
    return [_refined(program, finding) for finding in asan.parse(text)]


_READERS: dict[str, Callable[[Running], list[Finding]]] = {
    UNDER_TSAN.name: _read_tsan,
    UNDER_HELGRIND.name: _read_helgrind,
    UNDER_ASAN.name: _read_asan,
    NATIVELY.name: lambda _program: [],
}
