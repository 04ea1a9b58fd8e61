"""Lab 06, step 1: Two threads."""

from __future__ import annotations

import re

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.console import COMMANDS, EVENT, enter
from checks.lab_06_control_server.holdups import (
    BURSTS,
    hold_up,
    in_portions,
    times_of_status,
    type_oddly,
)
from checks.lab_06_control_server.shared import (
    SERVER,
    STRANGER,
    at_once,
    crowd,
    ends,
    logs_in,
    prompted,
    say,
    stranger,
    told,
    why_it_stays,
)
from labkit.scene import starting, unserved, usage
from labkit.scene.checking import Fault, Scene, Shim, Silent, _, blame, calm, expect, require, step
from labkit.wire.terminal import shown


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    starting.compiles_cleanly(scene, SERVER)


@step(1, "first-lines", "address", "busy-port")
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with its real address and port."""
    scene.stdin = "pipe"
    starting.says_where_it_listens(scene, SERVER)
    starting.listens_where_told(scene, SERVER)
    starting.reports_busy_port(scene, SERVER)


@step(1, "arguments", "usage", "address")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    scene.stdin = "pipe"
    cases = usage.wrong_ports() + usage.wrong_in_general() + usage.wrong_addresses()
    cases += [["-c", text, "-p", "0"] for text in ("0", "12", "5x", "")]
    usage.refuses(scene, SERVER, cases)
    for option in ("-u", "-l", "-c"):
        usage.shows_usage(scene, SERVER, option)


@step(1, "both-at-once", "status")
def test_clients_while_the_keyboard_waits(scene: Scene) -> None:
    """Clients are served while nobody types, and while somebody is in the middle of a command."""
    console = consoles.start(scene)
    guest = console.server.connect("guest")
    try:
        guest.send(b"SAY anything\n")
        guest.expect(STRANGER, 1.0)  # a server that serves nobody fails here, at once
        (alice,) = enter(console, "alice")
        console.program.type(b"sta")
        say(alice)
        (bob,) = enter(console, "bob")
        console.program.type(b"tus\n")
        say(bob)
    except Silent as fault:
        fault.cause = "clients-wait"
        raise
    found = console.answer(0, b"status")
    expect("3", found[2], _("the clients that `status` counts"), "wrong-status")


@step(1, "both-at-once", "ten-ms")
def test_commands_while_clients_wait(scene: Scene) -> None:
    """Commands are answered whatever clients do: one is silent in the middle of a line, one never reads."""
    console = consoles.start(scene, network="narrow")
    at_once(console)
    silent, hog, alice = enter(console, "silent", "hog", "alice")
    silent.send(b"SAY half a li")
    hog.push((b"SAY " + b"y" * 1000 + b"\n") * 500, 0.2)  # until all that lies between is full
    for _round in range(3):
        at_once(console)
        with blame("lock-held", only=Silent):
            say(alice)
    silent.send(b"ne\n")
    silent.expect(b"ECHO half a line\n")


@step(1, "silent")
def test_silent_clients_hold_up_nobody(scene: Scene) -> None:
    """Clients that have said nothing at all, or half a line, before a login or after, keep nobody from being served."""
    console = consoles.start(scene)
    silent = console.server.connect("silent")
    half = console.server.connect("half a line")
    half.send(b"REGISTER half pa")
    with unserved.held_up_by(console.server, [silent, half]):
        stranger(console, "no-answer")
        (alice,) = enter(console, "alice")
        alice.send(b"SAY half a li")
        (bob,) = enter(console, "bob")
        say(bob)
        stranger(console, "no-answer")
    at_once(console)
    half.send(b"ss\n")
    half.expect(b"OK welcome half\n")
    alice.send(b"ne\n")
    alice.expect(b"ECHO half a line\n")


@step(1, "sleeps")
def test_sleeps_when_idle(scene: Scene) -> None:
    """No thread works while nothing happens: while nobody types, and clients are silent or do not read."""
    console = consoles.start(scene, network="narrow")
    alice, hog, gone = enter(console, "alice", "hog", "gone")
    gone.reset()
    alice.send(b"SAY half a li")
    console.server.connect("silent")
    console.status()
    calm.must_sleep(console.program, _("clients are connected and silent"), "spins-idle")
    hog.push((b"SAY " + b"y" * 1000 + b"\n") * 300, 0.2)
    console.program.type(b"sta")
    calm.must_sleep(
        console.program, _("a client does not read, half a command is typed"), "spins-idle"
    )


@step(1, "prompt")
def test_no_prompt_in_a_pipe(scene: Scene) -> None:
    """Where stdin is no terminal nobody is prompted: an answer is all that a command brings."""
    console = consoles.start(scene)
    console.status()  # now all has been said that is said at the start
    before = console.type(*[b"clear users"] * 3, b"clear logs")
    console.program.stdout.wait_for("logs cleared", console.program.deadline(5.0))
    lines = [one for one in console.printed(before).splitlines() if not EVENT.fullmatch(one)]
    wanted = ["users cleared"] * 3 + ["logs cleared"]
    odd = [one for one in lines if one not in wanted and one.endswith(tuple(wanted))]
    expect([], odd, _("answers with something before them"), "prompt-in-pipe")
    expect(wanted, lines, _("the answers to four commands"), "no-command-answer")


@step(1, "any-byte", "unknown")
def test_any_byte_at_the_console(scene: Scene) -> None:
    """Any byte may be typed, 0xFF and NUL too: what is no command is said to be none, and the next one is answered."""
    console = consoles.start(scene)
    console.ask(b"status")  # where that has the wrong answer, no byte is to blame
    for number, typed in enumerate((b"\xff", b"st\xffatus", b"\x80\xfe\xff", b"\0", b"x\0y"), 1):
        type_oddly(console, typed)
        require(
            b"\0" in typed
            or console.program.eventually(
                lambda: console.program.stderr.text().count("unknown command") >= number, 2.0
            ),
            _("what is typed is no command, and nobody says so"),
            expected="unknown command: …, try help",
            got=console.program.stderr.text() or _("nothing"),
            cause="command-not-known",
        )


@step(1, "protocol")
def test_answers_to_clients(scene: Scene) -> None:
    """REGISTER, LOGIN, SAY and QUIT are answered word by word, and so is each mistake; nobody is greeted."""
    console = consoles.start(scene)
    alice = console.server.connect("alice")
    for command, answer in (
        (b"SAY hello", b"ERR login-first"),
        (b"REGISTER alice secret", b"OK welcome alice"),
        (b"SAY hello", b"ECHO hello"),
        (b"say  two  spaces ", b"ECHO  two  spaces "),
        ("SAY привет".encode(), "ECHO привет".encode()),
        (b"SAY", b"ERR empty"),
        (b"SAY tab\there", b"ERR bad-text"),
        (b"SAY nul\0here", b"ERR bad-text"),
        (b"LOGIN alice secret", b"ERR already-online"),
        (b"REGISTER bob secret", b"ERR already-online"),
        (b"WHO", b"ERR unknown-command"),
        (b"HISTORY 5", b"ERR unknown-command"),
        (b"RESUME 00112233445566778899aabbccddeeff", b"ERR unknown-command"),
        (b"", b"ERR unknown-command"),
        (b"SAY with CR LF\r", b"ECHO with CR LF"),
        (b"SAY " + b"x" * 1020, b"ECHO " + b"x" * 1020),
        (b"SAY " + b"x" * 1021, b"ERR too-long"),
        (b"x" * 100_000, b"ERR too-long"),
        (b"quit", b"OK bye"),
    ):
        told(alice, command, answer)
    with blame("does-not-close", only=Silent):
        alice.expect_end()


@step(1, "names", "protocol")
def test_names_and_passwords(scene: Scene) -> None:
    """A name has one user with one password; what cannot be one is refused, and a refusal says just `ERR denied`."""
    console = consoles.start(scene)
    alice, bob = enter(console, "alice", "bob")
    other = console.server.connect("other")
    for command, answer in (
        (b"REGISTER alice other", b"ERR name-taken"),
        (b"REGISTER a:b secret", b"ERR bad-name"),
        (b"REGISTER " + b"n" * 33 + b" secret", b"ERR bad-name"),
        (b"REGISTER n\x01n secret", b"ERR bad-name"),
        (b"REGISTER n\xffn secret", b"ERR bad-name"),
        (b"REGISTER carol " + b"p" * 129, b"ERR bad-password"),
        (b"LOGIN alice pass-bob", b"ERR denied"),
        (b"LOGIN nobody secret", b"ERR denied"),
        (b"LOGIN alice pass-alice", b"ERR already-online"),
    ):
        told(other, command, answer)
    bob.close()
    logs_in(console, other, "bob")
    other.reset()
    logs_in(console, console.server.connect("another"), "bob")


@step(1, "protocol")
def test_lines_in_any_portions(scene: Scene) -> None:
    """A line may come in pieces, and several at once; answers are whole also where writes are short."""
    in_portions(consoles.start(scene))
    console = consoles.start(scene, shim=Shim(seed=scene.seed, percent=0, short=7))
    try:
        in_portions(console)
        say(enter(console, "bob")[0], b"x" * 1000)
    except Fault as fault:
        if fault.cause in ("incomplete-echo", "no-answer", "wrong-bytes", "lost-client"):
            fault.cause = "short-write"
        raise


@step(1, "ten-ms")
def test_commands_while_100_talk(scene: Scene) -> None:
    """While 100 clients talk, `status` is answered within 10 ms (times the machine's load)."""
    console = consoles.start(scene)
    clients = crowd(console, 100)
    took, allowed = times_of_status(console, clients)
    for _again in range(2):  # what a busy machine does to some bursts it does not do to all
        if took > allowed:
            took, allowed = times_of_status(console, clients)
    require(
        took <= allowed,
        _("`status` while 100 clients talk, the middle one of {n} times").format(n=BURSTS),
        expected=_("at most {ms:.0f} ms").format(ms=allowed * 1000),
        got=_("{ms:.1f} ms").format(ms=took * 1000),
        cause="command-waits",
    )


@step(1, "slow-hash")
def test_a_slow_hash_holds_up_nobody(scene: Scene) -> None:
    """While passwords are hashed, commands are answered and clients are served."""
    console = consoles.start(scene, "-c", "9")
    (alice,) = enter(console, "alice")
    for command, answer in (
        (b"LOGIN nobody secret\n", b"ERR denied\n"),
        (b"LOGIN alice wrong\n", b"ERR denied\n"),
        (b"REGISTER carol%d secret\n", b"OK welcome carol%d\n"),
    ):
        # A machine that gives the server no CPU for a moment holds it up once; a lock does so each time.
        for attempt in range(HASHES):
            number = (attempt,) if b"%d" in command else ()
            hashed, longest = hold_up(console, alice, command % number, answer % number)
            if longest < hashed * 0.6:
                break
        require(
            longest < hashed * 0.6,
            _("a password was hashed for {s:.2f} s meanwhile").format(s=hashed),
            expected=_("a client's echo and `status` at once"),
            got=_("both after {a:.2f} s").format(a=longest),
            cause="hash-under-lock",
        )


HASHES = 4  # of which one that holds up nobody is enough


ROUNDS = 100


@step(1, "together")
def test_answers_stand_together(scene: Scene) -> None:
    """The lines of an answer stand together, while clients come and go and are spoken of on stdout."""
    console = consoles.start(scene, shim=Shim(seed=scene.seed))
    before = console.type(*[b"status", b"logs 2"] * ROUNDS, b"clear logs")
    for _wave in range(6):
        for client in console.server.crowd(40):
            client.close()
    console.answer(before, b"clear logs", seconds=5.0)
    found = re.findall(rf"^{consoles.STATUS}$", console.printed(before), re.M)
    what = _("answers to `status` whose four lines stand together")
    expect(ROUNDS, len(found), what, "answer-interrupted")


@step(1, "help")
def test_help(scene: Scene) -> None:
    """`help` says a line about each command."""
    console = consoles.start(scene)
    lines = console.lines(b"help")
    for command in COMMANDS:
        require(
            any(re.match(rf"\W*{command}\b", one) for one in lines),
            _("`help` must have a line for each command"),
            expected="\n".join(COMMANDS),
            got="\n".join(lines),
            cause="wrong-help",
        )


@step(1, "unknown")
def test_unknown_commands(scene: Scene) -> None:
    """The server reports an unknown command on stderr; an empty line is nothing at all."""
    console = consoles.start(scene)
    unknown = ["stauts", "clear everything", "clear", "pauses"]
    typed = [b"", *(text.encode() for text in unknown), b"", b"status"]
    console.status()  # now all has been said that is said at the start
    before = console.type(*typed)
    console.answer(before, b"status")
    wanted = [f"unknown command: {text}, try help" for text in unknown]
    console.program.eventually(lambda: len(console.program.stderr.lines()) >= len(wanted), 2.0)
    # As an error it may begin with the program's name.
    got = [
        re.sub(r"^[^ :]+: (?=unknown command)", "", one) for one in console.program.stderr.lines()
    ]
    expect("\n".join(wanted), "\n".join(got), _("what stderr says"), "command-not-known")
    extra = [one for one in console.printed(before).splitlines() if not EVENT.fullmatch(one)]
    expect(
        3, len(extra), _("lines that answer `status`, the one known command"), "command-not-known"
    )


@step(1, "status")
def test_status(scene: Scene) -> None:
    """`status` says where the server listens, how many clients there are, how many users, how many lines of log."""
    console = consoles.start(scene)
    where = f"{console.server.host}:{console.server.port}"
    expect(where, console.status().where, _("where it listens"), "wrong-status")
    alice, bob = enter(console, "alice", "bob")
    guest = console.server.connect("guest")
    told(guest, b"SAY x", b"ERR login-first")
    status = console.status()
    expect((3, 2), (status.clients, status.users), _("clients and users"), "wrong-status")
    guest.close()
    bob.reset()
    console.program.eventually(lambda: console.status().clients == 1, 3.0)
    status = console.status()
    expect((1, 2), (status.clients, status.users), _("clients and users"), "wrong-status")
    say(alice)


@step(1, "prompt", "status", "shutdown")
def test_at_a_terminal(scene: Scene) -> None:
    """At a terminal there is a prompt, and what clients do goes to the log alone."""
    console = consoles.start(scene, terminals="stdin stdout stderr", stdin=None)
    program = console.program
    prompted(program, 0)
    (alice,) = enter(console, "alice")
    say(alice)
    alice.close()
    for event in ("connected", "disconnected"):
        require(
            console.logged(f"client {alice.address} {event}"),
            _("what a client does must stand in the log"),
            expected=f"client {alice.address} {event}",
            got="\n".join(console.log().lines),
            cause="missing-event",
        )
    before = len(program.stdout.taken())
    program.type(b"status\n")
    program.stdout.wait_for(r"log \d+ lines\r?\n", program.deadline(3.0))
    prompted(program, before)
    screen = shown(program.stdout.taken(), 80, cursor=True)
    require(
        re.search(r"\nlistening on \S+\nclients 0\nusers 1\nlog \d+ lines\n", "\n".join(screen)),
        _("`status` must be answered on the terminal"),
        expected="listening on ADDRESS:PORT\nclients 0\nusers 1\nlog N lines",
        got="\n".join(screen),
        cause="no-command-answer",
    )
    about = [one for one in screen if alice.address in one or "alice" in one]
    expect([], about, _("what the terminal shows of a client"), "service-on-terminal")
    program.may_end = True
    program.type(b"\x04")
    ended = program.wait(program.deadline(1.0))
    ends(program, ended, why_it_stays(console, "end-of-input") if not ended else "")
