"""Lab 05, step 4: Many users."""

from __future__ import annotations

from collections.abc import Sequence

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat, User
from checks.lab_05_chat.shared import _why_not_this_order, marked, named
from labkit.scene.checking import Fault, Scene, Shim, _, expect, seeded, step

EVERYBODY, EACH = 100, 20


def all_say(chat: Chat, users: Sequence[User], each: int, seconds: float = 30.0) -> list[bytes]:
    """All say so much at once, are answered, and hear a last word. Returns the history: the one order."""
    before = [len(user.answers) for user in users]
    for user in users:
        user.send(*[b"SAY %s-%04d" % (user.name.encode(), index) for index in range(each)])
    for user, number in zip(users, before):
        user.answer(number - 1 + each, b"SAY", seconds)
        refused = [answer.head for answer in user.answers[-each:] if answer.head != b"OK"]
        expect([], refused, _("answers to SAY that are not OK"), "wrong-answer")
    marked(chat, users[0], users)
    return chat.history(users[1], each * len(users) + 1)


def one_order(users: Sequence[User], order: Sequence[bytes]) -> None:
    """Each user must have heard all that others said, in the order of the history, once."""
    for user in users:
        own = user.name.encode() + b" "
        wanted = [message for message in order if not message.startswith(own)]
        if user.said == wanted:
            continue
        at = next(
            (i for i, (a, b) in enumerate(zip(wanted, user.said)) if a != b),
            min(len(wanted), len(user.said)),
        )
        raise Fault(
            _("{user} hears something else than the history holds, from message {n} on").format(
                user=user.name, n=at + 1
            ),
            expected=b"\n".join(wanted[max(0, at - 3) : at + 10]),
            got=b"\n".join(user.said[max(0, at - 3) : at + 10]),
            cause=_why_not_this_order(wanted, user.said, own),
        )


def everything_said(order: Sequence[bytes], users: Sequence[User], each: int) -> None:
    """The history must hold all messages, each user's in their order."""
    for user in users:
        name = user.name.encode()
        wanted = [b"%s %s-%04d" % (name, name, index) for index in range(each)]
        got = [m for m in order if m.startswith(name + b" ") and not m.endswith(b"the end")]
        expect(
            b"\n".join(wanted),
            b"\n".join(got),
            _("what the history holds of {user}").format(user=user.name),
            "message-lost" if len(got) < len(wanted) else "order-differs",
        )


@step(4, "promise-1", "promise-2")
def test_a_hundred_users(scene: Scene) -> None:
    """100 users say 20 messages each at once: each of the others hears each of them once, all in one order."""
    names = named("user", EVERYBODY)
    chat = chats.start(scene, "-n", "5000", known=names)
    users = chat.logged_in(*names)
    order = all_say(chat, users, EACH)
    everything_said(order, users, EACH)
    one_order(users, order)


@step(4, "promise-1", "promise-2")
def test_one_order_with_perturbed_schedules(scene: Scene) -> None:
    """The same holds when threads are interrupted at the worst moments."""
    names = named("user", 12)
    for shim in seeded(scene.seed, 3):
        chat = chats.start(scene, "-n", "1000", known=names, shim=shim)
        users = chat.logged_in(*names)
        order = all_say(chat, users, 10)
        everything_said(order, users, 10)
        one_order(users, order)


@step(4, "few-bytes", "promise-1")
def test_short_transfers(scene: Scene) -> None:
    """Lines stay whole when the kernel takes and gives a few bytes at a time."""
    try:
        talk_in_portions(scene)
    except Fault as fault:
        fault.cause = "short-write"
        raise


def talk_in_portions(scene: Scene) -> None:
    """Four users say long things one after another, and hear all that the others say."""
    names = named("user", 4)
    shim = Shim(seed=scene.seed, percent=0, short=40)
    chat = chats.start(scene, "-n", "1000", known=names, shim=shim)
    users = chat.logged_in(*names, seconds=4.0)
    for index in range(6):
        for user in users:
            user.say(b"%d " % index + b"x" * 900)
    marked(chat, users[0], users)
    one_order(users, chat.history(users[1], 1000))
