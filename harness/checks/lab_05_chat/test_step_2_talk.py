"""Lab 05, step 2: Talk."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import User
from checks.lab_05_chat.shared import SERVER, TEXTS, answered, comes_back, marked, named
from labkit.scene import aiming, full, manners, stopping, unserved
from labkit.scene.checking import Scene, Silent, _, blame, expect, require, step


@step(2, "say", "login-first")
def test_say_reaches_everyone_else(scene: Scene) -> None:
    """`SAY` is answered `OK` and reaches every other user once, and not the sender."""
    chat = chats.start(scene)
    alice, bob, carol = chat.registered("alice", "bob", "carol")
    guest = chat.user()
    for text in (b"hello", b"second"):
        answered(alice, b"SAY " + text, b"OK")
    marked(chat, bob, [alice, carol])
    for user, wanted in (
        (alice, [b"bob the end"]),
        (bob, [b"alice hello", b"alice second"]),
        (carol, [b"alice hello", b"alice second", b"bob the end"]),
    ):
        expect(
            b"\n".join(wanted),
            b"\n".join(user.said),
            _("what {user} hears").format(user=user.name),
            why_other(wanted, user.said, user.name.encode()),
        )
    answered(guest, b"WHO", b"ERR login-first", "not-logged-in")
    expect(
        [], guest.said + guest.news, _("what a guest hears who is not logged in"), "not-logged-in"
    )


def why_other(wanted: Sequence[bytes], got: Sequence[bytes], own: bytes) -> str | None:
    """What a list of messages shows that is not the expected one. own: the listener's name."""
    if list(got) == list(wanted):
        return None
    known = set(wanted)
    if any(message.startswith(own + b" ") for message in got):
        return "message-echoed"
    if any(message not in known for message in got):
        return "text-changed"
    if len(set(got)) < len(got):
        return "message-twice"
    return "order-differs" if known == set(got) else "message-lost"


@step(2, "text", "login-first", "lines")
def test_text_keeps_its_bytes(scene: Scene) -> None:
    """Text arrives byte for byte; control characters in it are refused, and so is no text at all."""
    chat = chats.start(scene)
    alice, bob = chat.user("a" * 32), chat.user("bob")
    alice.register()
    bob.register()
    for text in TEXTS:
        answered(alice, b"SAY " + text, b"OK", "text-changed")
    for text in (b"a\tb", b"a\x01b", b"\x1b[2J", b"a\x7f", b"a\rb", b"a\x00b"):
        answered(alice, b"SAY " + text, b"ERR bad-text", "bad-text-taken")
    for command in (b"SAY", b"SAY "):
        answered(alice, command, b"ERR empty")
    marked(chat, alice, [bob])
    wanted = [b"a" * 32 + b" " + text for text in (*TEXTS, b"the end")]
    expect(b"\n".join(wanted), b"\n".join(bob.said), _("what bob hears"), "text-changed")


@step(2, "commands", "unknown", "login-first", "quit", "history")
def test_commands_and_errors(scene: Scene) -> None:
    """Every command is known in capitals or not, everything else is `ERR unknown-command`."""
    chat = chats.start(scene)
    user = chat.user("alice")
    for command in (b"SAY hello", b"WHO", b"HISTORY", b"HISTORY 3"):
        answered(user, command, b"ERR login-first", "not-logged-in")
    unknown = (b"", b"FOO", b"SAYHELLO", b"OK", b"QUITE", b"WHO\x00", b"\xd0\xbf", b" ")
    for command in unknown:
        answered(user, command, b"ERR unknown-command", "unknown-command")
    user.welcome(user.ask(b"register alice secret"), b"OK welcome ")
    for command in unknown:
        answered(user, command, b"ERR unknown-command", "unknown-command")
    answered(user, b"Say hello", b"OK", "unknown-command")
    expect(
        b"OK HISTORY", user.ask(b"history 1").head, _("the answer to HISTORY"), "unknown-command"
    )
    answered(user, b"quit", b"OK bye", "unknown-command")
    user.must_end(_("after QUIT the connection stays open"))
    user = comes_back(chat, "alice", b"secret")
    user.leave()


@step(2, "join-leave")
def test_who_comes_and_goes(scene: Scene) -> None:
    """Everyone else is told `JOIN NAME` and, in whatever way a user leaves, `LEAVE NAME`, each of them once."""
    chat = chats.start(scene, known=["dora"])
    (witness,) = chat.registered("witness")
    leavers = chat.registered("alice", "bob", "carol", "erik")
    ways: list[Callable[[User], object]] = [
        lambda user: answered(user, b"QUIT", b"OK bye"),
        User.leave,
        User.reset,
        User.finish_sending,
    ]
    for leaver, way in zip(leavers, ways):
        way(leaver)
        require(
            witness.told(b"LEAVE " + leaver.name.encode()),
            _("{user} has left, and the server does not say so").format(user=leaver.name),
            expected=b"LEAVE " + leaver.name.encode(),
            got=b"\n".join(witness.news),
            cause="news-missing",
        )
    (dora,) = chat.logged_in("dora")
    again = chat.user("alice")
    again.welcome(again.ask(b"RESUME " + leavers[0].token))
    marked(chat, dora, [witness])
    comings = [b"JOIN alice", b"JOIN alice", b"JOIN bob", b"JOIN carol", b"JOIN dora", b"JOIN erik"]
    goings = [b"LEAVE alice", b"LEAVE bob", b"LEAVE carol", b"LEAVE erik"]
    expect(
        b"\n".join(comings + goings),
        b"\n".join(sorted(witness.news)),
        _("the `JOIN` and `LEAVE` messages, sorted"),
        "news-wrong",
    )
    for user in (*leavers, dora):
        own = [news for news in user.news if news.endswith(b" " + user.name.encode())]
        expect(
            [],
            own,
            _("what the server tells {user} about himself").format(user=user.name),
            "news-wrong",
        )


@step(2, "who", "commands")
def test_who_is_there(scene: Scene) -> None:
    """`WHO` lists all who are logged in, sorted."""
    chat = chats.start(scene)
    users = chat.registered("mike", "anna", "zoe", "bert", "olga")
    chat.user()
    for command in (b"WHO", b"who"):
        answer = users[0].ask(command)
        expect(
            b"OK END\nUSER anna\nUSER bert\nUSER mike\nUSER olga\nUSER zoe",
            answer.text(),
            _("the answer to {command}, its last line first").format(command=chats.shown(command)),
            "who-wrong",
        )
    users[1].leave()
    require(
        users[0].told(b"LEAVE anna"),
        _("the server does not say that anna left"),
        cause="news-missing",
    )
    expect(
        [b"USER bert", b"USER mike", b"USER olga", b"USER zoe"],
        users[0].ask(b"WHO").items,
        _("the users there when anna has left"),
        "who-wrong",
    )


@step(2, "lines")
def test_lines_in_any_portions(scene: Scene) -> None:
    """nc, telnet and socat are clients: CR LF ends a line too, and lines come in portions of any size, or many at once."""
    chat = chats.start(scene)
    (bob,) = chat.registered("bob")
    user = chat.user("alice")
    user.put(b"REGISTER alice pass\r\nSAY with CR LF\r\nSAY x\nWHO\r\n")
    welcome = user.answer(1, b"REGISTER").head
    require(
        welcome.startswith(b"OK welcome alice"),
        _("the answer to a line that ends in CR LF"),
        expected=b"OK welcome alice TOKEN",
        got=welcome,
        cause="cr-lf",
    )
    expect(b"OK", user.answer(2).text(), _("the answer to a line that ends in CR LF"), "cr-lf")
    expect([b"USER alice", b"USER bob"], user.answer(4).items, _("the answer to WHO"), "cr-lf")
    before = len(user.answers)
    for byte in b"SAY byte by byte\r\n":
        with blame("lines-in-portions", only=Silent):
            chat.settle([bob])  # so that the byte before this one has a segment of its own
        user.put(bytes([byte]))
    expect(b"OK", user.answer(before).text(), _("a line byte by byte"), "lines-in-portions")
    for text in (b"alice with CR LF", b"alice x", b"alice byte by byte"):
        with blame("cr-lf"):
            bob.heard(text)
    netcat = chat.user("netcat")  # nc -N: it sends all it has, half-closes, and reads on
    netcat.put(b"REGISTER netcat pass\nSAY from nc\nWHO\n")
    netcat.finish_sending()
    with blame("closes-early"):
        netcat.answer(3, b"WHO")
    netcat.must_end(
        _("a client has half-closed and had its answers, and the connection stays open")
    )


@step(2, "silent")
def test_silent_clients_hold_up_nobody(scene: Scene) -> None:
    """Clients that have said nothing at all, or half a line, before a login or after, keep nobody from being served."""
    chat = chats.start(scene)
    silent = chat.user("silent")
    half = chat.user("half")
    half.put(b"REGISTER half pa")
    with unserved.held_up_by(chat.server, [silent.client, half.client]):
        (alice,) = chat.registered("alice")
        alice.put(b"SAY half a li")
        (bob,) = chat.registered("bob")
        bob.say(b"hello")
        alice.heard(b"bob hello")
    half.put(b"ss\n")
    half.welcome(half.answer(1, b"REGISTER"), b"OK welcome ")
    before = len(alice.answers)
    alice.put(b"ne\n")
    expect(b"OK", alice.answer(before, b"SAY").text(), _("a line in two parts"), "wrong-answer")
    answered(silent, b"WHO", b"ERR login-first", "not-logged-in")


@step(2, "whole-names")
def test_addresses_of_full_length(scene: Scene) -> None:
    """A client's address and port stand in the messages in full, however long they are."""
    for address in full.addresses(scene):
        chat = chats.start(scene, "-a", address)
        program = chat.server.program
        user = chat.user()
        user.leave()
        full.named(program, user.client, program.stdout.lines)


@step(2, "any-thread")
def test_a_signal_in_any_thread(scene: Scene) -> None:
    """The signal to stop does so whichever thread the kernel chooses to deliver it to."""
    for which in (0, -1):
        chat = chats.start(scene)
        program = chat.server.program
        chat.user("silent")
        (alice,) = chat.registered("alice")
        alice.put(b"SAY half a li")
        manners.come_to_rest(program)  # a thread that is about to end would take the signal with it
        threads = aiming.hearing(program, signal.SIGTERM)
        if not threads:
            return  # all but main block it: none of them can get it
        program.may_end = True
        aiming.send(program, threads[which], signal.SIGTERM)
        ended = program.wait(program.deadline(1.0))
        require(
            ended and not ended.status and not ended.signal,
            _(
                "SIGTERM came to a thread that is not main, and the server did not stop within a second"
            ),
            expected=_("exit status {status}").format(status=0),
            got=str(ended or _("it runs on")),
            cause="signal-elsewhere",
        )


@step(2, "stop", "port-again")
def test_stops(scene: Scene) -> None:
    """SIGINT and SIGTERM: connections are closed and reported, exit 0 within a second, and the port can be bound again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        idle = manners.idle(scene.server(SERVER))
        stopping.stops(idle, [], number, unsaid="not-awaited")
    chat = chats.start(scene, known=named("user", 30), network="narrow")
    users = chat.logged_in(*named("user", 30))
    guests = chat.connect(10)
    chat.deafen(users[0])
    users[0].client.push(b"HISTORY\n" * 20_000)
    clients = [user.client for user in users + guests]
    for client in clients:
        client.sock.setblocking(True)
    stopping.stops(chat.server, clients, signal.SIGTERM, unsaid="not-awaited")
    stopping.binds_again(scene, chat.server)


@step(2, "any-moment")
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same."""
    stopping.hears_every_signal(
        scene, SERVER, "lost-signal", b"OK chat ready\nERR unknown-command\n"
    )
