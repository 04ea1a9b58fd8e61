"""The rules of all labs' programs: what they take as arguments, and what they say of them."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.box.stream import Ended
from labkit.ground.faults import Fault
from labkit.ground.words import _
from labkit.scene.running import Running
from labkit.scene.scene import Scene

END_SECONDS = 3.0
NUMBERS_THAT_ARE_NONE = (
    *("80x", "", "65536", "-1", "1e3"),
    *("4294967376", "99999999999999999999"),  # the first is 80 where 32 bits are kept
)


def run(scene: Scene, program: str, *arguments: str) -> tuple[Ended, Running]:
    """Run a program that should end by itself, without input."""
    running = scene.start(program, *arguments)
    return running.run_to_end(END_SECONDS), running


def shows_usage(scene: Scene, program: str, option: str = "-p") -> None:
    """-h must print the usage, which names this option, on stdout and exit with 0."""
    ended, running = run(scene, program, "-h")
    text = running.stdout.text()
    if ended.status or option not in text:
        raise Fault(
            _("{program} -h does not print its usage on stdout and exit with 0").format(
                program=program
            ),
            expected=_("a usage that names its options, on stdout, and exit status 0"),
            got=f"{text}\n{ended}",
            cause="wrong-arguments",
            by_hand=[f"{{bin}}/{program} -h; echo status $?"],
        )


def refuses(scene: Scene, program: str, cases: Sequence[Sequence[str]]) -> None:
    """Each of these argument lists must be refused: status 2, and a word on stderr.

    A program that takes names for addresses may find out late that one is nobody's: then 1 is right as well.
    """
    started = [scene.start(program, *arguments) for arguments in cases]
    for arguments, running in zip(cases, started):
        line = " ".join(repr(a) if not a or " " in a else a for a in (program, *arguments))
        running.may_end = True
        running.eventually(lambda: bool(running.listening()), END_SECONDS)
        ended = running.wait(
            running.deadline(0.5)
        )  # a program that listens has taken the arguments
        said = running.stderr.text()
        right = (1, 2) if "-a" in arguments else (2,)
        if ended is None or ended.status not in right or not said:
            raise Fault(
                _("wrong arguments must be refused: {line}").format(line=line),
                expected=_("exit status 2, and what is wrong on stderr"),
                got="\n".join((str(ended or _("it runs on")), said or _("nothing on stderr"))),
                cause="wrong-arguments",
                by_hand=[f"{{bin}}/{line}; echo status $?"],
                about=running,
            )


def wrong_ports() -> list[list[str]]:
    """Argument lists with an invalid port."""
    return [["-p", text] for text in NUMBERS_THAT_ARE_NONE]


def wrong_in_general() -> list[list[str]]:
    """Argument lists that no program with -p takes, and operands only where it has some."""
    return [["-p", "0", "surplus"], ["-Z"], ["-p"]]


def wrong_addresses() -> list[list[str]]:
    """Argument lists with an address that nobody can listen on. A client may take names: it is not asked."""
    return [["-a", "nowhere", "-p", "0"], ["-a", "", "-p", "0"]]
