"""Lab 01, step 5: Say what happens."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checks.lab_01_echo.shared import SERVE, SERVER, TRY_CLIENT, pattern, start_client
from labkit.scene import departed, starting
from labkit.scene.checking import (
    Client,
    Fault,
    Scene,
    Server,
    Shim,
    _,
    exchange,
    judge,
    require,
    step,
)

TRY_SERVER = (SERVE, "printf 'hello\\n' | nc -N 127.0.0.1 9090")
ADDRESS = r"(?:\d+(?:\.\d+){3}|\[[0-9a-f:]+\]):\d+"
SERVER_LINE = re.compile(
    rf"server (started|stopped)|listening on {ADDRESS}|client {ADDRESS} (connected|disconnected)"
    rf"|received \d+ bytes from {ADDRESS}|sent \d+ bytes to {ADDRESS}"
)
CLIENT_LINE = re.compile(rf"connected to {ADDRESS}|(sent|received) \d+ bytes|disconnected")


def foreign(lines: Sequence[str], known: re.Pattern[str]) -> bool:
    """Whether a line has the form of none of the lab's messages, or names a client with an impossible port."""
    return any(
        not known.fullmatch(line) or line.startswith("client ") and ":0 " in line for line in lines
    )


def comes_and_goes(server: Server, client: Client) -> list[str]:
    """All lines about a client: they must begin with `connected` and end with `disconnected`."""
    stdout = server.program.stdout
    want = [f"client {client.address} connected", f"client {client.address} disconnected"]
    server.program.eventually(lambda: want[1] in stdout.lines(), 3.0)
    lines = [line for line in stdout.lines() if client.address in line]
    if [line for line in lines if line in want] != want:
        raise Fault(
            _("of a client, `connected` and `disconnected` must be said once each"),
            expected="\n".join(want),
            got="\n".join(stdout.lines()),
            cause="wrong-message" if foreign(stdout.lines(), SERVER_LINE) else "missing-message",
            by_hand=TRY_SERVER,
        )
    require(
        lines[:1] == want[:1] and lines[-1:] == want[1:],
        _("a client's events begin with `connected` and end with `disconnected`"),
        expected="\n".join([want[0], "…", want[1]]),
        got="\n".join(lines),
        cause="wrong-moment",
        by_hand=TRY_SERVER,
    )
    return lines


def say_all(server: Server, client: Client, sent: int) -> None:
    """All events of a client that sent, and got back, `sent` bytes: in order, with true byte counts."""
    lines = comes_and_goes(server, client)
    for verb, preposition in (("received", "from"), ("sent", "to")):
        counts = re.findall(
            rf"^{verb} (\d+) bytes {preposition} {re.escape(client.address)}$",
            "\n".join(lines),
            re.MULTILINE,
        )
        require(
            counts or not sent,
            _("no line says what was {verb}: how many bytes").format(verb=f"`{verb}`"),
            expected=f"{verb} {sent} bytes {preposition} {client.address}",
            got="\n".join(lines),
            cause="wrong-message" if foreign(lines, SERVER_LINE) else "missing-message",
            by_hand=TRY_SERVER,
        )
        adds_up(verb, sent, counts, TRY_SERVER)
    counts_are_numbers(lines)


def counts_are_numbers(lines: Sequence[str]) -> None:
    """What read(2) and write(2) return for a failure is no number of bytes."""
    none = [line for line in lines if re.match(r"(received|sent) -\d+ bytes", line)]
    require(
        not none,
        _("a call that failed has moved no bytes, and there is nothing to say of it"),
        expected=_("numbers from 0 on"),
        got="\n".join(none[:10]),
        cause="wrong-count",
        by_hand=TRY_SERVER,
    )


def adds_up(verb: str, true: int, counts: Sequence[str], by_hand: tuple[str, ...]) -> None:
    """The numbers in the lines `received N bytes` or `sent N bytes` must add up to the true one."""
    require(
        sum(map(int, counts)) == true,
        _("the lines with {verb} do not add up to the bytes that went over the wire").format(
            verb=f"`{verb}`"
        ),
        expected=_("{n} bytes in all").format(n=true),
        got=_("{n} bytes in all").format(n=sum(map(int, counts))),
        cause="wrong-count",
        by_hand=by_hand,
    )


@step(5, "begin-and-end", "sums", "wording")
def test_server_says_all(scene: Scene) -> None:
    """The server reports every event of a client, in order, with true byte counts."""
    server = scene.server(SERVER)
    for message in (b"hello\n", pattern(5000), b""):
        client = server.connect()
        client.send(message)
        client.expect(message)
        client.finish_sending()
        client.expect_end()
        say_all(server, client, len(message))


@step(5, "begin-and-end", "sums")
def test_server_reports_a_reset_client(scene: Scene) -> None:
    """A client that reset its connection is reported as disconnected too."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"hello\n")
    client.expect(b"hello\n")
    client.reset()
    say_all(server, client, 6)


@step(5, "begin-and-end", "true-names")
def test_server_reports_who_was_gone(scene: Scene) -> None:
    """A client that was gone when it was written to is reported as disconnected, and nobody by a false name."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed, short=departed.SHORT))
    (broken,) = departed.leave_unread(server)
    early = departed.gone_before_accept(server, 2)
    last = server.connect()
    last.send(b"hello\n")
    last.expect(b"hello\n")
    counts_are_numbers(comes_and_goes(server, broken))
    departed.names_are_true(server, [broken, *early, last])


@step(5, "sums")
def test_counts_are_true_with_short_writes(scene: Scene) -> None:
    """Byte counts are what was really read and written, also where that is less than asked for."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed, percent=0, short=50))
    client = server.connect()
    message = pattern(3000)
    talks = exchange([client], lambda _i: message, server.program.deadline(5.0))
    judge(talks, cause="no-answer")
    client.finish_sending()
    client.expect_end()
    say_all(server, client, len(message))


@step(5, "true-names", "begin-and-end", "sums")
def test_server_says_all_over_ipv6(scene: Scene) -> None:
    """An IPv6 client is named as [address]:port, however long its address is."""
    for host in scene.network().ipv6:
        server = scene.server(SERVER, "-a", host)
        starting.first_lines(server.program, server.host, server.port)
        client = server.connect()
        client.send(b"six\n")
        client.expect(b"six\n")
        client.close()
        say_all(server, client, 4)


@step(5, "client-events", "wording", "sums")
def test_client_says_all(scene: Scene) -> None:
    """The client reports its four events on stderr, in order, with true byte counts."""
    peer = scene.peer()
    long_line = pattern(4000).replace(b"\n", b" ") + b"\n"
    client = start_client(scene, peer.port, stdin=b"one\n\n" + long_line)
    echo = peer.echo(peer.accept(client))
    client.run_to_end(5.0)
    lines = client.stderr.text().splitlines()
    text = "\n".join(lines)
    where = f"connected to 127.0.0.1:{peer.port}"
    require(
        lines and lines[0] == where and lines[-1] == "disconnected",
        _("the client's first event is `connected to …`, its last `disconnected`"),
        expected=f"{where}\n…\ndisconnected",
        got=text,
        cause=_why_not_told(lines, where),
        by_hand=TRY_CLIENT,
    )
    for verb in ("sent", "received"):
        counts = re.findall(rf"^{verb} (\d+) bytes$", text, re.MULTILINE)
        require(
            counts,
            _("no line says what was {verb}: how many bytes").format(verb=f"`{verb}`"),
            expected=f"{verb} N bytes",
            got=text,
            cause="wrong-message" if foreign(lines, CLIENT_LINE) else "missing-message",
            by_hand=TRY_CLIENT,
        )
        adds_up(verb, len(echo.seen), counts, TRY_CLIENT)


def _why_not_told(lines: Sequence[str], first: str) -> str:
    """Why a client's first and last line are not what they should be."""
    if foreign(lines, CLIENT_LINE):
        return "wrong-message"
    return "wrong-moment" if {first, "disconnected"} <= set(lines) else "missing-message"
