"""Lab 05, step 5: Latecomers."""

from __future__ import annotations

from collections.abc import Sequence

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Answer, Talking, User, messages
from checks.lab_05_chat.passwords import PASSWORD
from checks.lab_05_chat.shared import come_late, marked, named
from labkit.scene.checking import Fault, Scene, Shim, _, expect, seeded, step


def contiguous(user: User, order: Sequence[bytes], size: int) -> None:
    """What a latecomer got as history, then live, must be a run of the one order, up to its end."""
    before = messages(user.answers[1])
    run = before + user.said
    wanted = list(order[len(order) - len(run) :])
    if run != wanted:
        at = next((i for i, (a, b) in enumerate(zip(reversed(wanted), reversed(run))) if a != b), 0)
        near = slice(max(0, len(run) - at - 5), len(run) - at + 5)
        raise Fault(
            _("{user} gets {n} messages as history, then goes on somewhere else").format(
                user=user.name, n=len(before)
            ),
            expected=b"\n".join(wanted[near]),
            got=b"\n".join(run[near]),
            cause=_why_not_contiguous(run, order),
        )
    expect(
        min(size, len(order) - len(user.said)),
        len(before),
        _("the length of the history that {user} gets").format(user=user.name),
        "history-size",
    )


def _why_not_contiguous(run: Sequence[bytes], order: Sequence[bytes]) -> str:
    if set(run) - set(order):
        return "garbled-lines"
    if len(set(run)) < len(run):
        return "history-repeat"
    first = list(order).index(run[0]) if run else 0
    return "history-gap" if len(run) < len(order) - first else "order-differs"


@step(5, "promise-3", "promise-1", "history")
def test_latecomers(scene: Scene) -> None:
    """A user who logs in while others talk gets a history and live messages that join without a gap or a repeat; HISTORY comes in one piece."""
    come_while_others_talk(scene, None, each=40, late=30)
    for shim in seeded(scene.seed, 3):
        come_while_others_talk(scene, shim, each=15, late=10)
    speaking_at_once(scene)


HISTORY = 30


def come_while_others_talk(scene: Scene, shim: Shim | None, each: int, late: int) -> None:
    """Ten talk, `each` message each, while others log in; then all must have a run of the one order."""
    talkers, names = named("talker", 10), named("late", late)
    known = [*talkers, *names, "witness"]
    chat = chats.start(scene, "-n", str(HISTORY), known=known, shim=shim)
    (witness,) = chat.logged_in("witness")
    users = chat.logged_in(*talkers)
    newcomers = come_late(chat, Talking(users, each), names, each * len(users))
    for user in newcomers:
        user.welcome(user.answer(1, b"LOGIN", 20.0))
        user.answer(2, b"HISTORY", 20.0)
    marked(chat, users[0], [witness, *newcomers])
    for user in newcomers:
        in_one_piece(user.answer(2, b"HISTORY"), witness.said)
        contiguous(user, witness.said, HISTORY)


def in_one_piece(answer: Answer, order: Sequence[bytes]) -> None:
    """What HISTORY tells while others talk must be a run of the one order: no message comes in between."""
    told = messages(answer)
    last = order.index(told[-1]) + 1 if told and told[-1] in order else 0
    expect(
        b"\n".join(order[max(0, last - len(told)) : last]),
        b"\n".join(told),
        _("what HISTORY tells while others talk"),
        "history-interrupted",
    )


def speaking_at_once(scene: Scene) -> None:
    """Many log in at the same moment and speak right after that: the same holds for each of them."""
    names = named("user", 20)
    for shim in seeded(scene.seed, 1):
        chat = chats.start(scene, "-n", "100", known=[*names, "witness"], shim=shim)
        (witness,) = chat.logged_in("witness")
        users = chat.connect(len(names), names)
        for user in users:
            user.send(b"LOGIN %s %s" % (user.name.encode(), PASSWORD), b"SAY hello")
        for user in users:
            user.welcome(user.answer(1, b"LOGIN", 20.0))
            expect(b"OK", user.answer(2, b"SAY").text(), _("the answer to SAY"), "wrong-answer")
        marked(chat, witness, users)
        order = chat.history(witness, 100)
        for user in users:
            own = user.name.encode() + b" hello"
            run = messages(user.answers[1]) + user.said
            wanted = [message for message in order if message != own]
            expect(
                b"\n".join(wanted),
                b"\n".join(run),
                _("what {user} gets as history, then live").format(user=user.name),
                _why_not_contiguous(run, wanted),
            )
