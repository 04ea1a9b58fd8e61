"""What the contract asks of all programs alike: clean compilation, arguments, exit statuses, start and stop."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence

from labkit.build import ASAN, CLANG, PLAIN
from labkit.clients import Client
from labkit.faults import Disconnected, Fault, Silent
from labkit.program import Ended
from labkit.scene import NATIVELY, Running, Scene, Server, Shim, Tool, wait_listening
from labkit.words import _

END_SECONDS = 3.0
NUMBERS_THAT_ARE_NONE = ("80x", "", "65536", "-1", "1e3", "99999999999999999999")


def compiles_cleanly(scene: Scene, program: str) -> None:
    """The program must compile without a warning, with gcc and with clang."""
    for flavour in (PLAIN, CLANG):
        words = scene.builder.build(program, flavour).warnings
        if words:
            raise Fault(
                _("{compiler} warns about {program}").format(
                    compiler=flavour.compiler, program=program
                ),
                cause="compiler-warning",
                details=words.strip(),
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


def refuses(scene: Scene, program: str, cases: Sequence[Sequence[str]], option: str = "-p") -> None:
    """Each of these argument lists must be refused: status 2, a word and the usage line on stderr.

    option: one that the usage line names.
    """
    started = [scene.start(program, *arguments) for arguments in cases]
    for arguments, running in zip(cases, started):
        line = " ".join(repr(a) if not a or " " in a else a for a in (program, *arguments))
        running.may_end = True
        ended = running.wait(running.deadline(END_SECONDS))
        said = running.stderr.text()
        if ended is None or ended.status != 2 or option not in said:
            raise Fault(
                _("wrong arguments must be refused: {line}").format(line=line),
                expected=_("exit status 2, what is wrong and the usage line on stderr"),
                got=f"{ended or _('it runs on')}\n{said or _('nothing on stderr')}",
                cause="wrong-arguments",
                by_hand=[f"{{bin}}/{line}; echo status $?"],
                about=running,
            )


def wrong_ports() -> list[list[str]]:
    """Argument lists with a port that is none."""
    return [["-p", text] for text in NUMBERS_THAT_ARE_NONE]


def wrong_in_general() -> list[list[str]]:
    """Argument lists that no program of the labs takes."""
    return [
        ["-p", "0", "surplus"],
        ["-Z"],
        ["-p"],
        ["-a", "nowhere", "-p", "0"],
        ["-a", "", "-p", "0"],
    ]


def first_lines(running: Running, address: str, port: int) -> None:
    """`server started`, then `listening on ADDRESS:PORT`, must be the first lines, flushed at once."""
    host = f"[{address}]" if ":" in address else address
    expected = f"server started\nlistening on {host}:{port}\n"
    running.stdout.wait_until(lambda data: data.count(b"\n") >= 2, running.deadline(2.0))
    got = running.stdout.text()
    if got.startswith(expected):
        return
    raise Fault(
        _("the server's first lines are not right"),
        expected=expected,
        got=got,
        cause=_why_not_said(running, got),
    )


def _why_not_said(running: Running, got: str) -> str:
    """Nothing said, or only a part: in stdio's buffer, or not at all? A stopped server flushes."""
    if got:
        return "wrong-message"
    running.may_end = True
    running.signal(signal.SIGTERM)
    running.wait(running.deadline(1.0))
    return "not-flushed" if running.stdout.text() or running.running else "missing-message"


def says_where_it_listens(scene: Scene, program: str) -> None:
    """With -p 0 the kernel chooses, and the server must say what it chose."""
    server = scene.server(program)
    if server.host != "127.0.0.1":
        raise Fault(
            _("without -a it must listen on 127.0.0.1"),
            expected="127.0.0.1",
            got=server.host,
            cause="wrong-address",
        )
    first_lines(server.program, server.host, server.port)


def listens_where_told(scene: Scene, program: str) -> None:
    """-a and -p must decide, for IPv4 and IPv6; without them it is 127.0.0.1:9090."""
    cases = [("127.0.0.2", free_port(scene), True), ("::1", free_port(scene), True)]
    if scene.network().own:
        cases.append(("127.0.0.1", 9090, False))
    for address, port, told in cases:
        arguments = ["-a", address, "-p", str(port)] if told else []
        running = scene.start(program, *arguments)
        where = wait_listening(running)
        if where != (address, port):
            raise Fault(
                _("it does not listen where it was told to"),
                expected=f"{address} {port}",
                got=f"{where[0]} {where[1]}",
                cause="wrong-address",
            )
        first_lines(running, address, port)
        running.may_end = True
        running.close_now()


def free_port(scene: Scene) -> int:
    """A port on which nobody listens at the moment."""
    with scene.network().listen("127.0.0.1", 0, 1) as sock:
        port: int = sock.getsockname()[1]
    return port


def reports_busy_port(scene: Scene, program: str) -> None:
    """A port in use is an error that names the address and the port; `listening on` is not said."""
    first = scene.server(program)
    ended, second = run(scene, program, "-p", str(first.port))
    said, printed = second.stderr.text(), second.stdout.text()
    good = ended.status == 1 and str(first.port) in said and "127.0.0.1" in said
    if not good or "listening on" in printed:
        raise Fault(
            _("a second server on the same port must fail, and say which port"),
            expected=_("exit status 1, 127.0.0.1 and {port} on stderr, no `listening on`").format(
                port=first.port
            ),
            got=f"{ended}\nstderr: {said}\nstdout: {printed}",
            cause="busy-port",
        )


# -- stopping ------------------------------------------------------------------------------------------


def stops(server: Server, clients: Sequence[Client], number: signal.Signals) -> None:
    """The server must end with status 0 within a second, say `disconnected` for each client there, and
    `server stopped` last, and close every connection."""
    ended = server.stop(number)
    output = server.program.stdout.text()
    if ended.signal:
        raise Fault(
            _("{signal} killed the server instead of stopping it").format(signal=number.name),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="dies-of-signal" if ended.signal == number.name else None,
        )
    if ended.status:
        raise Fault(
            _("a server that was stopped must exit with 0"),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="wrong-exit-status",
        )
    lines = output.splitlines()
    if not lines or lines[-1] != "server stopped":
        raise Fault(
            _("the last line must be `server stopped`"),
            expected="server stopped",
            got="\n".join(lines[-3:]),
            cause="missing-message" if "server stopped" not in lines else "wrong-message",
        )
    for client in clients:
        line = f"client {client.address} disconnected"
        if lines.count(line) != 1:
            raise Fault(
                _("each client that is still there must be reported as disconnected, once"),
                expected=line,
                got="\n".join(l for l in lines if client.address in l) or _("no such line"),
                cause="missing-message",
            )
        must_see_end(client)


def must_see_end(client: Client) -> None:
    """The client's connection must be over: closed or reset."""
    try:
        while client.receive(1 << 16):
            pass
    except Disconnected:
        pass
    except Silent:
        raise Fault(
            _("{client}: the connection is still open after the server stopped").format(
                client=client.name
            ),
            cause="does-not-close",
        ) from None


def binds_again(scene: Scene, server: Server) -> None:
    """After a stop with clients connected, the same port must be free for the next start."""
    running = scene.start(server.program.program, "-p", str(server.port))
    try:
        wait_listening(running)
    except Fault as fault:
        raise Fault(
            _("after a stop, the server cannot be started on the same port again"),
            expected=_("it listens on port {port}").format(port=server.port),
            got=running.stderr.text() or fault.what,
            cause="no-reuseaddr",
        ) from None


STOP_RUNS = 8
SLOW_CALLS = Shim(seed=0, percent=100, max_us=30_000)


def hears_every_signal(scene: Scene, program: str) -> None:
    """A stop that comes just before the server goes to sleep must not be lost.

    The shim stretches the moments around blocking calls; the signal is sent when a client's end has just
    been noticed, while the server is on its way back to wait for the next one.
    """
    for run_ in range(STOP_RUNS):
        shim = Shim(seed=scene.seed + run_, percent=100, max_us=SLOW_CALLS.max_us)
        server = scene.server(program, shim=shim)
        client = server.connect()
        client.send(b"x\n")
        client.expect(b"x\n")
        client.close()
        server.program.stdout.wait_for(r"disconnected$", server.program.deadline(2.0))
        ended = server.stop(signal.SIGTERM if run_ % 2 else signal.SIGINT)
        if ended.status:
            raise Fault(
                _("a stop that came at an inconvenient moment did not end with status 0"),
                expected=_("exit status {status}").format(status=0),
                got=str(ended),
                cause="wrong-exit-status",
            )


# -- what stays ------------------------------------------------------------------------------------------


def settled(program: Running, measure: str, most: int, seconds: float = 3.0) -> int:
    """Wait until a measure (a method of Running) is at most `most`; returns what it was last."""
    value = 0

    def low_enough() -> bool:
        nonlocal value
        value = getattr(program, measure)()
        return bool(value <= most)

    program.eventually(low_enough, seconds)
    return value


def stopped_and_continued(server: Server) -> None:
    """Ctrl-Z and fg: system calls may come back with EINTR afterwards; see signal(7)."""
    program = server.program
    program.signal(signal.SIGSTOP)
    program.eventually(lambda: program.state() == "T", 2.0)
    program.signal(signal.SIGCONT)
    program.eventually(lambda: program.state() != "T", 2.0)


def broken_pipe(scene: Scene, program: str, tool: Tool = NATIVELY) -> Server:
    """Make the server write to a client that is gone for good: the write that raises SIGPIPE.

    The server is stopped while a client sends many bytes and closes; with short transfers it then has to
    write many times, the first write is answered by a reset, and the next ones meet a broken pipe.
    """
    server = scene.server(program, tool=tool, shim=Shim(short=64))
    running = server.program
    client = server.connect()
    client.send(b"first\n")
    client.expect(b"first\n")
    running.signal(signal.SIGSTOP)
    running.eventually(lambda: running.state() == "T", 2.0)
    client.send(b"many bytes, and nobody reads the answer\n" * 200)
    client.close()
    running.signal(signal.SIGCONT)
    return server


def lowest(program: Running, measure: str, seconds: float = 0.3) -> int:
    """The lowest value of a measure (a method of Running) over a moment in which nothing is asked of it."""
    values: list[int] = []

    def never() -> bool:
        values.append(getattr(program, measure)())
        return False

    program.eventually(never, seconds)
    return min(values)
