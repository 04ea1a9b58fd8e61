"""Lab 01, step 4: The client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from checks.lab_01_echo.shared import CLIENT, MIB, SERVE, TRY_CLIENT, means, pattern, start_client
from labkit.scene import starting, usage
from labkit.scene.checking import (
    Client,
    Disconnected,
    Ended,
    Fault,
    Running,
    Scene,
    Shim,
    Silent,
    _,
    calm,
    expect,
    require,
    step,
)

TRY_ZERO = (SERVE, "printf 'a\\0b\\n' | {bin}/echo_client | od -c")


def ends_well(client: Running, printed: bytes) -> None:
    """The client must end with status 0 and have printed exactly this."""
    with means("stays-after-exit", Silent):
        ended = client.run_to_end(5.0)
    got = client.stdout.taken()
    expect(
        printed,
        got,
        _("the client printed something else than what came back"),
        "extra-bytes" if len(got) > len(printed) else "wrong-bytes",
        *TRY_CLIENT,
    )
    ended_with_0(ended)


def ended_with_0(ended: Ended) -> None:
    """A client that has done its work must say so by its exit status."""
    require(
        ended.status == 0,
        _("the client has done its work, but its exit status says that it failed"),
        expected=_("exit status {status}").format(status=0),
        got=str(ended),
        cause="wrong-exit-status",
        by_hand=TRY_CLIENT,
    )


@step(4, "line-by-line", "stdout-alone", "connects", "client-ends")
def test_lines_out_and_back(scene: Scene) -> None:
    """Each line of stdin is sent, and its reply is printed."""
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin="pipe")
    server = peer.accept(client)
    lines = (b"hello\n", b"\n", "привет, сервер\n".encode(), b"exit now\n", b"quit\n")
    for line in lines:
        client.type(line)
        try:
            server.expect(line)
        except Fault as fault:
            if fault.cause == "closes-early":
                fault.what = _("a line was typed, and instead of sending it the client left")
                fault.cause = "leaves-early"
            raise
        before = len(client.stdout.taken())
        server.send(line)
        came = client.stdout.wait_until(
            lambda data: len(data) >= before + len(line), client.deadline(3.0)
        )
        require(
            came,
            _("a reply arrived, but the client did not print it"),
            expected=line,
            got=client.stdout.taken()[before:],
            cause="not-flushed",
            by_hand=(SERVE, "(echo hello; sleep 5) | {bin}/echo_client | cat"),
        )
    client.end_input()
    with means("stays-after-exit", Silent), suppress(Disconnected):
        server.expect_end()
    server.close()
    with means("stays-after-exit", Silent):
        client.run_to_end(5.0)
    printed = client.stdout.taken()
    require(
        not prompts(printed, lines),
        _("where stdin is no terminal, stdout holds the replies and nothing else"),
        expected=b"".join(lines),
        got=printed,
        cause="prompt-in-pipe",
    )
    ends_well(client, b"".join(lines))


def prompts(printed: bytes, replies: Sequence[bytes]) -> bool:
    """Whether the replies are all there, and before each of them the same few bytes."""
    prompt = printed[: printed.find(replies[0])]
    return bool(prompt) and printed.startswith(b"".join(prompt + reply for reply in replies))


@step(4, "client-ends", "stdout-alone")
def test_exit_ends_it(scene: Scene) -> None:
    """`exit` on a line of its own ends the client, though more could be typed."""
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin="pipe")
    echo = peer.echo(peer.accept(client))
    client.type(b"one\nexit\ntwo\n")
    ends_well_or_exit(client, b"one\n")
    require(
        bytes(echo.seen) in (b"one\n", b"one\nexit\n"),
        _("after `exit` nothing more may be sent"),
        expected=b"one\n",
        got=bytes(echo.seen),
        cause="stays-after-exit",
    )


def ends_well_or_exit(client: Running, printed: bytes) -> None:
    """As `ends_well`; the word `exit` itself may have been sent, and its echo printed, or not."""
    with means("stays-after-exit", Silent):
        ended = client.run_to_end(5.0)
    got = client.stdout.taken()
    require(
        got in (printed, printed + b"exit\n"),
        _("the client printed something else than what came back"),
        expected=printed,
        got=got,
        cause="wrong-bytes",
        by_hand=TRY_CLIENT,
    )
    ended_with_0(ended)


@step(4, "client-ends", "stdout-alone")
def test_end_of_input_ends_it(scene: Scene) -> None:
    """End of input ends the client with status 0; a last line without newline is sent too."""
    for text in (b"", b"one\ntwo\n", b"one\nlast"):
        peer = scene.peer()
        client = start_client(scene, peer.port, stdin=text)
        echo = peer.echo(peer.accept(client))
        with means("stays-after-exit", Silent):
            ended = client.run_to_end(5.0)
        whole = {text, text + b"\n"} if text.endswith(b"last") else {text}
        for side, words in (
            (bytes(echo.seen), _("the client sent something else than its input")),
            (client.stdout.taken(), _("the client printed something else than what came back")),
        ):
            lost = "last-line-lost" if side == b"one\n" else "wrong-bytes"
            require(side in whole, words, expected=text, got=side, cause=lost)
        ended_with_0(ended)


@step(4, "nul-in-a-line")
def test_a_zero_byte_in_a_line(scene: Scene) -> None:
    """A line with a zero byte in it goes out whole, and its reply is printed whole."""
    line = b"before\0behind\n"
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin=line)
    echo = peer.echo(peer.accept(client))
    with means("stays-after-exit", Silent):
        client.run_to_end(5.0)
    for side, words in (
        (bytes(echo.seen), _("the client sent something else than its input")),
        (client.stdout.taken(), _("the client printed something else than what came back")),
    ):
        cause = "stops-at-nul" if len(side) < len(line) else "wrong-bytes"
        require(side == line, words, expected=line, got=side, cause=cause, by_hand=TRY_ZERO)


@step(4, "nul-in-a-line")
def test_every_byte_in_a_line(scene: Scene) -> None:
    """A line may hold every byte there is: 0xFF, which as a char can look like EOF, and Ctrl-D's among them."""
    line = bytes(range(128, 256)) + bytes(range(10)) + bytes(range(11, 128)) + b"\n"
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin=b"\xff\n" + line)
    echo = peer.echo(peer.accept(client))
    with means("stays-after-exit", Silent):
        client.run_to_end(5.0)
    for side, words in (
        (bytes(echo.seen), _("the client sent something else than its input")),
        (client.stdout.taken(), _("the client printed something else than what came back")),
    ):
        require(
            side == b"\xff\n" + line,
            words,
            expected=b"\xff\n" + line,
            got=side,
            cause="wrong-bytes",
        )


@step(4, "asleep")
def test_client_sleeps_while_nothing_happens(scene: Scene) -> None:
    """While nobody types, and while an answer is awaited, the client uses no CPU."""
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin="pipe")
    server = peer.accept(client)
    calm.must_sleep(client, _("nobody types"))
    client.type(b"hello\n")
    server.expect(b"hello\n")
    calm.must_sleep(client, _("the answer has not come yet"))
    server.send(b"hello\n")
    client.stdout.wait_for(r"^hello$", client.deadline(3.0))
    calm.must_sleep(client, _("the answer has come, and nobody types"))
    client.may_end = True


@step(4, "reply-in-pieces")
def test_a_reply_in_pieces(scene: Scene) -> None:
    """A reply that arrives in many pieces is printed whole."""
    peer = scene.peer()
    client = start_client(
        scene, peer.port, stdin="pipe", shim=Shim(seed=scene.seed, percent=0, short=3)
    )
    server = peer.accept(client)
    line = b"a reply that comes a few bytes at a time\n"
    client.type(line)
    server.expect(line)
    for byte in line[:-1]:
        server.send(bytes([byte]))
    server.send(line[-1:])
    client.type(b"exit\n")
    peer.echo(server)
    with means("short-read", Fault):
        ends_well_or_exit(client, line)


@step(4, "long-line", "stdout-alone")
def test_a_line_of_1_mib(scene: Scene) -> None:
    """A very long line goes through, though the buffers between the two are small."""
    line = pattern(MIB).replace(b"\n", b" ")[:-1] + b"\n"
    peer = scene.peer(network="narrow")
    client = start_client(scene, peer.port, stdin=line, network="narrow")
    echo = peer.echo(peer.accept(client))
    client.may_end = True
    while client.wait(client.deadline(0.0)) is None:
        sent, printed = len(echo.seen), len(client.stdout.taken())
        ended = client.wait(client.deadline(3.0))
        if not ended and (sent, printed) == (len(echo.seen), len(client.stdout.taken())):
            raise Silent(
                _("in the middle of a line of 1 MiB nothing moves any more"),
                expected=_("{n} bytes sent and printed").format(n=len(line)),
                got=_("{sent} bytes sent, {printed} printed").format(sent=sent, printed=printed),
                cause="deadlock-full-buffers",
            )
    expect(
        line, bytes(echo.seen), _("the client sent something else than the line"), "long-line-cut"
    )
    ends_well(client, line)


@step(4, "server-gone", "connects")
def test_no_server(scene: Scene) -> None:
    """Where no server listens, the client says so and exits with 1."""
    client = start_client(scene, starting.free_port(scene))
    ended = client.run_to_end(5.0)
    require(
        ended.status == 1 and client.stderr.taken(),
        _("nobody listens on the port that the client was given"),
        expected=_("exit status 1 and the reason on stderr"),
        got=f"{ended}\n{client.stderr.text()}",
        cause="wrong-exit-status",
        by_hand=("{bin}/echo_client -p 9; echo status $?",),
    )


@step(4, "server-gone")
def test_a_server_that_goes_away(scene: Scene) -> None:
    """A server that went away is noticed at the next line at the latest: an error, exit status 1."""
    for leave in (Client.close, Client.reset):
        peer = scene.peer()
        client = start_client(scene, peer.port, stdin="pipe")
        server = peer.accept(client)
        client.type(b"one\n")
        server.expect(b"one\n")
        server.send(b"one\n")
        client.stdout.wait_for(r"^one$", client.deadline(3.0))
        leave(server)
        client.type(b"two\n")
        client.may_end = True
        ended = client.wait(client.deadline(3.0))
        require(
            ended is not None and ended.status == 1 and client.stderr.taken(),
            _("the server is gone, and a line was typed"),
            expected=_("exit status 1 and the reason on stderr"),
            got=str(ended or _("it runs on")) + "\n" + client.stderr.text(),
            cause="server-gone",
        )


@step(4, "address", "connects")
def test_over_ipv6(scene: Scene) -> None:
    """-a takes an IPv6 address as well, however long it is."""
    for host in scene.network().ipv6:
        peer = scene.peer(host=host)
        client = scene.start(CLIENT, "-a", host, "-p", str(peer.port), stdin=b"six\n")
        with means("never-connects"):
            connection = peer.accept(client)
        peer.echo(connection)
        ends_well(client, b"six\n")


@step(4, "stdout-alone", "client-ends")
def test_prompts_at_a_terminal(scene: Scene) -> None:
    """Where stdin is a terminal the client prompts; else stdout holds the replies alone."""
    peer = scene.peer()
    client = start_client(scene, peer.port, terminals="stdin stdout stderr")
    echo = peer.echo(peer.accept(client))

    def prompted() -> bool:
        said = re.sub(r"^connected to .*\n", "", client.stdout.text(), flags=re.MULTILINE)
        return bool(said.strip())

    require(
        client.eventually(prompted, 3.0),
        _("stdin is a terminal, and the client waits for a line without a prompt"),
        expected=_("a prompt"),
        got=_("nothing"),
        cause="no-prompt",
        by_hand=(SERVE, "{bin}/echo_client"),
    )
    client.type(b"hello\nexit\n")
    with means("stays-after-exit", Silent):
        client.run_to_end(5.0)
    typed = _("at a terminal, the client sent something else than was typed")
    expect(b"hello\n", bytes(echo.seen)[:6], typed, "wrong-bytes")


@step(4, "arguments", "usage")
def test_client_refuses_wrong_arguments(scene: Scene) -> None:
    """The client refuses wrong arguments with status 2, and -h shows its usage."""
    usage.refuses(scene, CLIENT, usage.wrong_ports() + usage.wrong_in_general())
    usage.shows_usage(scene, CLIENT)
