"""The rules shared by all labs' programs: clean compilation, arguments, exit statuses, start and stop."""

from __future__ import annotations

import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice

from labkit.box.program import Ended
from labkit.build.build import CLANG, GCC
from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.words import _
from labkit.scene import calm
from labkit.scene.running import Running, death
from labkit.scene.scene import Scene
from labkit.scene.server import Server, wait_listening
from labkit.scene.tools import NATIVELY, UNDER_TSAN, Shim, Tool
from labkit.wire.clients import Client, Talk, await_answers

END_SECONDS = 3.0
NUMBERS_THAT_ARE_NONE = (
    *("80x", "", "65536", "-1", "1e3"),
    *("4294967376", "99999999999999999999"),  # the first is 80 where 32 bits are kept
)


def compiles_cleanly(scene: Scene, program: str) -> None:
    """The program must compile without a warning by the handout's command line, with gcc and with clang."""
    for flavour in (GCC, CLANG):
        words = scene.builder.build(program, flavour).warnings
        if words:
            raise scene.builder.lacking(program, flavour, words) or Fault(
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
        by_hand=[f"{{bin}}/{shlex.join(running.shown)} | cat"],
        about=running,
    )


ELSEWHERE = re.compile(r"server started\nlistening on (\d+(\.\d+){3}|\[[0-9a-f:]+\]):\d+\n")
UNBUFFERED = {"LD_PRELOAD": "/usr/libexec/coreutils/libstdbuf.so", "_STDBUF_O": "L"}  # stdbuf(1)


def _why_not_said(running: Running, got: str) -> str:
    """Another address, other words, or none: in stdio's buffer, or not at all? Without a buffer it shows."""
    if ELSEWHERE.match(got):
        return "wrong-address"
    if got:
        return "wrong-message"
    again = running.scene.start(running.program, *running.shown[1:], env=UNBUFFERED)
    spoke = again.stdout.wait_until(lambda data: b"\n" in data, again.deadline(1.0))
    again.close_now()
    return "not-flushed" if spoke else "missing-message"


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
        try:
            where = wait_listening(running)
        except Fault as fault:
            fault.about, fault.by_hand = running, [f"{{bin}}/{shlex.join(running.shown)}"]
            if fault.cause == "never-listens":
                fault.cause = "wrong-address"
            raise
        if where != (address, port):
            raise Fault(
                _("it does not listen at the address given"),
                expected=f"{address} {port}",
                got=f"{where[0]} {where[1]}",
                cause="wrong-address",
                by_hand=[f"{{bin}}/{shlex.join(running.shown)} &", "ss -ltn  # Local Address:Port"],
                about=running,
            )
        first_lines(running, address, port)
        running.may_end = True
        running.close_now()


def free_port(scene: Scene) -> int:
    """A port on which nobody listens at the moment; with its bytes swapped it is not below 1024 either."""
    port = 0
    while port % 256 < 4:
        with scene.network().listen("127.0.0.1", 0, 1) as sock:
            port = sock.getsockname()[1]
    return port


def reports_busy_port(scene: Scene, program: str) -> None:
    """A port in use is an error that names the address and the port; `listening on` is not said."""
    first = scene.server(program)
    second = scene.start(program, "-p", str(first.port))
    second.may_end = True
    ended = second.wait(second.deadline(END_SECONDS))
    said, printed = second.stderr.text(), second.stdout.text()
    named = str(first.port) in said and "127.0.0.1" in said
    if not ended or ended.status != 1 or not named or "listening on" in printed:
        raise Fault(
            _("a second server on the same port must fail, and say which port"),
            expected=_("exit status 1, 127.0.0.1 and {port} on stderr, no `listening on`").format(
                port=first.port
            ),
            got=str(ended or _("it runs on")) + f"\nstderr: {said}\nstdout: {printed}",
            cause="busy-port",
            details=_shared_port(first, second),
            about=second,
        )


def _shared_port(first: Server, second: Running) -> str:
    """Where two servers listen on the same address and port: why the kernel lets them."""
    if first.where not in second.listening() or not first.program.listening():
        return ""
    return _(
        "Both servers listen on port {port} now, and clients come to one or the other by chance. Linux allows that\n"
        "only where SO_REUSEPORT is set (socket(7)). SO_REUSEADDR and SO_REUSEPORT are two options, not flags to be\n"
        "joined by |: set SO_REUSEADDR alone."
    ).format(port=first.port)


# -- stopping ------------------------------------------------------------------------------------------


def stops(
    server: Server,
    clients: Sequence[Client],
    number: signal.Signals,
    unsaid: str = "missing-message",
    aloud: bool = True,
) -> None:
    """The server must end with status 0 within a second, say `disconnected` for each client there, and
    `server stopped` last, and close every connection.

    unsaid: the cause where `disconnected` is not said before the end. aloud: whether it must be on stdout.
    """
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
            cause=_why_not_last(lines, unsaid),
        )
    for client in clients:
        line = f"client {client.address} disconnected"
        if aloud and lines.count(line) != 1:
            raise Fault(
                _("each client that is still there must be reported as disconnected, once"),
                expected=line,
                got="\n".join(l for l in lines if client.address in l) or _("no such line"),
                cause=_why_not_once(lines, clients, unsaid),
            )
        must_see_end(client)


def _why_not_once(lines: Sequence[str], clients: Sequence[Client], unsaid: str) -> str:
    """Why `disconnected` is not said once of each client: of one for another, too often, or not at all."""
    gone = [line for line in lines if line.endswith(" disconnected")]
    missing = any(f"client {client.address} disconnected" not in gone for client in clients)
    if len(set(gone)) < len(gone):
        return "mixed-names" if missing else "extra-message"
    return unsaid


def _why_not_last(lines: Sequence[str], unsaid: str) -> str:
    """Why `server stopped` is not the last line."""
    if "server stopped" not in lines:
        return "missing-message"
    after = lines[lines.index("server stopped") + 1 :]  # the very last may be cut short
    late = any(line[:7] == "client "[: len(line)] for line in after)
    return unsaid if late and unsaid != "missing-message" else "wrong-message"


def idle(server: Server) -> Server:
    """Wait until a server, which has said where it listens, sleeps: its start is over."""
    server.program.eventually(lambda: server.program.state() == "S", 2.0)
    return server


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
START_RUNS = 4
SLOW_CALLS = Shim(seed=0, percent=100, max_us=30_000)


def hears_every_signal(
    scene: Scene, program: str, cause: str = "does-not-stop", answer: bytes = b"x\n"
) -> None:
    """A stop that comes just before the server goes to sleep must not be lost.

    answer: all that a client gets that sends `x`.

    The shim stretches the moments around blocking calls; the signal is sent as soon as the server says that
    it listens, and when a client's end has just been noticed: on the way to wait for the next one.
    """
    slow = slowed(SLOW_CALLS, scene)
    late = forced(slow, scene.seed, START_RUNS, late=0, calls=4)
    early = [_stopped_at_start(scene, program, shim) for shim in late]
    servers = []
    for run_ in range(STOP_RUNS):
        server = scene.server(program, shim=replace(slow, seed=scene.seed + run_))
        client = server.connect()
        client.send(b"x\n")
        client.expect(answer)
        client.close()
        server.program.stdout.wait_for(r"disconnected$", server.program.deadline(2.0))
        ask_to_stop(server.program, signal.SIGTERM if run_ % 2 else signal.SIGINT)
        servers.append(server.program)
    for running in early:
        _end_of(running, cause)  # its handlers may have come too late: no matter
    for running in servers:
        must_stop(running, cause)


def _stopped_at_start(scene: Scene, program: str, shim: Shim) -> Running:
    """A server that gets the signal to stop as soon as it has said where it listens."""
    running = scene.start(program, "-p", "0", shim=shim)
    running.stdout.wait_for("^listening on", running.deadline(3.0))
    ask_to_stop(running, signal.SIGTERM)
    return running


def ask_to_stop(running: Running, number: signal.Signals = signal.SIGTERM) -> None:
    """Send the signal; the server may end from now on."""
    running.must_not_have_died()
    running.may_end = True
    running.signal(number)


def stop_under_tool(server: Server, number: signal.Signals = signal.SIGTERM) -> None:
    """Stop a server under a tool.

    ThreadSanitizer's runtime keeps a signal back until the program makes a call that it knows, so a correct
    program may sleep on: clients wake it, and whether it heard the signal is judged elsewhere, without it.
    """
    program = server.program
    if program.tool is not UNDER_TSAN:
        server.stop(number, 3.0)
        return
    ask_to_stop(program, number)
    for _again in range(6):
        if program.wait(program.deadline(0.25)):
            return
        program.signal(number)
        with suppress(Fault):
            server.connect().close()


def must_stop(running: Running, cause: str = "does-not-stop") -> None:
    """A server that got the signal to stop, and whose calls the shim delays, must end with status 0.

    How long that takes says nothing here; but a program that makes no more calls sleeps for good.
    """
    ended = _end_of(running, cause)
    if ended.status:
        raise Fault(
            _("a stop that came at an inconvenient moment did not end with status 0"),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="wrong-exit-status",
            about=running,
        )


def _end_of(running: Running, cause: str) -> Ended:
    """Wait for the end; Silent where the program neither ends nor makes a call for a second."""
    most = running.deadline(30.0)
    while (ended := running.wait(running.deadline(0.0))) is None:
        before = running.stats().delays
        if running.wait(running.deadline(1.0)):
            continue
        if most.passed or running.stats().delays == before:
            raise Silent(
                _("{program} was asked to stop and does not end").format(program=running.name),
                cause=cause,
                about=running,
            )
    return ended


# -- schedules by choice -----------------------------------------------------------------------------------

_WORD = (1 << 64) - 1
LONGEST_DELAY_US = 500_000


def delays(shim: Shim, thread: int) -> Iterator[int]:
    """By how many microseconds the shim delays a thread, call by call: perturb.c, shim_random, shim_delay.

    thread: 0 is the main thread, the others in the order of their creation.
    """
    x = ((shim.seed or 0) + 1) * 0x9E3779B97F4A7C15 + (thread + 1) * 0xD1B54A32D192ED03
    x = x & _WORD or 1
    while True:
        x ^= x << 13 & _WORD
        x ^= x >> 7
        x ^= x << 17 & _WORD
        choice = (x * 0x2545F4914F6CDD1D & _WORD) >> 20
        part = (0, 20, 4, 1)[(choice >> 8) % 4]
        held_up = part and choice % 100 < shim.percent
        yield (choice >> 16) % (shim.max_us // part + 1) if held_up else 0


def slowed(shim: Shim, scene: Scene) -> Shim:
    """The shim with longer delays on a busy machine, where what is done in their midst comes later too."""
    return longer(shim, scene.pace.factor())


def longer(shim: Shim, times: float) -> Shim:
    """The shim with delays so many times longer, as far as a check has time for them."""
    return replace(shim, max_us=min(LONGEST_DELAY_US, round(shim.max_us * times)))


def forced(shim: Shim, seed: int, count: int, *, late: int, calls: int = 1) -> list[Shim]:
    """The first `count` seeds from `seed` on that hold up thread `late` at its first `calls` calls, each for
    more than a third of the longest delay, and the main thread, if it is another, hardly at all."""
    found: list[Shim] = []
    while len(found) < count:
        one = replace(shim, seed=seed)
        long = all(us > shim.max_us // 3 for us in islice(delays(one, late), calls))
        if long and (late == 0 or sum(islice(delays(one, 0), 12)) < shim.max_us // 20):
            found.append(one)
        seed += 1
    return found


@contextmanager
def survives(server: Server, cause: str) -> Iterator[None]:
    """The events inside this context must not end the server; if they did, the fault has this cause."""
    try:
        yield
    except Fault:
        ended = server.program.wait(server.program.deadline(0.3))
        if ended is None or server.program.may_end:
            raise
        fault = death(server.program, ended)
        if not ended.signal:
            fault.cause = cause
        raise fault from None


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


@contextmanager
def held(program: Running) -> Iterator[None]:
    """Inside, the program is stopped: whatever is done to it meanwhile is there at once when it goes on."""
    program.signal(signal.SIGSTOP)
    program.eventually(lambda: program.state() == "T", 2.0)
    try:
        yield
    finally:
        program.signal(signal.SIGCONT)


def stopped_and_continued(server: Server) -> None:
    """Ctrl-Z and fg, some times: calls that sleep may come back with EINTR afterwards; see signal(7)."""
    program = server.program
    for _time in range(3):
        program.eventually(lambda: program.state() == "S", 1.0)
        with held(program):
            pass
        program.eventually(lambda: program.state() != "T", 2.0)


def broken_pipe(scene: Scene, program: str, tool: Tool = NATIVELY) -> Server:
    """A server that has to write to a client that is gone for good: the write that raises SIGPIPE."""
    server = scene.server(program, tool=tool, shim=piecemeal(scene))
    leave_unread(server)
    return server


def piecemeal(scene: Scene) -> Shim:
    """Transfers so short that much has to be written to a client that is gone, with delays: on a busy machine the
    kernel processes a reset late, and a server that never paused would be done before."""
    return Shim(seed=scene.seed, percent=25, max_us=1000, short=64)


SHORT = 1000  # bytes a call, where `leave_unread` must meet a broken pipe


def leave_unread(server: Server, count: int = 1) -> list[Client]:
    """So many clients are served, then send many bytes, and are gone before the answer comes.

    The server is stopped meanwhile; with short transfers (at most SHORT) it then has to write many times, the
    first write to each of them is answered by a reset, and the next ones meet a broken pipe.
    """
    clients = server.crowd(count)
    for client in clients:
        client.send(b"first\n")
        client.expect(b"first\n")
    with held(server.program):
        for client in clients:
            client.send(b"many bytes, and nobody reads the answer\n" * 200)
            client.close()
    return clients


def gone_before_accept(server: Server, count: int) -> list[Client]:
    """So many clients connect, one at a time, and reset their connections before the server can accept them."""
    clients = []
    for _client in range(count):
        with held(server.program):
            clients.append(server.connect())
            clients[-1].reset()
        server.program.eventually(lambda: server.waiting() == 0, 3.0)
    return clients


def names_are_true(server: Server, clients: Sequence[Client]) -> None:
    """`connected` and `disconnected` may name these clients and nobody else."""
    lines = server.program.stdout.lines()
    said = [line for line in lines if re.fullmatch(r"client \S+ (dis)?connected", line)]
    true = {client.address for client in clients}
    false = [line for line in said if line.split()[1] not in true]
    if false:
        raise Fault(
            _("a client is named that never was there"),
            expected=_("the address and port of one of the clients"),
            got="\n".join(false[:10]),
            cause="false-name",
        )


def calm_while_short(program: Running) -> None:
    """Out of descriptors, while nothing changes, it must use no CPU and say nothing more than one line."""
    calm.must_sleep(program, _("the server is out of descriptors"))
    said = program.stderr.text()
    if said.count("\n") != 1:
        raise Fault(
            _("a shortage is reported on stderr, in one line"),
            expected=_("one line"),
            got=said[:2000] or _("nothing"),
            cause="too-many-messages" if said else "missing-message",
        )


def gives_a_reason(program: Running) -> None:
    """What is said on stderr of a failure must not end with "Success", or with an error of another call."""
    said = program.stderr.text()
    if re.search(r": (Success|Inappropriate ioctl)", said):
        raise Fault(
            _("an error message must say why it failed"),
            expected="Resource temporarily unavailable",
            got=said[:2000],
            cause="stale-errno",
            about=program,
        )


LEFT = 5  # clients, where a shortage ends
RECOVERY_SECONDS = 0.6  # half a second, and the way there and back


def let_in(server: Server, served: Callable[[], int], waiting: int) -> None:
    """LEFT clients have just left a server that was short of descriptors; as many of those who wait, if there are
    so many, must be served within half a second.

    served: looks for a moment, and returns how many of those who waited have been served since.
    """
    began, pace = time.monotonic(), server.program.scene.pace
    room, came = min(LEFT, waiting), served()
    while came < room and not pace.took_longer(began, RECOVERY_SECONDS):
        came = served()
    took, late = time.monotonic() - began, came
    deadline = server.program.deadline(20.0)
    while late < room and not deadline.passed:
        late = served()
    if came >= room:
        return
    raise Fault(
        _("5 clients left, and {n} of those who waited were served after {s:.1f} s").format(
            n=came, s=took
        ),
        expected=_("{n} within half a second (times the machine's load)").format(n=room),
        got=_("{n}, and {late} more after {s:.1f} s").format(
            n=came, late=late - came, s=time.monotonic() - began
        ),
        cause="slow-recovery" if late > came else "lost-client",
    )


def let_talks_in(server: Server, outside: Sequence[Talk]) -> list[Talk]:
    """The same where the clients outside have sent something already; returns those that were answered."""
    came: list[Talk] = []

    def served() -> int:
        waiting = [one for one in outside if one not in came and (one.late or not one.error)]
        wanted = min(LEFT, len(outside)) - len(came)
        came.extend(await_answers(waiting, wanted, server.program.deadline(0.05)))
        return len(came)

    let_in(server, served, len(outside))
    return came


def come_to_rest(program: Running) -> bool:
    """Wait until the program has done what there was to do: none of its threads works, or waits for a CPU.

    Looked at several times, since two threads that pass work on to each other sleep both for a moment.
    """
    looks = 0

    def at_rest() -> bool:
        nonlocal looks
        looks = looks + 1 if program.at_rest() else 0
        return looks >= 4

    return program.eventually(at_rest, 5.0)


def lowest(program: Running, measure: str, seconds: float = 0.3) -> int:
    """The lowest value of a measure (a method of Running) over a moment in which nobody sends it anything."""
    values: list[int] = []

    def never() -> bool:
        values.append(getattr(program, measure)())
        return False

    program.eventually(never, seconds)
    return min(values)
