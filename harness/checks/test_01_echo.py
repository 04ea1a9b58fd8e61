"""Lab 01: an echo server that serves one client at a time, and its client."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from labkit import manners
from labkit.checking import (
    UNDER_ASAN,
    UNDER_TSAN,
    Client,
    Disconnected,
    Ended,
    Fault,
    Limits,
    Row,
    Running,
    Scene,
    Server,
    Shim,
    Silent,
    Span,
    _,
    blame,
    death,
    exchange,
    expect,
    inspected,
    judge,
    require,
    step,
    timeline,
)

SERVER, CLIENT = "echo_server", "echo_client"
EVERY_BYTE = bytes(range(11, 256)) + bytes(range(11))  # a newline ends it
MIB = 1 << 20
SAMPLE, MOST_SAID = 65_536, 12 * MIB
IDLE_SECONDS = 2.5
SERVE = "{bin}/echo_server -p 9090 &"
TRY_SERVER = (SERVE, "printf 'hello\\n' | nc -N 127.0.0.1 9090")
TRY_CLIENT = (SERVE, "printf 'a long line\\nb\\n' | {bin}/echo_client; echo status $?")
TRY_ZERO = (SERVE, "printf 'a\\0b\\n' | {bin}/echo_client | od -c")
ADDRESS = r"(?:\d+(?:\.\d+){3}|\[[0-9a-f:]+\]):\d+"
SERVER_LINE = re.compile(
    rf"server (started|stopped)|listening on {ADDRESS}|client {ADDRESS} (connected|disconnected)"
    rf"|received \d+ bytes from {ADDRESS}|sent \d+ bytes to {ADDRESS}"
)
CLIENT_LINE = re.compile(rf"connected to {ADDRESS}|(sent|received) \d+ bytes|disconnected")


@contextmanager
def means(cause: str, *kinds: type[Fault]) -> Iterator[None]:
    """A fault inside, of one of these kinds if some are given, means this, whatever its bytes suggest."""
    try:
        yield
    except kinds or Fault as fault:
        if fault.cause != cause:
            fault.cause, fault.by_hand = cause, ()
        raise


def pattern(size: int) -> bytes:
    """Bytes in which every place is different from its neighbourhood, so that a loss or a shift shows."""
    return b"".join(b"%07d\n" % i for i in range(size // 8 + 1))[:size]


# -- step 1: Listen --------------------------------------------------------------------------------------


@step(1)
def test_compiles_without_a_warning(scene: Scene) -> None:
    """Both programs compile without a warning, with gcc and with clang."""
    for program in (SERVER, CLIENT):
        manners.compiles_cleanly(scene, program)


@step(1)
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with the port that the kernel chose."""
    manners.says_where_it_listens(scene, SERVER)


@step(1)
def test_listens_where_it_is_told(scene: Scene) -> None:
    """-a and -p say where the server listens, for IPv4 and IPv6; else it is 127.0.0.1:9090."""
    manners.listens_where_told(scene, SERVER)


@step(1)
def test_accepts(scene: Scene) -> None:
    """The server takes a client that connects from the queue."""
    server = scene.server(SERVER)
    server.connect()
    taken = server.program.eventually(lambda: server.waiting() == 0, 3.0)
    require(
        taken and server.program.running,
        _("a client is connected, but the server does not accept it"),
        expected=_("an empty accept queue"),
        got=_("{n} waiting").format(n=server.waiting()),
        cause="never-accepts",
    )


@step(1)
def test_reports_a_busy_port(scene: Scene) -> None:
    """A port in use is an error that names address and port, exit status 1."""
    manners.reports_busy_port(scene, SERVER)


@step(1)
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    manners.refuses(scene, SERVER, manners.wrong_ports() + manners.wrong_in_general())
    manners.shows_usage(scene, SERVER)


# -- step 2: Echo ----------------------------------------------------------------------------------------


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


@step(2)
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


@step(2)
def test_every_byte_value_comes_back(scene: Scene) -> None:
    """Bytes are bytes: zero bytes, control characters and all others come back unchanged."""
    client = scene.server(SERVER).connect()
    client.send(EVERY_BYTE)
    client.expect(EVERY_BYTE)
    client.finish_sending()
    must_be_closed(client)


@step(2)
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


@step(2)
def test_nothing_comes_back_for_nothing(scene: Scene) -> None:
    """A client that sends nothing and is done gets nothing, and the connection is closed."""
    client = scene.server(SERVER).connect()
    client.finish_sending()
    must_be_closed(client)


@step(2)
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


@step(2)
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


@step(2)
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


@step(2)
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


@step(2)
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


# -- step 3: Next, please --------------------------------------------------------------------------------


def served(server: Server, what: str, ended: str, stuck: str = "serves-once") -> None:
    """A new client must be served now; `what` has happened before.

    ended, stuck: the cause if it is not served because the server has ended, or though it still runs.
    """
    try:
        client = server.connect()
        client.send(b"next, please\n")
        client.expect(b"next, please\n")
        client.close()
    except Fault as fault:
        gone = server.program.wait(server.program.deadline(0.5))
        if gone and gone.signal:
            raise death(server.program, gone) from None
        if gone:
            raise Fault(
                _("after {what}, the server has ended").format(what=what),
                expected=_("it serves the next client"),
                got=str(gone),
                cause=ended,
            ) from None
        raise type(fault)(
            _("after {what}, the next client is not served").format(what=what),
            expected=b"next, please\n",
            got=fault.got if fault.got is not None else fault.what,
            cause=stuck,
        ) from None


@step(3)
def test_one_after_another(scene: Scene) -> None:
    """When a client has left, the next one is served."""
    server = scene.server(SERVER)
    for _round in range(5):
        served(server, _("a client that left"), "serves-once")


@step(3)
def test_who_waits_is_served_in_turn(scene: Scene) -> None:
    """Clients that came while another was served are served when it has left."""
    server = scene.server(SERVER)
    began = time.monotonic()
    first, second, third = server.crowd(3, ["client 1", "client 2", "client 3"])
    second.send(b"hello\n")
    third.send(b"three\n")
    early = chat(scene, first, 10, second)
    nobody_else_is_served(server, second, began, early)
    first.close()
    left = time.monotonic() - began
    with means("lost-client", Silent, Disconnected):
        second.expect(b"hello\n")
        answered = time.monotonic() - began
        chat(scene, second, 5)
        second.close()
        end = time.monotonic() - began
        third.expect(b"three\n")
    waiting = Span(0, answered, "."), Span(answered, end, "=")
    scene.show(
        timeline(
            _("One thread: both are connected from the start, and client 2 waits. Why?"),
            [
                Row(_("client {n}").format(n=1), [Span(0, left, "=")], _("is served, and leaves")),
                Row(_("client {n}").format(n=2), waiting, _("waits {s:.2f} s").format(s=answered)),
            ],
        )
    )


def chat(scene: Scene, client: Client, lines: int, other: Client | None = None) -> float:
    """A person who types some lines, not too fast. Returns when `other` was seen to be answered, 0 if not."""
    answered = 0.0
    for _line in range(lines):
        client.send(b"hello\n")
        client.expect(b"hello\n")
        scene.pause(0.03)
        if other and not answered and other.has_answer():
            answered = time.monotonic()
    return answered


def nobody_else_is_served(server: Server, second: Client, began: float, answered: float) -> None:
    """While the first client is connected, and idle, the second must not be answered.

    answered: when it was, if it was already. If it has left the queue, an answer is waited for: somebody may
    be at work on it.
    """
    if not answered:
        server.program.eventually(lambda: second.has_answer() or server.waiting() > 0, 1.0)
        answered = time.monotonic() if second.has_answer() else 0.0
    if not answered:
        return
    now, at = time.monotonic() - began, answered - began
    spans = [Span(0, at, "."), Span(at, now, "=")]
    rows = [
        Row(_("client {n}").format(n=1), [Span(0, now, "=")], _("is still connected")),
        Row(_("client {n}").format(n=2), spans, _("is answered after {s:.2f} s").format(s=at)),
    ]
    raise Fault(
        _("the second client was answered while the first was connected and idle"),
        expected=_("it waits until the first has left"),
        got=_("an answer; threads: {n}, processes: {m}").format(
            n=server.program.threads(), m=server.program.processes()
        ),
        cause="not-one-at-a-time",
        details=timeline(_("Both are served at the same time:"), rows),
    )


@step(3)
def test_after_a_reset(scene: Scene) -> None:
    """A client that resets its connection does not end the server."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"hello\n")
    client.expect(b"hello\n")
    client.reset()
    served(server, _("a reset"), "fatal-client", "stuck-on-error")


@step(3)
def test_after_one_that_left_while_it_waited(scene: Scene) -> None:
    """A client that gives up before it is accepted does no harm."""
    server = scene.server(SERVER)
    first, second = server.crowd(2, ["client 1", "client 2"])
    first.send(b"hello\n")
    first.expect(b"hello\n")
    second.reset()
    server.forgets(second)
    first.close()
    served(server, _("a client that gave up while it waited"), "fatal-client", "lost-client")


@step(3)
def test_after_one_that_said_nothing(scene: Scene) -> None:
    """A client that connects and leaves without a word does no harm."""
    server = scene.server(SERVER)
    server.connect().close()
    served(server, _("a client that said nothing"), "fatal-client")


@step(3)
def test_after_a_broken_pipe(scene: Scene) -> None:
    """Writing to a client that is gone does not end the server."""
    server = manners.broken_pipe(scene, SERVER)
    left = _("a client that did not wait for its answer")
    served(server, left, "fatal-client", "stuck-on-error")


@step(3)
def test_after_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on where it was."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"before\n")
    client.expect(b"before\n")
    manners.stopped_and_continued(server)
    with means("interrupted-call", Silent, Disconnected):
        client.send(b"after\n")
        client.expect(b"after\n")
    client.close()
    manners.stopped_and_continued(server)
    served(server, _("Ctrl-Z and fg"), "interrupted-call", "interrupted-call")


@step(3)
def test_gives_descriptors_back(scene: Scene) -> None:
    """After many clients, whatever way they left, no descriptor is left open."""
    server = scene.server(SERVER, limits=Limits(files=32), shim=Shim(short=manners.SHORT))
    served(server, _("the start"), "ended-early")
    before = manners.settled(server.program, "descriptors", 0, 0.2)
    with means("descriptor-leak", Silent, Disconnected):
        for round_ in range(60):
            if round_ % 6 == 0:
                manners.leave_unread(server)
            client = server.connect()
            client.send(b"x")
            client.expect(b"x")
            client.reset() if round_ % 3 == 0 else client.close()
    after = manners.settled(server.program, "descriptors", before)
    require(
        after <= before,
        _("the clients have left, and more descriptors are open than before they came"),
        expected=_("{n} descriptors").format(n=before),
        got=_("{n} descriptors").format(n=after),
        cause="descriptor-leak",
    )


@step(3)
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once and burns no CPU; who waits is served when there is one again."""
    server = manners.idle(scene.server(SERVER))
    program = server.program
    program.may_open(program.free_number())
    try:
        runs_short(server)
    except Fault as fault:
        ended = program.wait(program.deadline(0.3))
        if ended and not ended.signal:
            fault.cause = "accept-error-fatal"
        raise


def runs_short(server: Server) -> None:
    """A client comes while no descriptor is to be had, and is served when there is one again."""
    program = server.program
    early = server.connect()  # a call that waits has a number for it already
    early.send(b"early\n")
    early.close()
    client = server.connect()
    client.send(b"hello\n")
    program.eventually(lambda: bool(program.stderr.text()), 3.0)
    program.must_not_have_died()
    manners.calm_while_short(program)
    program.may_open(Limits.files)
    with means("lost-client", Silent, Disconnected):
        client.expect(b"hello\n")


@step(3)
def test_no_idle_timeout(scene: Scene) -> None:
    """A client may be silent for as long as it likes."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"wait a moment\n")
    client.expect(b"wait a moment\n")
    until = time.monotonic() + IDLE_SECONDS
    client.sock.settimeout(IDLE_SECONDS)
    try:
        early = client.sock.recv(1)
    except TimeoutError:
        early = None
    except OSError:
        early = b""
    if early is not None:
        left = until - time.monotonic()
        client.journal.note(client.name, _("finds the connection closed"))
        raise Fault(
            _("a client was thrown out after {s:.1f} s of silence").format(s=IDLE_SECONDS - left),
            cause="idle-timeout",
        )
    client.send(b"here I am\n")
    with blame("idle-timeout"):
        client.expect(b"here I am\n")


# -- step 4: The client ----------------------------------------------------------------------------------


def start_client(scene: Scene, port: int, **options: object) -> Running:
    """The student's client, connected to the harness's own server."""
    return scene.start(CLIENT, "-p", str(port), **options)  # type: ignore[arg-type]


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


@step(4)
def test_lines_out_and_back(scene: Scene) -> None:
    """Each line of stdin is sent, and its reply is printed."""
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin="pipe")
    server = peer.accept(client)
    lines = (b"hello\n", b"\n", "привет, сервер\n".encode(), b"exit now\n")
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


@step(4)
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


@step(4)
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


@step(4)
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


@step(4)
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


@step(4)
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


@step(4)
def test_no_server(scene: Scene) -> None:
    """Where no server listens, the client says so and exits with 1."""
    client = start_client(scene, manners.free_port(scene))
    ended = client.run_to_end(5.0)
    require(
        ended.status == 1 and client.stderr.taken(),
        _("nobody listens on the port that the client was given"),
        expected=_("exit status 1 and the reason on stderr"),
        got=f"{ended}\n{client.stderr.text()}",
        cause="wrong-exit-status",
        by_hand=("{bin}/echo_client -p 9; echo status $?",),
    )


@step(4)
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


@step(4)
def test_over_ipv6(scene: Scene) -> None:
    """-a takes an IPv6 address as well."""
    peer = scene.peer(host="::1")
    client = scene.start(CLIENT, "-a", "::1", "-p", str(peer.port), stdin=b"six\n")
    with means("never-connects"):
        connection = peer.accept(client)
    peer.echo(connection)
    ends_well(client, b"six\n")


@step(4)
def test_prompts_at_a_terminal(scene: Scene) -> None:
    """Where stdin is a terminal the client prompts; else stdout holds the replies alone."""
    peer = scene.peer()
    client = start_client(scene, peer.port, stdin="terminal")
    echo = peer.echo(peer.accept(client))

    def prompted() -> bool:
        events = re.sub(r"^connected to .*\n", "", client.stderr.text(), flags=re.MULTILINE)
        return bool(events.strip() or client.stdout.text().strip())

    require(
        client.eventually(prompted, 3.0),
        _("stdin is a terminal, and the client waits for a line without a prompt"),
        expected=_("a prompt, on stdout or stderr"),
        got=_("nothing"),
        cause="no-prompt",
        by_hand=(SERVE, "{bin}/echo_client"),
    )
    client.type(b"hello\nexit\n")
    with means("stays-after-exit", Silent):
        client.run_to_end(5.0)
    typed = _("at a terminal, the client sent something else than was typed")
    expect(b"hello\n", bytes(echo.seen)[:6], typed, "wrong-bytes")


@step(4)
def test_client_refuses_wrong_arguments(scene: Scene) -> None:
    """The client refuses wrong arguments with status 2, and -h shows its usage."""
    manners.refuses(scene, CLIENT, manners.wrong_ports() + manners.wrong_in_general())
    manners.shows_usage(scene, CLIENT)


# -- step 5: Say what happens ----------------------------------------------------------------------------


def foreign(lines: Sequence[str], known: re.Pattern[str]) -> bool:
    """Whether a line is worded as none of the lab's messages is, or names a client whose port is none."""
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


@step(5)
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


@step(5)
def test_server_reports_a_reset_client(scene: Scene) -> None:
    """A client that reset its connection is reported as disconnected too."""
    server = scene.server(SERVER)
    client = server.connect()
    client.send(b"hello\n")
    client.expect(b"hello\n")
    client.reset()
    say_all(server, client, 6)


@step(5)
def test_server_reports_who_was_gone(scene: Scene) -> None:
    """A client that was gone when it was written to is reported as disconnected, and nobody by a false name."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed, short=manners.SHORT))
    (broken,) = manners.leave_unread(server)
    early = manners.gone_before_accept(server, 2)
    last = server.connect()
    last.send(b"hello\n")
    last.expect(b"hello\n")
    counts_are_numbers(comes_and_goes(server, broken))
    manners.names_are_true(server, [broken, *early, last])


@step(5)
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


@step(5)
def test_server_says_all_over_ipv6(scene: Scene) -> None:
    """An IPv6 client is named as [address]:port."""
    server = scene.server(SERVER, "-a", "::1")
    client = server.connect()
    client.send(b"six\n")
    client.expect(b"six\n")
    client.close()
    say_all(server, client, 4)


@step(5)
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


# -- step 6: Stop ----------------------------------------------------------------------------------------


@step(6)
def test_stops_without_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server that has no client, or never had one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        manners.stops(manners.idle(scene.server(SERVER)), [], number)
        server = scene.server(SERVER)
        client = server.connect()
        client.send(b"x")
        client.expect(b"x")
        client.close()
        manners.stops(server, [], number)


@step(6)
def test_stops_with_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server whose client is connected and silent; its port is free at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        server = scene.server(SERVER)
        client = server.connect()
        client.send(b"x")
        client.expect(b"x")
        manners.stops(server, [client], number)
        manners.binds_again(scene, server)


@step(6)
def test_stops_while_a_client_does_not_read(scene: Scene) -> None:
    """A client that sends without reading does not keep the server from stopping."""
    server = scene.server(SERVER, network="narrow")
    client = server.connect()
    client.send(b"x")
    client.expect(b"x")
    client.push(pattern(MIB), calm=0.2)
    manners.stops(server, [client], signal.SIGTERM)


@step(6)
def test_stops_with_clients_that_wait(scene: Scene) -> None:
    """Clients that wait for their turn do not keep the server from stopping."""
    server = scene.server(SERVER)
    first, _second, _third = server.crowd(3)
    first.send(b"x")
    first.expect(b"x")
    manners.stops(server, [first], signal.SIGINT)


@step(6)
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same."""
    manners.hears_every_signal(scene, SERVER, "lost-signal")
    for shim in manners.forced(manners.SLOW_CALLS, scene.seed, 4, late=0, calls=4):
        server = scene.server(SERVER, shim=shim)
        server.connect()
        server.program.eventually(lambda: server.waiting() == 0, 3.0)
        manners.ask_to_stop(server.program)  # while accept is returning
        manners.must_stop(server.program, "lost-signal")


@step(6)
def test_nothing_leaks_and_the_handler_is_safe(scene: Scene) -> None:
    """After a stop, no memory is lost (LeakSanitizer), and no handler called what it must not."""
    for tool, number in (UNDER_ASAN, signal.SIGTERM), (UNDER_TSAN, signal.SIGINT):
        server = scene.server(SERVER, tool=tool)
        with inspected(server.program):
            for round_ in range(4):
                client = server.connect()
                client.send(b"hello\n")
                client.expect(b"hello\n")
                if round_ < 3:
                    client.close()
            server.stop(number, 3.0)
