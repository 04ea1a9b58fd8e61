"""Lab 02: the echo server with a thread for each client."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from labkit import manners
from labkit.checking import (
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Client,
    Disconnected,
    Fault,
    Limits,
    Scene,
    Server,
    Shim,
    Silent,
    Talk,
    Tool,
    _,
    blame,
    end_and_inspect,
    exchange,
    expect,
    explain_hang,
    inspected,
    judge,
    require,
    screened,
    seeded,
    step,
)

SERVER = "echo_server"
MIB = 1 << 20
LINE = re.compile(
    r"server started|listening on \S+:\d+|server stopped|client \S+:\d+ (connected|disconnected)"
    r"|received \d+ bytes from \S+:\d+|sent \d+ bytes to \S+:\d+"
)


def token(index: int, size: int = 200) -> bytes:
    """What client `index` sends: lines that begin with a word of its own."""
    word = b"client-%08d:" % index
    return b"".join(word + b"%07d\n" % i for i in range(size // 24 + 1))


def talk(
    server: Server,
    clients: Sequence[Client],
    payload: Callable[[int], bytes] = token,
    seconds: float = 5.0,
) -> list[Talk]:
    """All clients have their payloads echoed at the same time."""
    return exchange(clients, payload, server.program.deadline(seconds))


# -- step 1: Two at once -----------------------------------------------------------------------------------


@step(1)
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    manners.compiles_cleanly(scene, SERVER)


@step(1)
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with its real address and port."""
    manners.says_where_it_listens(scene, SERVER)
    manners.listens_where_told(scene, SERVER)
    manners.reports_busy_port(scene, SERVER)


@step(1)
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    manners.refuses(scene, SERVER, manners.wrong_ports() + manners.wrong_in_general())
    manners.shows_usage(scene, SERVER)


@step(1)
def test_two_at_once(scene: Scene) -> None:
    """While one client is silent in the middle of a line, another is served."""
    server = scene.server(SERVER)
    with manners.survives(server, "ended-early"):
        served_at_all(scene, server)
        fault = alone(server) and alone(server, look=True)  # what is seen twice is no chance
    if fault:
        raise fault


def served_at_all(scene: Scene, server: Server) -> None:
    """The very first client must be served; if not, its thread may have been given something else."""
    before = server.program.threads()
    client = server.connect()
    client.send(b"half a li")
    try:
        client.expect(b"half a li", 2.0)
    except Silent as fault:
        if not fault.got and server.program.threads() <= before:
            found = seen_in_a_burst(scene)
            fault.cause = "shared-argument" if found else "lost-client"
            fault.details = found.details if found and found.cause == "shared-argument" else ""
        raise
    client.close()
    manners.settled(server.program, "threads", before)


def alone(server: Server, look: bool = False) -> Fault | None:
    """Whether a client gets no answer while another is silent, but gets it as soon as that one has left.

    look: the fault shows where the threads wait at that moment, not when all is over.
    """
    before = server.program.threads()
    silent = server.connect()
    silent.send(b"half a li")
    silent.expect(b"half a li")
    other = server.connect()
    other.send(b"hello\n")
    try:
        other.expect(b"hello\n", 0.7)
    except Silent as fault:
        if look:
            explain_hang(server.program, fault)
        cause = "one-at-a-time" if server.program.threads() < before + 2 else "lock-held"
        silent.close()
        other.expect(b"hello\n")
        other.close()
        manners.settled(server.program, "threads", before)
        return Fault(fault.what, fault.expected, fault.got, cause, fault.details)
    silent.send(b"ne\n")
    try:
        silent.expect(b"ne\n", 2.0)
    except Silent as fault:
        with suppress(Fault):
            other.receive(1, other.patience(0.2))
            fault.cause = "mixed-clients"
            fault.what = _("what {client} sent came back to {other}").format(
                client=silent.name, other=other.name
            )
        raise
    silent.close()
    other.close()
    return None


def arrivals(server: Server, count: int) -> list[Client]:
    """Clients that stay, each of them served before the next one comes."""
    clients: list[Client] = []
    for index in range(count):
        clients.append(server.connect())
        deadline = server.program.deadline(5.0)
        judge(exchange(clients[-1:], lambda _i: token(index), deadline), cause="one-at-a-time")
    return clients


@step(1)
def test_one_more_thread_for_each_client(scene: Scene) -> None:
    """Each client has a thread of its own, neither a process nor a share of one loop."""
    server = scene.server(SERVER)
    arrivals(server, 2)
    before = server.program.threads()
    arrivals(server, 4)
    server.program.eventually(lambda: server.program.threads() == before + 4, 2.0)
    expect(
        4,
        server.program.threads() - before,
        _("threads that four more clients brought"),
        "no-thread-per-client",
    )


@step(1)
def test_says_who_comes_and_goes(scene: Scene) -> None:
    """`connected` and `disconnected` are printed for each client; `received` and `sent` only with -v."""
    short = Shim(
        seed=scene.seed, percent=0, short=64
    )  # -v counts what went, not what was asked for
    for options in ((), ("-v",), ("-a", "::1")):
        server = scene.server(SERVER, *options, shim=short if "-v" in options else None)
        clients = arrivals(server, 3)
        for client in clients:
            client.close()
        for index, client in enumerate(clients):
            says_all(server, client, len(token(index)), "-v" in options)


def says_all(server: Server, client: Client, size: int, verbose: bool) -> None:
    """The lines about one client: connected first, disconnected last, and with -v true sums between."""
    first, last = f"client {client.address} connected", f"client {client.address} disconnected"
    server.program.eventually(lambda: last in server.program.stdout.lines(), 3.0)
    said = server.program.stdout.lines()
    lines = [line for line in said if client.address in line]
    require(
        lines[:1] == [first] and lines[-1:] == [last] and (verbose or len(lines) == 2),
        _("the lines about a client begin with `connected` and end with `disconnected`"),
        expected=f"{first}\n{last}" if not verbose else f"{first}\n…\n{last}",
        got="\n".join(said[2:]),
        cause=why_not_said(said, lines, first, last),
    )
    for verb, preposition in (("received", "from"), ("sent", "to")) if verbose else ():
        pattern = rf"{verb} (\d+) bytes {preposition} {re.escape(client.address)}"
        counts = [int(m[1]) for line in lines if (m := re.fullmatch(pattern, line))]
        require(
            counts,
            _("with -v a line says how many bytes were {verb}").format(verb=verb),
            expected=f"{verb} N bytes {preposition} {client.address}",
            got="\n".join(lines),
            cause="missing-message",
        )
        expect(size, sum(counts), _("the sum of bytes {verb}").format(verb=verb), "wrong-count")


def bare(line: str) -> str:
    """The name in a line about an IPv6 client, without its brackets."""
    return line.split()[1].replace("[", "").replace("]", "")


def why_not_said(said: Sequence[str], lines: Sequence[str], first: str, last: str) -> str:
    """What the lines about one client, among all that was said, show: one lacks, is another's, or is too many."""
    if first in lines and last in lines:
        return "extra-message" if len(lines) > 2 else "wrong-message"
    events = [line for line in said if line.endswith("connected")]
    if any(line not in (first, last) and line.split()[1:2] == [bare(first)] for line in events):
        return "wrong-message"
    return "missing-message" if len(set(events)) == len(events) else "mixed-names"


# -- step 2: Each thread its own client --------------------------------------------------------------------


@step(2)
def test_300_in_one_burst(scene: Scene) -> None:
    """300 clients that connect at the same moment each get their own bytes back, and nobody else's."""
    server = scene.server(SERVER)
    with explained(scene, server):
        clients = server.crowd(300)
        for _round in range(3):
            judge(talk(server, clients), cause="lost-client")


@contextmanager
def explained(scene: Scene, server: Server) -> Iterator[None]:
    """Where clients of a burst are lost or mixed up inside, ThreadSanitizer may see why in a burst of its own."""
    try:
        with manners.survives(server, "ended-early"):
            yield
    except Fault as fault:
        fault.about = server.program
        found = seen_in_a_burst(scene)
        if found:
            fault.details = found.details
            fault.cause = fault.cause if fault.cause == "mixed-clients" else found.cause
        raise


@contextmanager
def crash_explained(scene: Scene, server: Server) -> Iterator[None]:
    """What resets do to the server; ThreadSanitizer may see why it crashes of them."""
    try:
        with manners.survives(server, "fatal-client"):
            yield
    except Fault as fault:
        found = seen_in_a_burst(scene, leave=True) if fault.cause == "crash" else None
        if found:
            fault.cause, fault.details, fault.about = found.cause, found.details, server.program
        raise


def seen_in_a_burst(scene: Scene, leave: bool = False) -> Fault | None:
    """What ThreadSanitizer finds where some clients come at once and say something, and, if asked, leave."""
    server = scene.server(SERVER, tool=UNDER_TSAN, shim=Shim(seed=scene.seed) if leave else Shim())
    with suppress(Fault):
        clients = server.crowd(40, [_("watched client")] * 40)
        talk(server, clients, seconds=2.0)
        for client in clients if leave else ():
            client.close()
        manners.settled(server.program, "threads", 2 if leave else 100, 1.0)
    try:
        end_and_inspect(server.program)
    except Fault as found:
        return found
    return None


@step(2)
def test_a_burst_with_perturbed_schedules(scene: Scene) -> None:
    """The same holds when threads start late and are interrupted at the worst moments."""
    for shim in seeded(scene.seed, 3):
        server = scene.server(SERVER, shim=shim)
        with owners(server), explained(scene, server):
            for _wave in range(3):
                clients = server.crowd(60)
                judge(talk(server, clients), cause="lost-client")
                for client in clients:
                    client.close()


@contextmanager
def owners(server: Server) -> Iterator[None]:
    """Inside, no descriptor may be used after it was closed; where one was, that is why a client is lost."""
    try:
        yield
    except Fault:
        stale_free(server)
        raise
    stale_free(server)


def stale_free(server: Server) -> None:
    """The server must not have used a descriptor after it closed it."""
    stats = server.program.stats()
    expect(
        0,
        stats.stale_uses,
        _("calls on a descriptor that the program had closed before (EBADF)"),
        "closed-twice",
    )


@step(2)
def test_every_byte_comes_back(scene: Scene) -> None:
    """Binary data, large messages and short reads and writes: every byte in its place, for all at once."""
    every = bytes(range(1, 128)) + b"\0" + bytes(range(128, 256))
    server = scene.server(SERVER)
    judge(talk(server, server.crowd(4), lambda i: token(i, 2 * MIB), 20.0), cause="no-answer")
    binary = server.connect()
    binary.send(every)
    binary.expect(every)
    binary.finish_sending()
    with blame("does-not-close", only=Silent):
        binary.expect_end()
    short = scene.server(SERVER, shim=Shim(seed=scene.seed, percent=0, short=100))
    for one in talk(short, short.crowd(4), lambda i: token(i, 20_000)):
        require(
            one.right,
            _("with short reads and writes, bytes are lost"),
            expected=one.payload,
            got=bytes(one.got),
            cause="short-write",
        )


@step(2)
def test_lines_are_whole(scene: Scene) -> None:
    """Every line on stdout is whole, though many threads print at once."""
    shim = Shim(seed=scene.seed, percent=5, max_us=1000, short=16)  # so that there are many lines
    server = scene.server(SERVER, "-v", shim=shim)
    clients = server.crowd(50)
    for _round in range(3):
        judge(talk(server, clients), cause="lost-client")
    for client in clients:
        client.close()
    gone = {f"client {client.address} disconnected" for client in clients}
    server.program.eventually(lambda: gone <= set(server.program.stdout.lines()), 3.0)
    torn = [line for line in server.program.stdout.lines() if not LINE.fullmatch(line)]
    require(
        not torn,
        _("{n} lines are not whole").format(n=len(torn)),
        expected=_("one event a line, as in the handout"),
        got="\n".join(torn[:20]),
        cause="torn-line",
    )


# -- step 3: Many ------------------------------------------------------------------------------------------


@step(3)
def test_a_thousand_at_once(scene: Scene) -> None:
    """1,000 clients are connected at the same time, and all of them are served, more than once."""
    server = scene.server(SERVER)
    clients = server.crowd(1000)
    for _round in range(2):
        judge(talk(server, clients, seconds=20.0), cause="lost-client")


# -- step 4: Give everything back --------------------------------------------------------------------------

WAVES, WAVE = 150, 20
MOST_GROWTH = 6 * MIB


@step(4)
def test_no_memory_is_lost(scene: Scene) -> None:
    """LeakSanitizer and AddressSanitizer find nothing, whatever way the clients left."""
    for short in (
        0,
        manners.SHORT,
    ):  # whole portions, and clients who leave while they are written to
        shim = Shim(seed=scene.seed, short=short)
        loses_no_memory(
            scene.server(SERVER, "-v", tool=UNDER_ASAN, shim=shim), unread=3 if short else 0
        )


def loses_no_memory(server: Server, unread: int) -> None:
    """Clients come and leave in all ways, `unread` of them in each wave without reading; then it is stopped."""
    try:
        judge(talk(server, server.crowd(1), lambda i: token(i, 100_000)))
        for number in range(5):
            wave(server, number)
            if unread:
                manners.leave_unread(server, unread)
    except Silent:
        pass  # it hangs: the next check says more about that
    except Fault:  # it may be ending, and the tool will have said why
        server.program.wait(server.program.deadline(2.0))
    else:
        manners.settled(server.program, "threads", 2, 1.0)
        with suppress(Fault):
            manners.ask_to_stop(server.program)
            server.program.wait(server.program.deadline(1.0))
    end_and_inspect(server.program)


@step(4)
def test_gives_everything_back(scene: Scene) -> None:
    """After 3,000 connections threads, descriptors and memory are back where they were after the first."""
    server = scene.server(SERVER, shim=Shim(short=manners.SHORT))
    program = server.program
    for _round in range(2):
        wave(server)
    manners.leave_unread(server)
    threads = manners.lowest(program, "threads")
    descriptors = manners.lowest(program, "descriptors")
    resident = program.resident()
    with owners(server):
        for number in range(WAVES):
            wave(server, number)
            if number % 10 == 0:
                manners.leave_unread(server, 3)
    left = manners.settled(program, "threads", threads)
    if left > threads:
        raise Silent(
            _("threads outlive their clients"),
            expected=_("threads, as at first: {n}").format(n=threads),
            got=_("threads after all clients left: {n}").format(n=left),
            cause="thread-stays",
        )
    left = manners.settled(program, "descriptors", descriptors)
    expect(
        descriptors,
        max(left, descriptors),
        _("descriptors after all clients left"),
        "descriptor-leak",
    )
    stats = program.stats()
    unclaimed = stats.created - stats.joined - stats.detached - stats.alive
    grown = manners.settled(program, "resident", resident + MOST_GROWTH) - resident
    require(
        grown <= MOST_GROWTH,
        _("resident memory grew by {kib} KiB over {n} connections").format(
            kib=grown // 1024, n=WAVES * WAVE
        ),
        expected=_("at most {kib} KiB").format(kib=MOST_GROWTH // 1024),
        got=_("{kib} KiB; threads ended, but neither joined nor detached: {n}").format(
            kib=grown // 1024, n=unclaimed
        ),
        cause="thread-leak" if unclaimed > 100 else "memory-leak",
    )


def wave(server: Server, number: int = 0) -> None:
    """Some clients come, are served and leave, a few of them with a reset."""
    with manners.survives(server, "fatal-client"):
        clients = server.crowd(WAVE)
        judge(talk(server, clients, lambda i: b"%016d" % i), cause="lost-client")
    for index, client in enumerate(clients):
        client.reset() if (index + number) % 7 == 0 else client.close()


# -- step 5: Survive ---------------------------------------------------------------------------------------


def still_serves(server: Server, what: str, cause: str) -> Client:
    """A new client, which is returned, must be served now, though `what` has happened."""
    try:
        client = server.connect()
        client.send(b"still there?\n")
        client.expect(b"still there?\n")
        client.close()
        return client
    except Fault as fault:
        fault.cause = cause
        fault.what = _("after {what}: {why}").format(what=what, why=fault.what)
        raise


@step(5)
def test_resets(scene: Scene) -> None:
    """Clients that reset their connections at any moment harm nobody else."""
    server = scene.server(SERVER, shim=Shim(seed=scene.seed))
    with crash_explained(scene, server), owners(server), blame("fatal-client"):
        witness = server.connect("witness")
        for _round in range(3):
            resets(server)
            witness.send(b"me?\n")
            witness.expect(b"me?\n")
        still_serves(server, _("many resets"), "fatal-client")


@step(5)
def test_says_who_was_reset(scene: Scene) -> None:
    """Clients that reset their connections, or are gone while they are written to, are named truly, and said
    to be disconnected."""
    server = scene.server(SERVER, "-v", shim=Shim(seed=scene.seed, short=manners.SHORT))
    with manners.survives(server, "fatal-client"):
        early = manners.gone_before_accept(server, 5)
        reset = resets(server)
        broken = manners.leave_unread(server, 3)
        last = still_serves(server, _("many resets"), "fatal-client")
    paired_messages(server)
    none = [line for line in server.program.stdout.lines() if re.match(r"\w+ -\d+ bytes", line)]
    expect(
        "",
        "\n".join(none[:10]),
        _("a call that failed has moved no bytes, and there is nothing to say of it"),
        "wrong-count",
    )
    manners.names_are_true(server, [*early, *reset, *broken, last])


def resets(server: Server) -> list[Client]:
    """Clients reset their connections: at once, after they have sent something, after they were answered.

    Returns them.
    """
    clients = server.crowd(30)
    for client in clients[:10]:
        client.reset()
    for client in clients[10:]:
        client.send(b"hello\n")
    for client in clients[10:20]:
        client.reset()
    for client in clients[20:]:
        client.expect(b"hello\n")
        client.reset()
    return clients


@step(5)
def test_a_broken_pipe(scene: Scene) -> None:
    """Writing to a client that is gone ends neither the server nor anybody else's connection."""
    server = manners.broken_pipe(scene, SERVER)
    with manners.survives(server, "fatal-client"):
        still_serves(server, _("a client that did not wait for its answer"), "fatal-client")


@step(5)
def test_half_closes(scene: Scene) -> None:
    """A client that half-closes gets the rest of its bytes, and then the connection is closed."""
    server = scene.server(SERVER)
    for _round in range(3):
        with manners.held(server.program):  # so that bytes and half close are there at once
            client = server.connect()
            client.send(token(1, 30_000))
            client.finish_sending()
        with blame("does-not-close", only=Silent), blame("closes-early", only=Disconnected):
            client.expect(token(1, 30_000))
            client.expect_end()
        client.close()


@step(5)
def test_a_client_that_never_reads(scene: Scene) -> None:
    """A client that sends and never reads delays nobody else."""
    server = scene.server(SERVER, "-v", network="narrow")
    hog, other = server.connect("hog"), server.connect("other")
    hog.push(token(0, MIB))
    for _round in range(5):
        other.send(b"hello\n")
        with blame("lock-held", only=Silent):
            try:
                other.expect(b"hello\n")
            except Silent as fault:
                fault.cause = "lock-held"
                raise
        hog.push(token(0, MIB))
    hog.reset()
    with manners.survives(server, "fatal-client"):
        still_serves(server, _("a client that never read"), "lock-held")


@step(5)
def test_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on with all its clients."""
    server = scene.server(SERVER)
    clients = server.crowd(5)
    judge(talk(server, clients), cause="lost-client")
    manners.stopped_and_continued(server)
    with manners.survives(server, "interrupted-call"):
        judge(talk(server, clients), cause="interrupted-call")
        still_serves(server, _("Ctrl-Z and fg"), "interrupted-call")


FEW_DESCRIPTORS, MANY = 64, 100


@step(5)
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once, burns no CPU and loses no client; who waits is served
    as soon as another leaves."""
    server = scene.server(SERVER, limits=Limits(files=FEW_DESCRIPTORS))
    with manners.survives(server, "accept-error-fatal"):
        runs_short(server)


def runs_short(server: Server) -> None:
    """More clients come than there are descriptors; some leave, then all."""
    talks = answered(server, server.crowd(MANY, some=True))
    inside = [one.client for one in talks if one.done]
    outside = [one for one in talks if not one.done]
    lost = [one for one in outside if one.error and not one.client.sock_open()]
    require(
        not lost and len(inside) >= 20,
        _("{n} clients are served, {m} were thrown out").format(n=len(inside), m=len(lost)),
        expected=_("who has a descriptor is served, the others wait"),
        got=lost[0].error if lost else _("too few are served"),
        cause="lost-client",
    )
    manners.calm_while_short(server.program)
    came: list[Talk] = []
    for leaving in (inside[:5], inside[5:10]):  # the second right after a try to accept
        for client in leaving:
            client.close()
        came += manners.let_talks_in(server, [one for one in outside if one not in came])
    with blame("lost-client"):
        for client in inside[10:]:
            client.send(b"me?\n")
            client.expect(b"me?\n")
            client.close()
    for one in came:
        one.client.close()
    rest = [one for one in outside if one not in came]
    for one in rest:
        with blame("lost-client"):
            expect(
                one.payload,
                one.client.receive(len(one.payload)),
                _("who waited is served"),
                "lost-client",
            )
        one.client.close()


def answered(server: Server, clients: Sequence[Client]) -> list[Talk]:
    """All say something; returns when nobody has been answered for a moment."""
    deadline = server.program.deadline(0.7)
    return exchange(clients, lambda i: b"token-%010d" % i, deadline)


MOST_THREADS = 20


@step(5)
def test_out_of_threads(scene: Scene) -> None:
    """Where no thread can be started, that one client is closed, with a message, and all others go on."""
    server = scene.server(SERVER, shim=Shim(most_threads=MOST_THREADS))
    with manners.survives(server, "thread-failure"), blame("thread-failure"):
        runs_out_of_threads(server)
    paired_messages(server)


def runs_out_of_threads(server: Server) -> None:
    """More clients come than threads can be had; then all leave, and others come."""
    talks = talk(server, server.crowd(2 * MOST_THREADS), seconds=2.0)
    inside = [one.client for one in talks if one.right]
    hanging = [one for one in talks if not one.done and one.client.sock_open()]
    if len(inside) < MOST_THREADS // 2 or hanging:
        raise Silent(
            _("with {n} threads to be had, {m} clients are served and {k} wait for nothing").format(
                n=MOST_THREADS, m=len(inside), k=len(hanging)
            ),
            expected=_("a client for whom there is no thread is closed"),
            got=hanging[0].client.name if hanging else "",
            cause="thread-failure",
        )
    require(
        server.program.eventually(lambda: bool(server.program.stderr.text()), 2.0),
        _("a client was closed because there was no thread, and nobody said so"),
        expected=_("a message on stderr"),
        got=_("nothing"),
        cause="thread-failure",
    )
    for client in inside:
        client.send(b"me?\n")
        client.expect(b"me?\n")
        client.close()
    server.program.eventually(lambda: server.program.stats().alive < MOST_THREADS, 3.0)
    for _round in range(2 * MOST_THREADS):
        still_serves(server, _("a shortage of threads"), "thread-failure")


@step(5)
def test_a_refused_client_costs_nothing(scene: Scene) -> None:
    """What a client was given before there was no thread for it is given back: its descriptor, its memory."""
    server = scene.server(SERVER, tool=UNDER_ASAN, shim=Shim(most_threads=4))
    program = server.program
    with manners.survives(server, "thread-failure"):
        still_serves(server, _("the start"), "lost-client")
        before = manners.lowest(program, "descriptors")
        clients = server.crowd(12)
        program.eventually(lambda: bool(program.stderr.text()), 3.0)
        for client in clients:
            client.close()
    left = manners.settled(program, "descriptors", before)
    expect(before, max(left, before), _("descriptors after all clients left"), "descriptor-leak")
    with suppress(Fault):  # how it stops is judged in step 6
        server.stop(signal.SIGTERM, 2.0)
    end_and_inspect(program)


def comings_and_goings(server: Server) -> dict[str, list[str]]:
    """`client ADDR:PORT` -> the events said of it, in order; a port may be another client's later."""
    found: dict[str, list[str]] = {}
    for line in server.program.stdout.lines():
        who, _space, event = line.rpartition(" ")
        if event in ("connected", "disconnected"):
            found.setdefault(who, []).append(event)
    return found


def paired_messages(server: Server, cause: str = "missing-message") -> None:
    """`connected` is said only of clients of whom `disconnected` is said as well, and said before it."""

    def unpaired() -> list[str]:
        said = comings_and_goings(server).items()
        return [who for who, all_ in said if all_.count("connected") > all_.count("disconnected")]

    server.program.eventually(lambda: not unpaired(), 3.0)
    expect([], unpaired(), _("clients that connected and never disconnected"), cause)
    for who, events in comings_and_goings(server).items():
        if events[0] == "disconnected":
            expect(
                f"{who} connected\n{who} disconnected",
                "\n".join(f"{who} {event}" for event in events),
                _("the lines about a client begin with `connected` and end with `disconnected`"),
                "wrong-moment",
            )


# -- step 6: Stop ------------------------------------------------------------------------------------------


@step(6)
def test_stops_with_50_clients(scene: Scene) -> None:
    """SIGTERM with 50 clients connected: all are closed and reported, exit 0 within a second."""
    server = scene.server(SERVER)
    clients = server.crowd(50)
    judge(talk(server, clients), cause="lost-client")
    manners.stops(server, clients, signal.SIGTERM, unsaid="not-awaited")
    manners.binds_again(scene, server)


@step(6)
def test_stops_without_a_client(scene: Scene) -> None:
    """SIGINT and SIGTERM stop a server that has no client, or never had one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        idle = manners.idle(scene.server(SERVER))
        manners.stops(idle, [], number, unsaid="not-awaited")
        server = scene.server(SERVER)
        wave(server)
        manners.stops(server, [], number, unsaid="not-awaited")


@step(6)
def test_stops_in_a_shortage(scene: Scene) -> None:
    """A server that has run out of descriptors, or of threads, can be stopped like any other."""
    few = scene.server(SERVER, limits=Limits(files=FEW_DESCRIPTORS))
    stops_in_a_shortage(few, signal.SIGTERM)
    stops_in_a_shortage(scene.server(SERVER, shim=Shim(most_threads=MOST_THREADS)), signal.SIGINT)


def stops_in_a_shortage(server: Server, number: signal.Signals) -> None:
    """More clients come than can be served; then the server is stopped."""
    clients = server.crowd(MANY, some=True)
    server.program.eventually(lambda: bool(server.program.stderr.text()), 3.0)
    manners.stops(server, [], number, unsaid="not-awaited")
    paired_messages(server, "not-awaited")
    for client in clients:
        client.close()


STOPS = 12


@step(6)
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same, whoever is quicker at the
    end: the last client's thread or the main thread."""
    manners.hears_every_signal(scene, SERVER, "lost-signal")
    servers = [
        scene.server(SERVER, shim=replace(shim, percent=100)) for shim in seeded(scene.seed, STOPS)
    ]
    for server in servers:
        client = server.connect()
        client.send(b"x\n")
        client.expect(b"x\n")
        manners.ask_to_stop(server.program)
    for server in servers:
        manners.must_stop(server.program, "lost-signal")


@step(6)
def test_stops_while_clients_are_busy(scene: Scene) -> None:
    """Clients that never read, or are in the middle of something, do not keep the server from stopping."""
    for shim in seeded(scene.seed, 3):
        server = scene.server(SERVER, shim=shim, network="narrow")
        clients = server.crowd(10)
        judge(talk(server, clients), cause="lost-client")
        for client in clients[:5]:
            client.push(token(0, MIB))
        manners.stops(server, clients, signal.SIGINT, unsaid="not-awaited")
        stale_free(server)


@step(6)
def test_stops_while_clients_come(scene: Scene) -> None:
    """A stop while clients come and go ends the server all the same, also where a thread starts late."""
    servers = []
    for shim in seeded(scene.seed, 4):
        server = scene.server(SERVER, shim=shim)
        clients = server.crowd(20)
        for client in clients[:10]:
            client.send(b"x")
            client.reset()
        manners.ask_to_stop(server.program)
        servers.append(server)
    slow = manners.slowed(Shim(max_us=100_000), scene)
    for shim in manners.forced(slow, scene.seed, 4, late=1):
        server = scene.server(SERVER, shim=shim)
        server.connect()
        server.program.eventually(lambda: server.program.stats().created > 0, 2.0)
        manners.ask_to_stop(server.program)
        servers.append(server)
    for server in servers:
        manners.must_stop(server.program)
        stale_free(server)
        paired_messages(server, "not-awaited")
        expect(
            "server stopped",
            "".join(server.program.stdout.lines()[-1:]),
            _("the last line must be `server stopped`"),
            "not-awaited",
        )


# -- step 7: No races --------------------------------------------------------------------------------------


def drive(server: Server, size: int) -> None:
    """Steps 1 to 6, smaller: silent clients, bursts, resets, half closes, broken pipes, one that never reads."""
    silent = server.connect("silent client")
    silent.send(b"half a li")
    silent.expect(b"half a li")
    for round_ in range(2):
        clients = server.crowd(size)
        for _again in range(2):
            judge(talk(server, clients, seconds=4.0), cause="lost-client")
        for index, client in enumerate(clients):
            if index % 3 == 0:
                client.reset()
            elif index % 3 == 1:
                client.finish_sending()
                client.expect_end()
                client.close()
            else:
                client.close()
    manners.leave_unread(server, 3)
    hog = server.connect("hog")
    hog.push(token(0, MIB // 2))
    staying = server.crowd(5)
    judge(talk(server, staying), cause="lost-client")
    leaving = server.crowd(5)
    for client in leaving:
        client.close()


def watched(
    scene: Scene, tool: Tool, shim: Shim, size: int, number: signal.Signals = signal.SIGTERM
) -> None:
    """Drive the server under a tool, stop it, and look at what the tool found."""
    shim = replace(shim, short=manners.SHORT)
    server = scene.server(SERVER, "-v", tool=tool, shim=shim, network="narrow")
    with inspected(server.program):
        drive(server, size)
        manners.stop_under_tool(server, number)


@step(7)
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    program = scene.start(SERVER, "-h")
    program.run_to_end(3.0)
    screened(program)


@step(7)
def test_thread_sanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds no data race, no lock taken in two orders and no thread left behind."""
    one, two = seeded(scene.seed, 2)
    for shim, number in (Shim(), signal.SIGINT), (one, signal.SIGTERM), (two, signal.SIGINT):
        watched(scene, UNDER_TSAN, shim, 20, number)


@step(7)
def test_helgrind(scene: Scene) -> None:
    """Helgrind finds no misuse of a lock: none left locked, none unlocked twice, no order turned round."""
    watched(scene, UNDER_HELGRIND, Shim(), 10)
