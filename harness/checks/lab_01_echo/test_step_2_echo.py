"""Lab 01, step 2: Echo."""

from __future__ import annotations

from checks.lab_01_echo.shared import MIB, SERVER, pattern
from labkit.scene import echoes, manners
from labkit.scene.checking import (
    UNDER_ASAN,
    Client,
    Disconnected,
    Fault,
    Scene,
    Server,
    Shim,
    Silent,
    _,
    blame,
    exchange,
    inspected,
    judge,
    require,
    step,
)

EVERY_BYTE = bytes(range(11, 256)) + bytes(range(11))  # a newline ends it
SAMPLE, MOST_SAID = 65_536, 12 * MIB


def comes_now(client: Client) -> bool:
    """Whether something comes back, now that something else was tried."""
    try:
        return bool(client.receive(1, client.patience(1.0)))
    except Fault:
        return False


def must_be_closed(client: Client) -> None:
    """The client has said that it is done, and has everything: now the server closes."""
    try:
        with blame("closes-early", only=Disconnected):
            client.expect_end()
    except Silent:
        raise Silent(
            _("{client} is done and has got everything, but its connection stays open").format(
                client=client.name
            ),
            cause="does-not-close",
        ) from None


@step(2, "echo", "survives")
def test_text_comes_back(scene: Scene) -> None:
    """A line comes back as it was sent, before the client says that it is done."""
    server = scene.server(SERVER)
    with manners.survives(server, "ended-early"):
        client = server.connect()
        client.send(b"hello, server\n")
        try:
            client.expect(b"hello, server\n")
        except Silent as silent:
            if silent.got:
                a_part_came(silent)
            else:
                client.finish_sending()
                silent.cause = "buffers-whole-input" if comes_now(client) else "no-answer"
            raise


def a_part_came(silent: Silent) -> None:
    """One byte only, of a whole line: there is a usual reason for that."""
    if isinstance(silent.got, bytes) and len(silent.got) == 1:
        silent.details = _(
            "Exactly one byte came back. In `n = read(...) > 0` the comparison comes first, and n becomes 1:\n"
            "it has to be `(n = read(...)) > 0`."
        )


@step(2, "every-value", "half-close")
def test_every_byte_value_comes_back(scene: Scene) -> None:
    """Bytes are bytes: zero bytes, control characters and all others come back unchanged."""
    client = scene.server(SERVER).connect()
    client.send(EVERY_BYTE)
    client.expect(EVERY_BYTE)
    client.finish_sending()
    must_be_closed(client)


@step(2, "nothing-else", "half-close")
def test_a_short_message_after_a_long_one(scene: Scene) -> None:
    """Only what was sent comes back, not what an earlier message left in the buffer."""
    client = scene.server(SERVER).connect()
    before = b""
    for message in (b"a message of some length\n", b"ab\n", b"\n"):
        try:
            client.send(message)
            client.expect(message)
        except Fault as fault:
            if before and fault.cause == "wrong-bytes":
                fault.cause = "extra-bytes"
            if before and (isinstance(fault, Disconnected) or fault.cause == "closes-early"):
                fault.what = _(
                    "{client} was answered, and then the server closed, though {client} goes on"
                ).format(client=client.name)
                fault.expected, fault.cause = message, "closes-early"
            raise
        before += message
    client.finish_sending()
    must_be_closed(client)


@step(2, "nothing-else", "half-close")
def test_nothing_comes_back_for_nothing(scene: Scene) -> None:
    """A client that sends nothing and is done gets nothing, and the connection is closed."""
    client = scene.server(SERVER).connect()
    client.finish_sending()
    must_be_closed(client)


@step(2, "echo")
def test_byte_by_byte(scene: Scene) -> None:
    """Single bytes come back one by one, without waiting for a line or a full buffer."""
    client = scene.server(SERVER).connect()
    for byte in b"one at a time, please":
        client.send(bytes([byte]))
        try:
            client.expect(bytes([byte]))
        except Silent as silent:
            client.send(b"\n")
            silent.cause = "waits-for-line" if comes_now(client) else "no-answer"
            raise


@step(2, "half-close")
def test_what_was_sent_before_a_half_close_comes_back(scene: Scene) -> None:
    """A client that has said all it has to say still gets everything back."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"first\n")
    client.expect(b"first\n")
    message = pattern(40_000)
    with manners.held(server.program):  # so that message and half close are there at once
        client.send(message)
        client.finish_sending()
    with blame("closes-early", only=Disconnected):
        client.expect(message)
    must_be_closed(client)


@step(2, "no-hurry", "no-timeout")
def test_a_client_may_read_late(scene: Scene) -> None:
    """A client that sends much, and reads the answers late, gets every byte all the same."""
    server = scene.server(SERVER, network="narrow")
    echoes.late_reader_gets_all(server, pattern(SAMPLE))


@step(2, "no-command")
def test_no_word_is_a_command(scene: Scene) -> None:
    """`exit`, an empty line and Ctrl-D's byte come back like anything else: the server takes no commands."""
    echoes.no_word_is_a_command(scene.server(SERVER))


@step(2, "much-and-short")
def test_16_mib(scene: Scene) -> None:
    """16 MiB come back, every byte in its place, while they are still being sent."""
    server = scene.server(SERVER)
    client = server.connect()
    comes_back(server, client, pattern(SAMPLE))
    comes_back(server, client, pattern(bearable(server)))


def comes_back(server: Server, client: Client, message: bytes) -> None:
    """A message is sent and read back at the same time."""
    talks = exchange([client], lambda _i: message, server.program.deadline(20.0))
    judge(talks, cause="no-answer" if talks[0].late else "closes-early")


def bearable(server: Server) -> int:
    """How many bytes to send after a sample: 16 MiB, or fewer where a server that works in tiny portions,
    with two lines for each, would print more than anybody reads."""
    said = len(server.program.stdout.taken())
    return min(16 * MIB, MOST_SAID // max(1, said) * SAMPLE)


@step(2, "much-and-short")
def test_short_reads_and_writes(scene: Scene) -> None:
    """Where the kernel takes only a part of what is written, the rest is sent as well."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed, percent=0, short=100))
    message = pattern(64_000)
    talks = exchange([server.connect()], lambda _i: message, server.program.deadline(5.0))
    talk = talks[0]
    moved = len(talk.got) == len(talk.payload)
    require(
        talk.right,
        (
            _("with short writes, the rest is sent from the wrong place")
            if moved
            else _("with short writes, bytes are lost")
        ),
        expected=talk.payload,
        got=bytes(talk.got),
        cause="short-write",
    )


@step(2, "sound-memory", "echo", "half-close")
def test_memory_is_sound(scene: Scene) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer find nothing while bytes go to and fro."""
    server = scene.server(SERVER, tool=UNDER_ASAN)
    sizes = (1, 2, 255, 1023, 1024, 1025, 20_000)
    with inspected(server.program):
        client = server.connect()
        for message in (EVERY_BYTE, *map(pattern, sizes)):
            client.send(message)
            client.expect(message)
        client.finish_sending()
        must_be_closed(client)
