"""The person at a control server: commands on its stdin, answers among service messages on its stdout, its log.

Answers come as lines that stand together; what the server says about clients stands before or after them. So an
answer is looked for as a pattern of whole lines in what has been printed since the command was typed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from labkit.box.stream import Ended
from labkit.ground import written
from labkit.ground.faults import Fault, Silent, blame
from labkit.ground.pace import Deadline
from labkit.ground.words import _
from labkit.scene.running import Running, Stdin
from labkit.scene.scene import Scene
from labkit.scene.server import Server
from labkit.wire.clients import Client

PROGRAM = "control_server"
USERS_FILE, LOG_FILE = "users.txt", "server.log"
WHERE = r"(?:\d+(?:\.\d+){3}|\[[0-9a-f:]+\]):\d+"
TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d{3}(?:Z|[+-]\d\d(?::?\d\d)?)?"
# A time in another form: with other numbers of digits, or something else between them.
NEARLY = r"\d{2,4}[-./ ]\d\d?[-./ ]\d\d?[T ]+\d\d?:\d\d?(?::\d\d?)?(?:[.,:] *\d{0,9})?(?: ?[A-Z]{1,5}| ?[+-]\d\d?:?\d{0,2})?"
LOGGED = rf"{TIME} .*"
STATUS = rf"(listening on {WHERE}|paused)\nclients (\d+)\nusers (\d+)\nlog (\d+) lines"
RESUMED = rf"listening on ({WHERE})"
EVENT = re.compile(
    rf"(?!{TIME} )(?:server started|listening on {WHERE}|server stopped|client {WHERE} (?:connected|disconnected)"
    rf"|received \d+ bytes from {WHERE}|sent \d+ bytes to {WHERE}|[^ ]+ logged in|login refused for .*)"
)
# What answers are, for the commands whose answers are always the same pattern.
ANSWERS = {
    b"status": STATUS,
    b"pause": "paused|already paused",
    b"resume": rf"(?:already )?{RESUMED}",
    b"clear logs": "logs cleared",
    b"clear users": "users cleared",
}
COMMANDS = ("help", "status", "pause", "resume", "logs", "clear logs", "clear users", "shutdown")


@dataclass(frozen=True)
class Status:
    """What `status` answers. where: an address and port, empty while the server is paused."""

    where: str
    clients: int
    users: int
    lines: int


class Console:
    """A control server that runs, and the person who types into its stdin."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.program: Running = server.program

    # -- commands ----------------------------------------------------------------------------

    def ask(self, command: bytes, answer: str = "", seconds: float = 5.0) -> re.Match[str]:
        """Type a command and wait for its answer, a pattern of whole lines; Silent where it does not come."""
        return self.answer(self.type(command), command, answer, seconds)

    def type(self, *commands: bytes) -> int:
        """Type commands without waiting; returns where in stdout their answers will stand."""
        before = len(self.program.stdout.taken())
        self.program.must_not_have_died()
        self.program.type(b"".join(command + b"\n" for command in commands))
        return before

    def answer(
        self, before: int, command: bytes, answer: str = "", seconds: float = 5.0
    ) -> re.Match[str]:
        """The answer to a command that was typed when stdout had `before` bytes."""
        wanted = answer or ANSWERS[command]
        found = self._wait(wanted, before, seconds)
        if found:
            return found
        self.program.must_not_have_died()
        got = self.printed(before)
        parts = wanted.split("\n")
        there = all(re.search(rf"^(?:{one})$", got, re.M) for one in parts)
        cause = "answer-interrupted" if there and len(parts) > 1 else "no-command-answer"
        raise Silent(
            _("`{command}` is not answered as it should be").format(command=command.decode()),
            expected=_plain(wanted),
            got=got or _("nothing"),
            cause=cause,
        )

    def _wait(self, pattern: str, before: int, seconds: float) -> re.Match[str] | None:
        lines = re.compile(rf"^(?:{pattern})\n", re.MULTILINE)

        def seen(data: bytes) -> bool:
            return bool(lines.search(data[before:].decode("utf-8", "replace")))

        self.program.stdout.wait_until(seen, self.program.deadline(seconds))
        return lines.search(self.printed(before))

    def printed(self, before: int = 0) -> str:
        """What stdout has had after its first `before` bytes."""
        return self.program.stdout.taken()[before:].decode("utf-8", "backslashreplace")

    def status(self) -> Status:
        """What `status` says."""
        match = self.ask(b"status")
        where = "" if match[1] == "paused" else match[1].split()[-1]
        return Status(where, int(match[2]), int(match[3]), int(match[4]))

    def lines(self, command: bytes) -> list[str]:
        """The answer of a command of which only the form is known, like `logs`.

        `status` is typed after it: whatever stands before its answer and is no service message is the answer
        that is looked for. It must stand together.
        """
        before = self.type(command, b"status")
        end = self.answer(before, b"status", STATUS, 10.0).start()
        printed = self.printed(before)[:end].splitlines()
        if before and self.program.stdout.taken()[before - 1] != ord("\n"):
            del printed[:1]  # the rest of a message that is printed in several portions
        own = [index for index, line in enumerate(printed) if not EVENT.fullmatch(line)]
        if not own:
            return []
        answer = printed[own[0] : own[-1] + 1]
        if len(answer) > len(own):
            raise Fault(
                _("something else stands within the answer to `{command}`").format(
                    command=command.decode()
                ),
                expected=_("lines that stand together"),
                got="\n".join(answer[:40]),
                cause="answer-interrupted",
            )
        return answer

    def pause(self) -> None:
        """`pause`, which must be answered `paused`."""
        self.ask(b"pause", "paused")

    def resume(self) -> str:
        """`resume`; returns where the server says it listens."""
        return self.ask(b"resume", RESUMED)[1]

    # -- the end -----------------------------------------------------------------------------

    def shut_down(self, seconds: float = 1.0) -> Ended:
        """`shutdown`: the server must end within so many seconds."""
        self.program.must_not_have_died()
        self.program.may_end = True
        self.program.type(b"shutdown\n")
        return self._must_end(seconds, "`shutdown`", "shutdown-hangs")

    def end_input(self, seconds: float = 1.0) -> Ended:
        """End of input: the server must end within so many seconds."""
        self.program.must_not_have_died()
        self.program.may_end = True
        self.program.end_input()
        return self._must_end(seconds, _("the end of its input"), "end-of-input")

    def _must_end(self, seconds: float, why: str, cause: str) -> Ended:
        limit = self.program.deadline(seconds)
        ended = self.program.wait(limit)
        if self.program.killed_for:
            raise self.program.killed_for
        if ended is None:
            late = self.program.wait(self.program.deadline(3.0))
            if not late and self.ends_for_a_client():
                cause = "shutdown-hangs"
            raise Silent(
                _("{program} did not end within {s:.1f} s of {why}").format(
                    program=self.program.name, s=limit.allowed, why=why
                ),
                cause="slow-stop" if late else cause,
            )
        return ended

    def ends_for_a_client(self) -> bool:
        """Whether a client who comes now lets it end: then it has heard, and waits for who accepts."""
        with suppress(Fault):
            self.server.connect().close()
        return self.program.wait(self.program.deadline(1.0)) is not None

    # -- its files ---------------------------------------------------------------------------

    def log(self, name: str = LOG_FILE) -> Log:
        """The log as its file has it now."""
        with blame("torn-log"):
            return Log(written.content(self.program.here / name, b""))

    def users(self, name: str = USERS_FILE) -> dict[str, str]:
        """The identification file as it is now: name -> hash. Fault on a line that has neither."""
        users = {}
        with blame("torn-users"):
            data = written.content(self.program.here / name, b"")
        for line in data.decode("utf-8", "replace").splitlines():
            user, colon, hash_ = line.partition(":")
            if not colon or not user or not hash_ or user in users:
                raise Fault(
                    _("a line of the identification file is not NAME:HASH, or repeats a name"),
                    expected="NAME:HASH",
                    got=line,
                    cause="torn-users",
                )
            users[user] = hash_
        return users

    def logged(self, event: str, seconds: float = 3.0) -> bool:
        """Wait until the log has a line with these words."""
        return self.program.eventually(lambda: event in self.log().events, seconds)


def _plain(pattern: str) -> str:
    """A pattern as a person would say it."""
    plain = pattern.replace(WHERE, "ADDRESS:PORT").replace(LOGGED, "TIME …").replace(r"(\d+)", "N")
    return re.sub(r"\(\?:(already )\)\?", "", plain).replace("(", "").replace(")", "")


class Log:
    """A log: its bytes, and what its lines say.

    lines: whole lines, without their ends. times: of each line that has the right form; events: of those, and of
    misdated ones, whose time is there in another form, or is none of the calendar's. wrong: lines that have neither,
    and a last one without its end.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        *whole, rest = data.decode("utf-8", "backslashreplace").split("\n")
        self.lines = whole
        self.times: list[str] = []
        self.events: list[str] = []
        self.misdated: list[str] = []
        self.wrong = [rest] if rest else []
        form, near = re.compile(rf"({TIME})[ \t]+(.*)"), re.compile(rf"(?:{NEARLY})[ \t]+(.*)")
        for line in whole:
            match = form.fullmatch(line)
            if match and "\0" not in line and _is_date(match[1]):
                self.times.append(match[1])
                self.events.append(match[2])
            elif "\0" not in line and (match := near.fullmatch(line)):
                self.misdated.append(line)
                self.events.append(match[1])
            else:
                self.wrong.append(line)

    def about(self, address: str) -> list[str]:
        """What happened to the client of an address, in order."""
        return [event for event in self.events if address in event.split()]


def moment(text: str) -> float:
    """A log's time as seconds of the epoch, as if it were UTC where no offset is named."""
    text = text.replace(",", ".").replace("Z", "+00:00")
    match = re.fullmatch(r"(.{23})(?:([+-]\d\d):?(\d\d)?)?", text)
    assert match
    at = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc).timestamp()
    hours, minutes = int(match[2] or 0), int(match[3] or 0)
    return at - 3600 * hours - (60 * minutes if hours >= 0 else -60 * minutes)


def _is_date(text: str) -> bool:
    """Whether a log's time is one of the calendar's."""
    try:
        moment(text)
    except ValueError:
        return False
    return True


def off(text: str, now: float) -> float:
    """By how many seconds a log's time differs from `now`, whatever zone it is in: zones differ by quarters of an hour."""
    return (moment(text) - now + 450) % 900 - 450


def start(scene: Scene, *options: str, stdin: Stdin = "pipe", **more: object) -> Console:
    """Start the control server, with cheap hashes where no other cost is asked for, and a keyboard."""
    if "-c" not in options:
        options = ("-c", "1", *options)
    more.setdefault("here", scene.directory())
    return Console(scene.server(PROGRAM, *options, stdin=stdin, **more))


# -- clients -------------------------------------------------------------------------------------------


def enter(console: Console, *names: str, again: bool = False) -> list[Client]:
    """Clients who come one after another and register, or log in again, with the password `pass-NAME`."""
    clients = []
    for name in names:
        client = console.server.connect(name)
        client.send(f"{'LOGIN' if again else 'REGISTER'} {name} pass-{name}\n".encode())
        client.expect(f"OK welcome {'back ' if again else ''}{name}\n".encode())
        clients.append(client)
    return clients


def since(began: float) -> float:
    """Seconds since a moment of the monotonic clock."""
    return time.monotonic() - began


def names(prefix: str, count: int) -> Sequence[str]:
    """So many names."""
    return [f"{prefix}{index:03d}" for index in range(count)]


def within(deadline: Deadline, client: Client, expected: bytes) -> bool:
    """Whether a client gets these bytes by a deadline."""
    try:
        return client.receive(len(expected), deadline) == expected
    except Fault:
        return False
