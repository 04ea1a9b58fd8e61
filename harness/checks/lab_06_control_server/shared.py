"""Lab 06: what several steps need."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.chorus import Chorus
from checks.lab_06_control_server.console import Console, names
from labkit.scene import manners, stopping
from labkit.scene.checking import (
    Client,
    Disconnected,
    Ended,
    Running,
    Silent,
    Talk,
    _,
    await_answers,
    blame,
    exchange,
    expect,
    judge,
    renamed,
    require,
)
from labkit.wire.terminal import shown

SERVER = "control_server"
STRANGER = b"ERR login-first\n"  # the answer to SAY of a client that is not logged in


def say(client: Client, text: bytes = b"hello") -> None:
    """A client that is logged in says something and gets it back."""
    client.send(b"SAY " + text + b"\n")
    client.expect(b"ECHO " + text + b"\n")


def told(client: Client, command: bytes, answer: bytes, cause: str = "wrong-reply") -> None:
    """A client's command must be answered with this line."""
    client.send(command + b"\n")
    with blame(cause, only=Disconnected), blame("no-answer", only=Silent):
        got = client.receive_line()
    expect(answer + b"\n", got, _("the answer to {command}").format(command=command[:60]), cause)


def line(index: int, round_: int = 0, size: int = 60) -> bytes:
    """What client `index` says: a text that begins with a word of its own."""
    return b"%08d-%d-" % (index, round_) + b"x" * size


def talk(
    console: Console,
    clients: Sequence[Client],
    round_: int = 0,
    size: int = 60,
    seconds: float = 5.0,
) -> list[Talk]:
    """All clients, who are logged in, say something at the same time and get it back."""
    return exchange(
        clients,
        lambda i: b"SAY " + line(i, round_, size) + b"\n",
        console.program.deadline(seconds),
        lambda i: b"ECHO " + line(i, round_, size) + b"\n",
    )


def crowd(console: Console, count: int, prefix: str = "u", seconds: float = 10.0) -> list[Client]:
    """So many clients who come at once and register at once."""
    clients = console.server.crowd(count)
    who = [name.encode() for name in names(prefix, count)]
    talks = exchange(
        clients,
        lambda i: b"REGISTER %s pass-%s\n" % (who[i], who[i]),
        console.program.deadline(seconds),
        lambda i: b"OK welcome %s\n" % who[i],
    )
    judge(talks, cause="lost-client")
    return clients


def stranger(console: Console, cause: str = "lost-client") -> None:
    """Somebody new must be served now."""
    with blame(cause):
        client = console.server.connect()
        client.send(b"SAY anything\n")
        client.expect(STRANGER)
        client.close()


def at_once(console: Console, seconds: float = 1.0, cause: str = "command-waits") -> None:
    """`status` is answered, though something else goes on."""
    with blame(cause, only=Silent), renamed(["no-command-answer"], cause, only=Silent):
        console.ask(b"status", seconds=seconds)


def logs_in(console: Console, client: Client, name: str) -> None:
    """Log in as somebody who has just left; that the server has noticed may take a moment."""
    answer = b"ERR already-online\n"
    deadline = console.program.deadline(1.0)
    while answer == b"ERR already-online\n" and not deadline.passed:
        client.send(f"LOGIN {name} pass-{name}\n".encode())
        answer = client.receive_line()
    expect(
        f"OK welcome back {name}\n".encode(), answer, _("the answer to LOGIN"), "name-stays-online"
    )


def await_all(console: Console, talks: list[Talk], seconds: float = 10.0) -> list[Talk]:
    """Wait until all have had what they wait for, or until it is late."""
    await_answers(talks, len(talks), console.program.deadline(seconds))
    return talks


def prompted(program: Running, before: int) -> None:
    """On the terminal's last line, left of the cursor, must stand a prompt."""

    def prompt() -> str:
        data = program.stdout.taken()
        return shown(data, 80, cursor=True)[-1] if len(data) > before else ""

    program.eventually(lambda: bool(prompt()) and b"listening on" in program.stdout.taken(), 3.0)
    require(
        prompt(),
        _("at a terminal a person wants to see that it is their turn"),
        expected=_("a prompt"),
        got="\n".join(shown(program.stdout.taken(), 80, cursor=True)),
        cause="no-prompt",
    )


def ends(program: Running, ended: Ended | None, cause: str, clients: Sequence[Client] = ()) -> None:
    """A server that was told to shut down has ended with status 0, and said what it must say."""
    if ended is None:
        raise Silent(_("it did not end within a second"), cause=cause, about=program)
    expect(
        _("exit status {status}").format(status=0),
        str(ended),
        _("how it ended"),
        "wrong-exit-status",
    )
    lines = program.stdout.text().replace("\r\n", "\n").splitlines()
    last = lines[-1] if lines else ""
    require(
        last.endswith("server stopped"),
        _("the last line must be `server stopped`"),
        expected="server stopped",
        got="\n".join(lines[-3:]),
        cause="not-awaited" if "server stopped" in lines else "missing-message",
    )
    for client in clients:
        stopping.must_see_end(client)


def why_it_stays(console: Console, cause: str) -> str:
    """The cause where a server that was told to end does not: does a client who comes now let it? Then it has heard, and
    waits for its accepting thread, which nobody has woken."""
    return "shutdown-hangs" if console.ends_for_a_client() else cause


def nothing_left(console: Console, threads: int, descriptors: int) -> None:
    """Threads and descriptors must be back where they were."""
    for measure, most, cause, what in (
        ("threads", threads, "thread-stays", _("threads left in the end")),
        ("descriptors", descriptors, "descriptor-leak", _("descriptors left in the end")),
    ):
        left = manners.settled(console.program, measure, most)
        expect(most, max(left, most), what, cause)


def strangers(console: Console, clients: Sequence[Client]) -> list[Talk]:
    """Clients who are not logged in all say something."""
    deadline = console.program.deadline(5.0)
    return exchange(clients, lambda i: b"SAY x\n", deadline, lambda i: STRANGER)


def whole(log: consoles.Log, cause: str = "torn-log") -> None:
    """Every line is one event with its time, and the times never go back."""
    require(
        b"\0" not in log.data,
        _("the log holds {n} NUL bytes").format(n=log.data.count(b"\0")),
        expected=_("lines of text"),
        got=log.data[:400],
        cause="log-holes",
    )
    require(
        not log.misdated,
        _("{n} times in the log are not of the form of the handout").format(n=len(log.misdated)),
        expected="YYYY-MM-DDTHH:MM:SS.mmmZ …",
        got="\n".join(log.misdated[:20]),
        cause="wrong-time",
    )
    require(
        not log.wrong,
        _("{n} lines of the log are not a time and an event").format(n=len(log.wrong)),
        expected="YYYY-MM-DDTHH:MM:SS.mmmZ …",
        got="\n".join(log.wrong[:20]),
        cause=cause,
    )
    back = [(a, b) for a, b in zip(log.lines, log.lines[1:]) if _earlier(b, a)]
    require(
        not back,
        _("{n} times the log goes back in time").format(n=len(back)),
        expected=_("no line is older than the one before it"),
        got="\n".join(back[0]) if back else "",
        cause="log-goes-back",
    )


def _earlier(one: str, other: str) -> bool:
    return consoles.moment(one[: _end(one)]) < consoles.moment(other[: _end(other)])


def _end(text: str) -> int:
    match = re.match(consoles.TIME, text)
    return match.end() if match else 0


def its_life(console: Console, client: Client, sent: int, answered: int) -> None:
    """The log tells of a client that has left: connected, so many bytes each way, disconnected."""
    first, last = f"client {client.address} connected", f"client {client.address} disconnected"
    console.logged(last)
    events = console.log().about(client.address)
    require(
        events[:1] == [first]
        and events[-1:] == [last]
        and events.count(first) == events.count(last) == 1,
        _("a client's events begin with `connected` and end with `disconnected`"),
        expected=f"{first}\n…\n{last}",
        got="\n".join(events) or _("nothing"),
        cause="missing-event" if first not in events or last not in events else "wrong-event",
    )
    for verb, word, count in (("received", "from", sent), ("sent", "to", answered)):
        form = re.compile(rf"{verb} (\d+) bytes {word} {re.escape(client.address)}")
        counts = [int(match[1]) for one in events if (match := form.fullmatch(one))]
        require(
            counts,
            _("the log must have a line for each portion of bytes"),
            expected=f"{verb} N bytes {word} {client.address}",
            got="\n".join(events),
            cause="missing-event",
        )
        expect(count, sum(counts), _("the sum of bytes {verb}").format(verb=verb), "wrong-count")


def shows(
    before: Sequence[str], after: Sequence[str], lines: Sequence[str], most: int, command: bytes
) -> None:
    """The answer must be the end of the log as it was at some moment of the command."""
    ends_at = range(len(before), len(after) + 1)
    right = any(list(lines) == list(after[max(0, end - most) : end]) for end in ends_at)
    require(
        right,
        _("the answer to `{command}` is not what stands in the log").format(
            command=command.decode()
        ),
        expected="\n".join(before[-min(most, 20) :]),
        got="\n".join(lines[-20:]),
        cause="wrong-logs",
    )


def drive(console: Console, size: int) -> None:
    """Steps 1 to 6, smaller: clients talk, come, go and register while all commands are given."""
    clients = crowd(console, size)
    silent = console.server.connect("silent client")
    silent.send(b"SAY half a li")
    with Chorus(console.program, clients) as chorus:
        for round_ in range(2):
            coming_and_going(console, round_)
            for command in (b"help", b"logs 20"):
                console.type(command)
            for command in (b"status", b"pause", b"resume", b"clear logs"):
                console.ask(command, seconds=10.0)
            before = console.type(b"clear users", b"nonsense")
            console.answer(before, b"clear users", "users cleared", 10.0)
            chorus.went_on()
    for index, client in enumerate(clients):
        client.reset() if index % 2 else client.close()
    crowd(console, 3, "last")


LOOKS = 12  # times `status` is typed while some come and go


def coming_and_going(console: Console, round_: int) -> None:
    """Some come, log in or try to, and leave in various ways, while `status` looks at all that changes by that."""
    before = console.type(*[b"status"] * LOOKS, b"clear logs")
    guests = crowd(console, 4, f"guest{round_}")
    told(console.server.connect(), b"LOGIN nobody secret", b"ERR denied")
    guests[0].reset()
    guests[1].send(b"QUIT\n")
    guests[1].expect(b"OK bye\n")
    guests[2].finish_sending()
    guests[2].expect_end()
    console.answer(before, b"clear logs", seconds=10.0)
