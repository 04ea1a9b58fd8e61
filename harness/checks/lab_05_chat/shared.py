"""Lab 05: what several steps need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Answer, Chat, Talking, User
from checks.lab_05_chat.passwords import PASSWORD
from labkit.scene import stopping
from labkit.scene.checking import (
    UNDER_ASAN,
    Fault,
    Running,
    Scene,
    Shim,
    Tool,
    _,
    blame,
    expect,
    inspected,
    require,
    written,
)

SERVER, CLIENT = "chat_server", "chat_client"
KIB, MIB = 1 << 10, 1 << 20
SALTED = re.compile(rb"\$y\$([./0-9A-Za-z]+)\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43}")
MOST_LINE = 1024  # bytes of a line, without its end
DISK = 64 * KIB  # bytes on a disk that is soon full
BIG = b"x" * 1000
# What is refused to a guest, and to a user: each takes a way of its own through the server.
REFUSED_GUEST = (
    *(b"SAY hello", b"HISTORY 3", b"RESUME 00"),
    *(b"REGISTER a:b pass", b"REGISTER carol pass\tword"),
)
REFUSED = (
    *(b"SAY", b"SAY a\tb", b"HISTORY x", b"x" * 1025, b"LOGIN x y", b"RESUME 00"),
    b"REGISTER carol pass",
)


def named(prefix: str, count: int) -> list[str]:
    """Names that sort as they are numbered."""
    return [f"{prefix}{index:03d}" for index in range(count)]


HOGS = named("hog", 48)  # users who do not read


def answered(user: User, command: bytes, expected: bytes, cause: str = "wrong-answer") -> Answer:
    """The command must be answered with this line, and no list."""
    answer = user.ask(command)
    expect(
        expected,
        answer.text(),
        _("the answer to {command}").format(command=chats.shown(command)),
        cause,
    )
    return answer


@contextmanager
def closing_once(chat: Chat) -> Iterator[None]:
    """Inside, the server must not use a descriptor after it has closed it: whatever else goes wrong may come of that."""
    trouble: Fault | None = None
    try:
        yield
    except Fault as fault:
        trouble = fault
    expect(
        0,
        chat.server.program.stats().stale_uses,
        _("calls on a descriptor that the program had closed before (EBADF)"),
        "closed-twice",
    )
    if trouble:
        raise trouble


def comes_back(
    chat: Chat, name: str, password: bytes = PASSWORD, token: bytes | None = None
) -> User:
    """Log in, or resume, as somebody who has just left; that the server has noticed may take a moment."""
    user = chat.user(name)
    command = b"LOGIN %s %s" % (name.encode(), password)
    if token is not None:
        command = b"RESUME " + token
    deadline = chat.server.program.deadline(3.0)
    answer = user.ask(command)
    while answer.head == b"ERR already-online":
        require(
            not deadline.passed,
            _("{name} has left, and the name is still taken").format(name=name),
            expected=b"OK welcome back",
            got=answer.head,
            cause="still-online",
        )
        answer = user.ask(command)
    user.welcome(answer)
    return user


def marked(chat: Chat, speaker: User, users: Sequence[User], word: bytes = b"the end") -> None:
    """Somebody says a last word, and waits until all the others have heard it.

    Since all hear everything in one order, whatever was said before it has come by then, or never will.
    """
    speaker.say(word)
    for user in users:
        if user is not speaker:
            user.heard(speaker.name.encode() + b" " + word, 20.0)


def users_in(path: Path) -> dict[bytes, bytes]:
    """The name and the hash of each line of an identification file, which must be whole lines."""
    with blame("torn-file"):
        data = written.content(path, b"")
    lines = data.split(b"\n")
    found = {}
    for line in lines[:-1]:
        name, colon, hash_ = line.partition(b":")
        require(
            colon and name and SALTED.fullmatch(hash_),
            _("a line of the identification file is not NAME:HASH"),
            expected=b"NAME:$y$...",
            got=line,
            cause="file-form",
        )
        require(
            name not in found,
            _("a name stands twice in the identification file"),
            expected=_("one line"),
            got=data,
            cause="registered-twice",
        )
        found[name] = hash_
    expect(b"", lines[-1], _("the last line of the identification file has no end"), "torn-file")
    return found


TEXTS = (
    b"a",
    b"two  spaces, and at the end  ",
    b" a space before",
    "здравствуй, мир — ✓".encode(),
    b'%s%n %d \\n "quoted" : ; MSG bob fake',
    b"x" * (MOST_LINE - 4),
)


def _why_not_this_order(wanted: Sequence[bytes], got: Sequence[bytes], own: bytes) -> str:
    """What is wrong with a list of messages: strange ones, too many, too few, or in another order."""
    if any(message.startswith(own) for message in got):
        return "message-echoed"
    if set(got) - set(wanted):
        return "garbled-lines"
    if len(set(got)) < len(got):
        return "message-twice"
    return "message-lost" if len(got) < len(wanted) else "order-differs"


def come_late(chat: Chat, talking: Talking, names: Sequence[str], total: int) -> list[User]:
    """While others talk, users log in, one after another, without waiting for any answer."""
    late: list[User] = []

    def step_on() -> bool:
        done = talking.go_on()
        while len(late) < len(names) and talking.answered >= total * (len(late) + 1) // (
            len(names) + 2
        ):
            (user,) = chat.arrive(1, [names[len(late)]])
            user.quiet = True
            user.send(b"LOGIN %s %s" % (user.name.encode(), PASSWORD), b"HISTORY 10")
            late.append(user)
        return done

    require(
        chat.pump(step_on, 30.0),
        _("ten users talk, and their messages are no longer answered"),
        expected=_("{n} times OK").format(n=total),
        got=talking.answered,
        cause="no-answer",
    )
    return late


def says_much(speaker: User, listeners: Sequence[User], texts: Sequence[bytes]) -> None:
    """Say all this, so much at a time as may wait for the listeners."""
    for first in range(0, len(texts), 50):
        some, before = texts[first : first + 50], len(speaker.answers)
        speaker.send(*[b"SAY " + text for text in some])
        speaker.answer(before + len(some) - 1, b"SAY", 10.0)
        for listener in listeners:
            listener.heard(speaker.name.encode() + b" " + some[-1], 10.0)


def drive(chat: Chat, size: int) -> None:
    """Steps 1 to 6, smaller: registrations, logins, talk, latecomers, one who never reads, and resets."""
    names = named("user", size)
    users = chat.logged_in(*names)
    guests = chat.connect(8, ["rival", "rival", "new0", "new1"] * 2)
    for guest in guests[:4]:
        guest.send(*REFUSED_GUEST, b"REGISTER %s pass" % guest.name.encode(), b"WHO")
    for guest in guests[:4]:
        guest.answer(2 + len(REFUSED_GUEST), b"WHO", 10.0)
    for guest in guests[4:]:  # their threads were there before that name was
        guest.send(b"LOGIN %s wrong" % guest.name.encode(), b"QUIT")
    pass_by(chat, users[:6])
    after_a_change(chat, users)
    talking = Talking(users, 6)
    late = come_late(chat, talking, named("late", 4), 6 * size)
    for user in late:
        user.welcome(user.answer(1, b"LOGIN", 10.0))
    marked(chat, users[0], [*users, *late])
    talking = Talking(users, 5)
    chat.pump(lambda: talking.go_on() or talking.answered > size, 10.0)
    late[2].reset()  # in the middle of what is said to them
    late[3].leave()
    chat.pump(talking.go_on, 10.0)
    chat.deafen(late[0])
    says_much(users[1], users[2:] + users[:1], [b"%03d " % index + BIG for index in range(330)])
    asked = (b"HISTORY", b"WHO", *REFUSED, b"FOO")
    for user in users[:4]:
        user.send(*asked)
        user.answer(len(user.answers) + len(asked) - 1, b"FOO", 10.0)
    users[1].reset()
    late[1].reset()
    for user in users[2:4]:
        user.leave()
    again = comes_back(chat, users[2].name)
    again.leave()
    resumed = chat.user(late[1].name)
    resumed.ask(b"RESUME " + late[1].token)


def pass_by(chat: Chat, users: Sequence[User]) -> None:
    """Some log in and leave at once, while others ask all the time who is there."""
    for _round in range(2):
        before = [len(user.answers) for user in users]
        passers = chat.arrive(5, named("passer", 5))
        for index, passer in enumerate(passers):
            passer.send(b"LOGIN %s %s" % (passer.name.encode(), PASSWORD), b"WHO", b"QUIT")
            users[index].send(*[b"WHO"] * 8)
        for passer in passers:
            passer.answer(3, b"QUIT", 10.0)
        for user, number in zip(users[:5], before):
            user.answer(number + 7, b"WHO", 10.0)


def after_a_change(chat: Chat, users: Sequence[User]) -> None:
    """Some who were there before ask for what others have changed since, and have taken no lock in between.

    Whoever reads that without the lock of who has written it races with them, with nothing to hide it.
    """
    for round_ in range(2):
        guests = chat.connect(5)
        (fresh,) = chat.registered(f"fresh{round_}")
        guests[0].ask(b"RESUME " + b"0" * 32, 10.0)
        guests[1].ask(b"LOGIN %s wrong" % fresh.name.encode(), 10.0)
        guests[2].ask(b"REGISTER %s pass" % fresh.name.encode(), 10.0)
        fresh.leave()
        users[0].told(b"LEAVE " + fresh.name.encode(), 10.0)
        guests[3].ask(b"RESUME " + fresh.token, 10.0)
        users[1].say(b"something new")
        for user in users[2:4]:
            user.ask(b"HISTORY 3", 10.0)
            user.ask(b"WHO", 10.0)
        (other,) = chat.registered(f"other{round_}")
        guests[4].ask(b"RESUME " + other.token, 10.0)
        for guest in (*guests, other):
            guest.leave()


def visit(
    chat: Chat, witness: User, names: Sequence[str], tokens: Sequence[bytes], newcomer: str
) -> list[bytes]:
    """30 guests come, users log in or come back by their tokens, one registers; all leave. Returns their tokens."""
    guests = chat.arrive(30)
    users = chat.connect(len(names), names)
    for index, user in enumerate(users):
        resume = b"RESUME %s" % tokens[index] if tokens else b""
        user.send(resume or b"LOGIN %s %s" % (user.name.encode(), PASSWORD))
        user.welcome(user.answer(1, b"RESUME", 10.0))
    users[0].send(*[b"SAY " + b"x" * 500] * 10)
    users[0].answer(11, b"SAY")
    new = chat.registered(newcomer)
    for user, refused in ((guests[1], REFUSED_GUEST), (new[0], REFUSED)):
        before = max(len(user.answers), 1)
        user.send(*refused)
        user.answer(before + len(refused) - 1, refused[-1], 10.0)
    for index, guest in enumerate(guests + users + new):
        guest.reset() if index % 7 == 0 else guest.leave()
    gone = {b"LEAVE " + user.name.encode() for user in users + new}
    require(
        chat.pump(lambda: gone <= set(witness.news), 10.0),
        _("users have left, and the server does not tell everybody"),
        cause="news-missing",
    )
    witness.news.clear()
    return [user.token for user in users]


def throw_out(chat: Chat, size: int) -> None:
    """So many stop to read, each a message later than the one before: they are thrown out one after another; often."""
    alice, bob = chat.logged_in("user000", "user001")
    for number, first in enumerate(range(0, len(HOGS), size)):
        hogs = chat.logged_in(*HOGS[first : first + size])
        for hog in hogs:
            chat.deafen(hog)
            alice.say(BIG)
        says_much(alice, [bob], [b"%d.%03d " % (number, index) + BIG for index in range(330)])
        for hog in hogs:
            hog.reset()
    marked(chat, alice, [bob])


def watched(
    scene: Scene,
    tool: Tool,
    shim: Shim,
    size: int,
    events: Callable[[Chat, int], None] = drive,
) -> Running:
    """Let events happen to the server under a tool, stop it, and look at what the tool found. Returns the program."""
    known = named("user", size) + named("late", 4) + named("passer", 5) + HOGS
    chat = chats.start(scene, "-n", "20", known=known, tool=tool, shim=shim, network="narrow")
    program = chat.server.program
    with inspected(program):
        try:
            events(chat, size)
        except Fault:
            if tool is UNDER_ASAN:
                with suppress(Fault):  # its leak check comes at the end
                    stopping.ask_to_stop(program)
                    program.wait(program.deadline(2.0))
            raise
        stopping.stop_under_tool(chat.server)
    return program
