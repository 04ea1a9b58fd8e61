"""Lab 06, step 4: Logs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.chorus import Chorus
from checks.lab_06_control_server.console import Console, enter, names
from checks.lab_06_control_server.shared import (
    crowd,
    its_life,
    line,
    logs_in,
    say,
    shows,
    talk,
    told,
    whole,
)
from labkit.scene import full
from labkit.scene.checking import Scene, _, expect, judge, require, seeded, step


@step(4, "events", "whole-log")
def test_every_event_once(scene: Scene) -> None:
    """Whatever happens to a client stands in the log once, in order, with true byte counts and the right time."""
    console = consoles.start(scene)
    where = f"{console.server.host}:{console.server.port}"
    console.logged(f"listening on {where}")
    (alice,) = enter(console, "alice")
    say(alice, b"x" * 700)
    alice.send(b"QUIT\n")
    alice.expect(b"OK bye\n")
    alice.expect_end()
    sent = len(b"REGISTER alice pass-alice\nQUIT\nSAY \n") + 700
    answered = len(b"OK welcome alice\nOK bye\nECHO \n") + 700
    its_life(console, alice, sent, answered)
    log = console.log()
    whole(log)
    expect(
        ["server started", f"listening on {where}"],
        log.events[:2],
        _("the log's first events"),
        "missing-event",
    )
    late = max(abs(consoles.off(text, time.time())) for text in log.times)
    require(
        late < 30 * scene.pace.factor(),
        _("the log's times are not those of the clock"),
        expected=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
        got=log.times[-1],
        cause="wrong-time",
    )


# Zones whose local time no other zone's could be taken for, by which minutes they differ from UTC: one with a half
# hour, two where the date is another one during half the day, and one that has summer time all the year.
ZONES = (
    ("<+0530>-5:30", 330),
    ("<+14>-14", 840),
    ("<-11>11", -660),
    ("EST5EDT,0/0,J365/25", -240),
)


@step(4, "whole-names")
def test_addresses_of_full_length(scene: Scene) -> None:
    """A client's address and port stand in the log in full, however long they are."""
    for address in full.addresses(scene):
        console = consoles.start(scene, "-a", address)
        client = console.server.connect()
        told(client, b"SAY x", b"ERR login-first")
        client.close()
        full.named(console.program, client, lambda: console.log().events)
        its_life(console, client, len(b"SAY x\n"), len(b"ERR login-first\n"))


@step(4, "utc")
def test_times_in_all_zones(scene: Scene) -> None:
    """The log's times are right whatever the machine's time zone: in UTC, or with the zone's own offset."""
    for zone, minutes in ZONES:
        console = consoles.start(scene, env={"TZ": zone})
        console.logged(f"listening on {console.server.host}:{console.server.port}")
        log, now = console.log(), time.time()
        whole(log)
        text = log.times[0] if log.times else ""
        wrong_by = consoles.moment(text) - now if text else now
        near = 60 * scene.pace.factor()
        names_none = len(text) == len("YYYY-MM-DDTHH:MM:SS.mmm")  # then local time is right, too
        require(
            abs(wrong_by) < near or (names_none and abs(wrong_by - 60 * minutes) < near),
            _("a time of the log where the machine's time zone is {zone}").format(zone=zone),
            expected=time.strftime("%Y-%m-%dT%H:%M:%S.mmmZ", time.gmtime(now)),
            got=text or "\n".join(log.lines[:3]),
            cause="wrong-zone" if abs(abs(wrong_by) - abs(60 * minutes)) < near else "wrong-time",
        )


@step(4, "three-digits")
def test_times_of_three_digits(scene: Scene) -> None:
    """Milliseconds are three digits, in the first tenth of a second, too."""
    console = consoles.start(scene)
    for _try in range(40):
        scene.pace.eventually(lambda: time.time() % 1 < 0.05, 1.0)
        console.status()
        whole(console.log())
        if any(int(text[20:23]) < 100 for text in console.log().times):
            return


@step(4, "events")
def test_logins_and_commands_are_logged(scene: Scene) -> None:
    """The log names the users who logged in and those who were refused, and each known command as it was typed."""
    console = consoles.start(scene)
    (alice,) = enter(console, "alice")
    alice.close()
    console.logged(f"client {alice.address} disconnected")  # after all that there is about her
    client = console.server.connect()
    told(client, b"LOGIN alice wrong", b"ERR denied")
    told(client, b"LOGIN nobody wrong", b"ERR denied")
    before = console.log().events.count("alice logged in")
    logs_in(console, client, "alice")
    typed = ["status", "pause", "resume", "logs 3", "help", "clear users"]
    for command in typed:
        console.lines(command.encode())
    for event, count in (
        ("login refused for alice", 1),
        ("login refused for nobody", 1),
        ("alice logged in", before + 1),
        *((command, 1) for command in typed if command != "status"),
        ("status", len(typed) + 1),
    ):
        console.program.eventually(lambda: console.log().events.count(event) == count, 1.0)
        got = console.log().events.count(event)
        expect(
            count,
            got,
            _("how often the log has `{event}`").format(event=event),
            "missing-event" if got < count else "event-twice",
        )
    console.shut_down()
    events = console.log().events
    expect(1, events.count("shutdown"), _("how often the log has `shutdown`"), "missing-event")


@step(4, "whole-log", "events")
def test_log_lines_are_whole(scene: Scene) -> None:
    """While 50 clients come, talk and go, every line of the log is whole, in order of time, and none is missing."""
    for shim in seeded(scene.seed, 2):
        console = consoles.start(scene, shim=shim)
        clients = crowd(console, 50)
        for round_ in range(3):
            judge(talk(console, clients, round_), cause="lost-client")
        for index, client in enumerate(clients):
            client.reset() if index % 2 else client.close()
        gone = {f"client {client.address} disconnected" for client in clients}
        console.program.eventually(lambda: gone <= set(console.log().events), 5.0)
        whole(console.log())
        for index, client in enumerate(clients):
            name = names("u", 50)[index]
            said = 3 * len(line(index)) + 3
            sent = len(f"REGISTER {name} pass-{name}\n") + said + 3 * len("SAY ")
            answered = len(f"OK welcome {name}\n") + said + 3 * len("ECHO ")
            its_life(console, client, sent, answered)


@step(4, "logs", "status", "files")
def test_logs(scene: Scene) -> None:
    """`logs` shows the log, `logs N` its last N lines; `status` counts them."""
    console = consoles.start(scene, "-l", "other.log")
    for client in enter(console, *names("u", 5)):
        client.close()
        console.program.eventually(
            lambda: f"client {client.address} disconnected" in console.log("other.log").events, 3.0
        )
    for command, most in (
        (b"logs", 10**6),
        (b"logs 4", 4),
        (b"logs 1", 1),
        (b"logs 100000", 10**6),
    ):
        before = console.log("other.log").lines
        lines = console.lines(command)
        after = console.log("other.log").lines
        shows(before, after, lines, most, command)
    before_count = len(console.log("other.log").lines)
    counted = console.status().lines
    after_count = len(console.log("other.log").lines)
    require(
        before_count <= counted <= after_count,
        _("the lines of the log that `status` counts"),
        expected=f"{before_count}",
        got=counted,
        cause="wrong-status",
    )


@step(4, "logs")
def test_logs_of_any_bytes(scene: Scene) -> None:
    """`logs` shows the log to its end, whatever bytes stand in it: 0xFF is a byte, and no end."""
    here = scene.directory()
    kept = "2026-01-01T00:00:00.000Z имя logged in\n".encode()
    kept += b"2026-01-01T00:00:00.001Z login refused for \xff\xfe\x80\n"
    (here / consoles.LOG_FILE).write_bytes(kept)
    console = consoles.start(scene, here=here)
    console.status()
    before = console.log().lines
    lines = console.lines(b"logs")
    shows(before, console.log().lines, lines, 10**6, b"logs")


@step(4, "logs", "logs-number", "unknown")
def test_logs_takes_a_number(scene: Scene) -> None:
    """The N of `logs N` is a number to its end: else it is no command; and none is too large."""
    console = consoles.start(scene)
    console.status()  # now all has been said that is said at the start
    for command in (b"logs 5x", b"logs x", b"logs -5"):
        lines = console.lines(command)
        expect("", "\n".join(lines), answer_to(command), "command-not-known")
        require(
            console.program.eventually(lambda: is_unknown(console, command), 2.0),
            _("what is typed is no command, and nobody says so"),
            expected=f"unknown command: {command.decode()}, try help",
            got=console.program.stderr.text() or _("nothing"),
            cause="command-not-known",
        )
    huge = b"logs 99999999999999999999"
    before = console.log().lines
    lines = console.lines(huge)
    if lines or not console.program.eventually(lambda: is_unknown(console, huge), 1.0):
        shows(before, console.log().lines, lines, 10**6, huge)


def answer_to(command: bytes) -> str:
    """What is looked at, in words."""
    return _("the answer to {command}").format(command=command.decode())


def is_unknown(console: Console, command: bytes) -> bool:
    """Whether stderr says by now that this is no command."""
    return f"unknown command: {command.decode()}, try help" in console.program.stderr.text()


@step(4, "logs", "whole-log")
def test_logs_while_clients_talk(scene: Scene) -> None:
    """While 20 clients talk, what `logs` shows stands together, is whole, and is a run of the log without a gap."""
    console = consoles.start(scene)
    clients = crowd(console, 20)
    with Chorus(console.program, clients) as chorus:
        chorus.went_on(6)
        answers = [console.lines(b"logs 200") for _time in range(10)]
    log = console.log()
    for lines in answers:
        expect(200, len(lines), _("lines that `logs 200` shows of a long log"), "wrong-logs")
        places = _places(log.lines, lines[-1])
        require(
            any(log.lines[max(0, place - 199) : place + 1] == lines for place in places),
            _("what `logs 200` shows is no run of the log's lines"),
            expected="\n".join(log.lines[max(0, places[0] - 10) : places[0] + 1] if places else ()),
            got="\n".join(lines[-10:]),
            cause="wrong-logs",
        )
    whole(log)


def _places(lines: Sequence[str], wanted: str) -> list[int]:
    return [index for index, text in enumerate(lines) if text == wanted]
