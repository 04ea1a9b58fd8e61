"""Lab 05, step 3: Remember."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat, User, messages
from checks.lab_05_chat.shared import BIG, DISK, TEXTS, answered, named
from labkit.scene import manners
from labkit.scene.checking import Limits, Scene, Shim, _, expect, require, step, written


def same_history(wanted: Sequence[bytes], got: Sequence[bytes], what: str, cause: str) -> None:
    """A history must hold exactly these messages, in this order."""
    expect(b"\n".join(wanted) or b"", b"\n".join(got), what, cause)


@step(3, "login", "history", "defaults")
def test_history_on_login(scene: Scene) -> None:
    """A user who logs in, registers or resumes gets the last HISTORY_SIZE messages, oldest first, then `OK END`."""
    chat = chats.start(scene, "-n", "5", known=["carol"])
    alice, bob = chat.registered("alice", "bob")
    said: list[bytes] = []
    for index, speaker in enumerate((alice, bob, bob, alice, bob, alice, alice, bob)):
        if index in (3, 5, 6):
            late = chat.user(f"late{index}")
            got = messages(late.register())
            same_history(said[-5:], got, _("the history of a user who registers"), "history-size")
        speaker.say(b"number %d" % index)
        said.append(b"%s number %d" % (speaker.name.encode(), index))
    (carol,) = chat.connect(1, ["carol"])
    same_history(
        said[-5:], messages(carol.log_in()), _("the history of a user who logs in"), "history-size"
    )
    carol.leave()
    require(
        alice.told(b"LEAVE carol"),
        _("the server does not say that carol left"),
        cause="news-missing",
    )
    again = chat.user("carol")
    got = messages(again.welcome(again.ask(b"RESUME " + carol.token)))
    same_history(said[-5:], got, _("the history of a user who resumes"), "history-size")
    for options, wanted in ((("-n", "0"), 0), ((), 50)):
        other_history_size(scene, options, wanted)


def other_history_size(scene: Scene, options: Sequence[str], wanted: int) -> None:
    """With `-n 0` nothing is remembered, and without -n the last 50 messages are."""
    chat = chats.start(scene, *options)
    (alice,) = chat.registered("alice")
    alice.send(*[b"SAY number %d" % index for index in range(60)])
    alice.answer(61, b"SAY")
    got = messages(chat.user("late").register())
    said = [b"alice number %d" % index for index in range(60)]
    same_history(said[60 - wanted :], got, _("the history of a user who registers"), "history-size")


@step(3, "history")
def test_history_command(scene: Scene) -> None:
    """`HISTORY N` tells the last N messages, `HISTORY` all that are kept; an N that is no number is refused."""
    chat = chats.start(scene, "-n", "20")
    alice, bob = chat.registered("alice", "bob")
    said: list[bytes] = []
    for index in range(12):
        speaker = (alice, bob)[index % 2]
        speaker.say(b"number %d" % index)
        said.append(b"%s number %d" % (speaker.name.encode(), index))
    cases: list[tuple[bytes, list[bytes]]] = [
        (b"HISTORY 1", said[-1:]),
        (b"HISTORY 7", said[-7:]),
        (b"HISTORY 12", said),
        (b"HISTORY 15", said),
        (b"HISTORY", said),
        (b"HISTORY 0", []),
    ]
    for command, wanted in cases:
        answer = alice.ask(command)
        same_history(
            wanted,
            messages(answer),
            _("the answer to {command}").format(command=command.decode()),
            "wrong-history",
        )
        expect(b"OK HISTORY", answer.head, _("the first line of a history"), "wrong-answer")
    for word in (b"x", b"-1", b"3x", b"1.5"):
        answered(alice, b"HISTORY " + word, b"ERR bad-number", "bad-number-taken")


def stands_in_file(chat: Chat, message: bytes) -> bool:
    """Whether the text of `NAME TEXT` stands in the history file as it is; the file's form is the program's own."""
    data = written.content(chat.server.program.here / chats.HISTORY_FILE, b"")
    return message.partition(b" ")[2] in data


@step(3, "history")
def test_history_after_a_restart(scene: Scene) -> None:
    """The history is there again after a restart, and goes on, whatever the new HISTORY_SIZE."""
    chat = chats.start(scene, "-n", "10", known=["alice"])
    (alice,) = chat.logged_in("alice")
    said = []
    for text in TEXTS + tuple(b"number %d" % index for index in range(9)):
        alice.say(text)
        said.append(b"alice " + text)
    chat.server.stop(seconds=3.0)
    for size in (4, 100, 10):
        chat = chats.again(chat, "-n", str(size))
        (alice,) = chat.connect(1, ["alice"])
        got = messages(alice.log_in())
        if size == 100:  # how much more than HISTORY_SIZE a server kept before is its own affair
            require(len(got) >= 4, _("the history after a restart"), cause="history-lost")
            same_history(said[-len(got) :], got, _("the history after a restart"), "wrong-history")
        else:
            kept = said[-min(size, 5) :] if size == 10 else said[-size:]
            cause = "history-size" if got and stands_in_file(chat, said[-1]) else "history-lost"
            same_history(kept, got[-len(kept) :], _("the history after a restart"), cause)
        alice.say(b"after a restart, %d" % size)
        said.append(b"alice after a restart, %d" % size)
        chat.server.stop(seconds=3.0)


KILLS, CRASHES = 3, 16


@step(3, "promise-5", "history")
def test_kept_after_kill_9(scene: Scene) -> None:
    """A message that was answered `OK` is in the history after a kill -9 in that very moment, and stands there once."""
    chat = chats.start(scene, "-n", "1000", known=["alice", "bob"])
    said: list[bytes] = []
    for kill in range(KILLS):
        chats.kill(chat)
        shim = Shim(seed=scene.seed + kill, percent=100, max_us=20_000) if kill else None
        chat = chats.again(chat, "-n", "1000", shim=shim)
        (alice,) = chat.logged_in("alice")
        same_history(
            said, messages(alice.ask(b"HISTORY")), _("the history after kill -9"), "history-lost"
        )
        for index in range(2):
            alice.say(b"number %d of run %d" % (index, kill))
            said.append(b"alice number %d of run %d" % (index, kill))
    kept_while_many_talk(scene)


def kept_while_many_talk(scene: Scene) -> None:
    """The same while eight talk: at any moment the files hold what a kill -9 would leave."""
    names = named("user", 8)
    shim = Shim(seed=scene.seed, percent=100, max_us=4000)
    chat = chats.start(scene, "-n", "1000", known=names, shim=shim)
    users = chat.logged_in(*names)
    for user in users:
        user.send(*[b"SAY %s-%02d" % (user.name.encode(), index) for index in range(20)])
    left: list[tuple[Path, list[bytes]]] = []
    while len(left) < CRASHES:
        wanted = 5 * (len(left) + 1)
        require(
            chat.pump(lambda: len(said_so_far(users)) >= wanted, 20.0),
            _("messages are no longer answered"),
            cause="no-answer",
        )
        left.append(copied(scene, chat, users))
    chats.kill(chat)
    for here, said in left:
        kept_by_then(scene, here, said)


def said_so_far(users: Sequence[User]) -> list[bytes]:
    """All messages that were answered, as they stand in a history."""
    return [
        b"%s %s-%02d" % (user.name.encode(), user.name.encode(), index)
        for user in users
        for index in range(len(user.answers) - 2)
    ]


def copied(scene: Scene, chat: Chat, users: Sequence[User]) -> tuple[Path, list[bytes]]:
    """Stop the server for a moment and copy its files; with what had been answered until then."""
    here = scene.directory()
    with manners.held(chat.server.program):
        chat.move(0.0)
        said = said_so_far(users)
        written.copy(chat.server.program.here, here)
    return here, said


def kept_by_then(scene: Scene, here: Path, said: Sequence[bytes]) -> None:
    """A server that starts with these files must know all messages, once, and nothing torn."""
    chat = chats.start(scene, "-n", "1000", here=here)
    (user,) = chat.logged_in("user000")
    kept = chat.history(user, 1000)
    lost = sorted(set(said) - set(kept))
    require(
        not lost,
        _("{n} messages were answered OK, and a kill -9 would have lost them").format(n=len(lost)),
        expected=b"\n".join(lost[:10]),
        got=b"\n".join(kept[-10:]),
        cause="history-lost",
    )
    form = re.compile(rb"(user\d{3}) \1-\d\d")
    odd = [m for m in kept if not form.fullmatch(m)] or [m for m in kept if kept.count(m) > 1]
    expect(
        [],
        odd,
        _("messages in the history that nobody said, or that stand there twice"),
        "wrong-history",
    )
    chat.server.program.close_now()


@step(3, "server-error")
def test_no_room_for_a_message(scene: Scene) -> None:
    """A message that cannot be written is answered `ERR server-error`, and nobody hears it."""
    if not scene.network().own:
        return  # only where a small disk of the program's own can be had
    small = Limits(tmp=DISK)
    chat = chats.start(scene, "-u", "/tmp/users", "-H", "/tmp/history", "-n", "1000", limits=small)
    alice, bob = chat.registered("alice", "bob")
    said: list[bytes] = []
    with manners.survives(chat.server, "write-unchecked"):
        while (answer := alice.ask(b"SAY %02d " % len(said) + BIG)).head == b"OK":
            said.append(b"alice %02d " % len(said) + BIG)
            require(
                len(said) <= DISK // len(BIG),
                _("more messages are answered OK than there is room for on the disk"),
                expected=b"ERR server-error",
                got=answer.head,
                cause="history-lost",
            )
        expect(b"ERR server-error", answer.text(), _("the disk is full"), "write-unchecked")
        kept = chat.history(bob, 1000)
        expect(said, kept[: len(said)], _("what was answered OK"), "history-lost")
        chat.settle([alice, bob])
        chat.pump(lambda: len(bob.said) >= len(said), 2.0)
        expect(len(said), len(bob.said), _("messages that bob has heard"), "write-unchecked")
