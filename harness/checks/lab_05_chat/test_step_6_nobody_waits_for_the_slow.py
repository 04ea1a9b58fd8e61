"""Lab 05, step 6: Nobody waits for the slow."""

from __future__ import annotations

import time
from collections.abc import Sequence

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat, User, messages
from checks.lab_05_chat.passwords import PASSWORD
from checks.lab_05_chat.shared import BIG, KIB, _why_not_this_order, comes_back, named, says_much
from labkit.scene import manners
from labkit.scene.checking import Disconnected, Scene, Silent, _, blame, calm, expect, require, step

MOST_WAITING = 256 * KIB  # bytes that may wait for a user who does not read
QUICK = (
    1.0  # seconds that a message may take on an idle machine; correct programs need milliseconds
)


def round_trip(speaker: User, listener: User, text: bytes) -> None:
    """A message must be answered and heard soon; where it is not, some thread holds a lock."""
    try:
        answer = speaker.ask(b"SAY " + text, QUICK)
        expect(b"OK", answer.text(), _("the answer to SAY"), "wrong-answer")
        listener.heard(speaker.name.encode() + b" " + text, QUICK)
    except Silent as fault:
        fault.cause = "lock-held"
        raise


@step(6, "promise-4")
def test_a_user_who_does_not_read(scene: Scene) -> None:
    """A user who does not read delays nobody; 200 KiB wait for him, and he gets them when he reads again."""
    for _round in range(3):  # whom a signal wakes where several wait is chance
        reads_late(scene)


def reads_late(scene: Scene) -> None:
    """One who reads late gets all that was said; some who left amid it get answers between whole lines of it."""
    # Several of these: whose bytes come first where room is made in a socket for which two wait is chance.
    in_haste = ["hasty", "eager", "brisk", "rushed"]
    chat = chats.start(scene, known=["alice", "bob", "hog", *in_haste], network="narrow")
    alice, bob, hog, *hasty = chat.logged_in("alice", "bob", "hog", *in_haste)
    for user in (hog, *hasty):
        chat.deafen(user)
    for index in range(200):
        round_trip(alice, bob, b"%03d " % index + BIG)
        if index == 100:
            for user in hasty:
                user.send(*[b"FOO"] * ASIDE, b"QUIT")
    chat.undeafen(hog)
    chat.pump(lambda: bool(hog.ended) or len(hog.said) >= 200, 10.0)
    expect("", hog.ended, _("others said 200 KiB to a slow user"), "cut-off-early")
    wanted = [b"alice %03d " % index + BIG for index in range(200)]
    expect(
        b"\n".join(wanted),
        b"\n".join(hog.said),
        _("what a user hears who reads late"),
        _why_not_this_order(wanted, hog.said, b"hog "),
    )
    for user in hasty:
        answered_between(chat, user, wanted)
    chat.server.program.close_now()


ASIDE = 20


def answered_between(chat: Chat, user: User, wanted: Sequence[bytes]) -> None:
    """Somebody has sent commands, and QUIT, while much waited for him: the answers must come between whole lines of it."""
    chat.undeafen(user)
    user.must_end(_("after QUIT the connection stays open"))
    expect(
        b"\n".join([*wanted[: len(user.said)], *[b"ERR unknown-command"] * ASIDE, b"OK bye"]),
        b"\n".join([*user.said, *[answer.text() for answer in user.answers[2:]]]),
        _("what a user hears who asked something and then read what waited for him, answers last"),
        "garbled-lines",
    )


@step(6, "promise-4", "join-leave")
def test_a_user_who_never_reads(scene: Scene) -> None:
    """When more than 256 KiB wait for a user he is disconnected, the others are told, and go on undisturbed."""
    chat = chats.start(scene, known=["alice", "bob", "hog"], network="narrow")
    alice, bob, hog = chat.logged_in("alice", "bob", "hog")
    chat.deafen(hog)
    most = 700 if scene.network("narrow").own else 9000
    for index in range(most):
        round_trip(alice, bob, b"%04d " % index + BIG)
        if b"LEAVE hog" in bob.news:
            break
    must_be_cut_off(bob, most * len(BIG) // KIB)
    require(
        index * len(BIG) > MOST_WAITING * 9 // 10,
        _("a user who does not read was disconnected after {n} KiB").format(
            n=index * len(BIG) // KIB
        ),
        expected=_("256 KiB may wait for him"),
        got=b"\n".join(bob.news),
        cause="cut-off-early",
    )
    expect([b"USER alice", b"USER bob"], bob.ask(b"WHO").items, _("who is there"), "who-wrong")
    chat.undeafen(hog)
    hog.must_end(_("a user was disconnected, and his connection stays open"))
    wanted = [b"alice %04d " % number + BIG for number in range(len(hog.said))]
    expect(
        b"\n".join(wanted), b"\n".join(hog.said), _("what he had heard until then"), "message-lost"
    )
    comes_back(chat, "hog")


def must_be_cut_off(bob: User, said: int) -> None:
    """Bob must be told that the user for whom so many KiB were said has left; WHO says whether that is all that lacks."""
    leaves = b"LEAVE hog"
    if bob.told(leaves, 2.0):
        return
    there = b"USER hog" in bob.ask(b"WHO").items
    require(
        there or bob.told(leaves, 2.0),
        _("a user was disconnected who did not read, and the others are not told"),
        expected=leaves,
        got=b"\n".join(bob.news),
        cause="news-missing",
    )
    require(
        not there,
        _("others said {n} KiB to a user who does not read, and he is still there").format(n=said),
        expected=leaves,
        got=b"\n".join(bob.news),
        cause="never-cut-off",
    )


@step(6, "promise-4")
def test_a_long_history(scene: Scene) -> None:
    """A long history that its reader takes slowly delays nobody, and does not count against him."""
    chat = chats.start(scene, "-n", "2000", known=["alice", "bob", "slow"], network="narrow")
    alice, bob = chat.logged_in("alice", "bob")
    said = [b"%04d " % index + BIG for index in range(1000)]
    alice.quiet = bob.quiet = True
    says_much(alice, [bob], said)
    slow = chat.user("slow")
    slow.quiet = True
    slow.send(b"LOGIN slow " + PASSWORD)
    chat.deafen(slow)
    require(bob.told(b"JOIN slow"), _("the server does not say who came"), cause="news-missing")
    for index in range(20):
        round_trip(bob, alice, b"live %02d" % index)
    chat.undeafen(slow)
    try:
        answer = slow.welcome(slow.answer(1, b"LOGIN", 20.0))
    except Disconnected as fault:
        fault.cause = "cut-off-early"
        raise
    live = [b"bob live %02d" % index for index in range(20)]
    with blame("message-lost"):
        slow.heard(live[-1])
    wanted = [b"alice " + text for text in said] + live
    got = messages(answer) + slow.said
    expect(b"\n".join(wanted), b"\n".join(got), _("a long history, then live"), "message-lost")


@step(6, "promise-4")
def test_answers_nobody_reads(scene: Scene) -> None:
    """A user who sends commands and never reads their answers delays nobody else."""
    hogs = {b"WHO\n": 512 * KIB, b"HISTORY\n": 64 * KIB, b"SAY hello\n": 16 * KIB}
    names = named("hog", len(hogs))
    chat = chats.start(scene, known=["alice", "bob", *names], network="narrow")
    alice, bob, *deaf = chat.logged_in("alice", "bob", *names)
    for index in range(3):
        alice.say(b"%d " % index + BIG)
    for hog, (command, most) in zip(deaf, hogs.items()):
        chat.deafen(hog)
        asks_on(chat, hog, command * (most // len(command)))
        for index in range(3):
            round_trip(alice, bob, command[:3] + b" %d" % index)
    for hog in deaf:
        hog.reset()


def asks_on(chat: Chat, hog: User, commands: bytes) -> None:
    """Somebody sends all this, or as much of it as the server takes, which is given the time to look at it."""
    sent, went = 0, 1
    while went and sent < len(commands):
        went = hog.client.push(commands[sent:])
        sent += went
        manners.come_to_rest(chat.server.program)


@step(6, "sleeps")
def test_sleeps_when_idle(scene: Scene) -> None:
    """No thread works while nothing happens: while clients are silent, and while a user's messages wait for him."""
    chat = chats.start(scene, known=["alice", "bob", "hog", "gone"], network="narrow")
    program = chat.server.program
    alice, bob, hog, gone = chat.logged_in("alice", "bob", "hog", "gone")
    for guest in chat.connect(2):
        guest.put(b"LOGI")
    gone.reset()
    chat.settle([alice, bob])
    calm.must_sleep(program, _("clients are connected and silent"), "spins-idle")
    chat.deafen(hog)
    for index in range(150):
        alice.say(b"%03d " % index + BIG)
    chat.settle([alice, bob])
    calm.must_sleep(program, _("150 KiB wait for a user who does not read"), "spins-idle")
    chat.undeafen(hog)
    hog.heard(b"alice 149 " + BIG)
    calm.must_sleep(program, _("a slow user has read all that waited for him"), "spins-idle")


HASHING = "8"  # the cost; some 0.2 s and 128 MiB


@step(6, "promise-7")
def test_slow_hashes(scene: Scene) -> None:
    """While passwords are hashed, for whatever reason, others chat on without waiting for that."""
    chat = chats.start(scene, "-c", HASHING)
    alice, bob = chat.registered("alice", "bob")
    for number, (command, start) in enumerate(
        (
            (b"REGISTER carol pass", b"OK welcome carol "),
            (b"LOGIN nobody pass", b"ERR denied"),
            (b"LOGIN carol wrong", b"ERR denied"),
            (b"LOGIN carol pass", b"OK welcome back carol "),
        )
    ):
        user = chat.user(f"guest {number}")
        hashes_beside(alice, bob, user, command, start)
        user.leave()
        if b"welcome" in start:
            require(
                bob.told(b"LEAVE carol"),
                _("the server does not say that carol left"),
                cause="news-missing",
            )
            bob.news.clear()


def hashes_beside(alice: User, bob: User, user: User, command: bytes, start: bytes) -> None:
    """While a command with a password is at work, two others must not come to a standstill."""
    guest = user.chat.user("another guest")
    rounds, began = 0, time.monotonic()
    user.send(command)
    while len(user.answers) < 2 and rounds < 2000:
        alice.say(b"round %d" % rounds)
        bob.heard(b"alice round %d" % rounds)
        bob.said.clear()
        guest.ask(b"RESUME " + b"0" * 32)  # it needs no hash
        rounds += 1
    answer = user.answer(1, command, 20.0)
    require(
        answer.head.startswith(start),
        _("the answer to {command}").format(command=chats.shown(command)),
        expected=start,
        got=answer.head,
        cause="wrong-answer",
    )
    require(
        rounds >= 4,
        _("{command} took {s:.2f} s, in which {n} messages came through").format(
            command=chats.shown(command), s=answer.at - began, n=rounds
        ),
        expected=_("others talk on all the time"),
        got=str(rounds),
        cause="hash-holds-up",
    )
    guest.leave()
