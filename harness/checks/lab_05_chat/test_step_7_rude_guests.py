"""Lab 05, step 7: Rude guests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat, User
from checks.lab_05_chat.passwords import PASSWORD
from checks.lab_05_chat.shared import (
    KIB,
    MIB,
    MOST_LINE,
    answered,
    closing_once,
    comes_back,
    marked,
    named,
    throw_out,
    users_in,
    visit,
    watched,
)
from labkit.scene import departed, manners, shortages
from labkit.scene.checking import (
    UNDER_ASAN,
    Fault,
    Limits,
    Scene,
    Shim,
    _,
    blame,
    expect,
    renamed,
    require,
    seeded,
    step,
)

FEW_DESCRIPTORS = 64


def still_serves(chat: Chat, users: Sequence[User], what: str, cause: str) -> None:
    """Those who are there must be served, and somebody new, though `what` has happened."""
    try:
        chat.settle(users)
        chat.user().leave()
    except Fault as fault:
        fault.cause = cause
        fault.what = _("after {what}: {why}").format(what=what, why=fault.what)
        raise


@step(7, "too-long", "lines")
def test_long_lines(scene: Scene) -> None:
    """A line of 1024 bytes is taken; a longer one is `ERR too-long` once, whatever its length, and costs no memory."""
    chat = chats.start(scene)
    alice, bob = chat.registered("alice", "bob")
    for end in (b"\n", b"\r\n"):
        before = len(alice.answers)
        alice.put(b"SAY " + b"x" * (MOST_LINE - 4) + end)
        expect(b"OK", alice.answer(before, b"SAY").text(), _("a line of 1024 bytes"), "line-length")
        alice.put(b"SAY " + b"x" * (MOST_LINE - 3) + end)
        got = alice.answer(before + 1, b"SAY").text()
        expect(b"ERR too-long", got, _("a line of 1025 bytes"), "line-length")
    grown = chat.server.program.resident()
    before = len(alice.answers)
    alice.quiet = True
    alice.put(b"QUIT now " * (2 * MIB))
    for line in (b"", b"NONSENSE"):
        alice.put(line + b"\n")
    alice.answer(before + 1, b"QUIT QUIT QUIT", 10.0)
    expect(
        [b"ERR too-long", b"ERR unknown-command"],
        [answer.text() for answer in alice.answers[before:]],
        _("the answers to an endless line, and to the one after it"),
        "line-length",
    )
    grown = chat.server.program.resident() - grown
    require(
        grown < 8 * MIB,
        _("an endless line takes {n} KiB of memory").format(n=grown // KIB),
        cause="line-length",
    )
    expect(
        [b"x" * (MOST_LINE - 4)],
        list({m[6:] for m in bob.said}),
        _("what bob hears"),
        "line-length",
    )


@step(7, "lines")
def test_half_lines(scene: Scene) -> None:
    """An unfinished last line is dropped, in whatever way its sender leaves; while it lasts, others are served."""
    chat = chats.start(scene)
    alice, bob = chat.registered("alice", "bob")
    ways: list[Callable[[User], object]] = [User.leave, User.finish_sending]
    for number, way in enumerate(ways):
        guest = chat.user(f"guest{number}")
        guest.register()
        guest.put(b"SAY whole\nSAY half of a li")
        bob.heard(b"guest%d whole" % number)
        alice.say(b"while somebody is in the middle of a line")
        way(guest)
        require(
            bob.told(b"LEAVE guest%d" % number),
            _("the server does not say that somebody left"),
            cause="news-missing",
        )
    marked(chat, alice, [bob])
    for heard in (bob.said, chat.history(bob, 50)):
        halves = [message for message in heard if b"half" in message]
        expect([], halves, _("messages that were never finished"), "half-line-taken")


def tally(heads: Sequence[bytes]) -> str:
    """How often each answer came, a line each; whatever the token, it is called TOKEN."""
    counts = Counter(re.sub(rb" [0-9A-Fa-f]{32}$", b" TOKEN", head) for head in heads)
    return "\n".join(f"{n}  {head.decode(errors='replace')}" for head, n in sorted(counts.items()))


def only_one(heads: Sequence[bytes], welcome: str, refusal: str, what: str, cause: str) -> int:
    """Of clients that all want the same, one must be welcomed, and the others refused; returns which one it is."""
    welcomed = [n for n, head in enumerate(heads) if head.startswith(f"{welcome} ".encode())]
    refused = heads.count(refusal.encode())
    require(
        (len(welcomed), refused) == (1, len(heads) - 1),
        what,
        expected=f"{len(heads) - 1}  {refusal}\n1  {welcome} TOKEN",
        got=tally(heads),
        cause=cause,
    )
    return welcomed[0]


@step(7, "promise-6")
def test_one_name_fifty_times(scene: Scene) -> None:
    """Of 50 clients that register one name at once exactly one is welcomed, the others hear `ERR name-taken`, the file has one line."""
    for shim in (None, *seeded(scene.seed, 2)):
        # A hash takes longer than a thread's turn on a CPU: others ask meanwhile, on a single one, too.
        chat = chats.start(scene, "-c", "4", shim=shim)
        (witness,) = chat.registered("witness")
        users = chat.connect(50, ["alice"] * 50)
        with manners.held(chat.server.program):
            for index, user in enumerate(users):
                user.send(b"REGISTER alice pass%d" % index)
        heads = [user.answer(1, b"REGISTER", 20.0).head for user in users]
        what = _("the answers to {n} registrations of one name").format(n=50)
        welcomed = only_one(heads, "OK welcome alice", "ERR name-taken", what, "registered-twice")
        lines = users_in(chat.server.program.here / chats.USERS_FILE)
        expect(
            [b"alice", b"witness"], sorted(lines), _("the names in the file"), "registered-twice"
        )
        marked(chat, witness, [users[welcomed]])
        expect([b"JOIN alice"], witness.news, _("the comings told"), "registered-twice")


@step(7, "online", "promise-6")
def test_online_once(scene: Scene) -> None:
    """Of 50 clients that log in with one name at once exactly one is welcomed, and the others hear `ERR already-online`."""
    for shim in (Shim(), *seeded(scene.seed, 2)):
        chat = chats.start(scene, known=["alice", "witness"], shim=shim)
        with closing_once(chat):
            (witness,) = chat.logged_in("witness")
            token = one_of_fifty(chat, witness, b"LOGIN alice " + PASSWORD)
            one_of_fifty(chat, witness, b"RESUME " + token)


def one_of_fifty(chat: Chat, witness: User, command: bytes) -> bytes:
    """50 clients send a command that lets alice in; one must be welcomed. Returns her token when all have left."""
    users = chat.connect(50, ["alice"] * 50)
    for user in users:
        user.send(command)
    heads = [user.answer(1, command, 20.0).head for user in users]
    what = _("the answers to {n} logins with one name").format(n=50)
    welcomed = only_one(heads, "OK welcome back alice", "ERR already-online", what, "online-twice")
    there = witness.ask(b"WHO").items
    expect([b"USER alice", b"USER witness"], there, _("who is there"), "online-twice")
    for user in users:
        user.leave()
    require(
        witness.told(b"LEAVE alice"),
        _("the server does not say that alice left"),
        cause="news-missing",
    )
    witness.news.clear()
    return heads[welcomed].rsplit(b" ", 1)[1]


LEAVERS = 4
HELD_SECONDS = (
    0.4  # for which a thread that has closed a connection does nothing more, on an idle machine
)


@step(7, "own-number", "as-before")
def test_a_number_given_to_the_next(scene: Scene) -> None:
    """Who is given the number of a socket that was just closed hears nothing that is meant for the one before."""
    held = Shim(close_us=min(3_000_000, round(HELD_SECONDS * 1e6 * scene.pace.factor())))
    leaving = named("leaver", LEAVERS)
    chat = chats.start(scene, known=["bob", *leaving], shim=held)
    program = chat.server.program
    with closing_once(chat):
        bob, *users = chat.logged_in("bob", *leaving)
        most = program.descriptors() - LEAVERS
        for user in users:
            user.leave()
        program.eventually(lambda: program.descriptors() <= most, 2.0)
        guests = chat.connect(LEAVERS)
        for number in range(3):
            bob.say(b"not for guests, %d" % number)
        for guest in guests:
            answered(guest, b"WHO", b"ERR login-first", "not-logged-in")
        overheard = [line for guest in guests for line in guest.said + guest.news]
        what = _("what clients hear who came when others had left, and are not logged in")
        expect(b"", b"\n".join(overheard), what, "closed-twice")
        for user in users:
            require(
                bob.told(b"LEAVE " + user.name.encode()),
                _("{user} has left, and nobody is told").format(user=user.name),
                cause="news-missing",
            )


@step(7, "ctrl-z")
def test_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on with all its users."""
    chat = chats.start(scene, known=["alice", "bob"])
    users = chat.logged_in("alice", "bob")
    with manners.survives(chat.server, "interrupted-call"):
        manners.stopped_and_continued(chat.server)
        still_serves(chat, users, _("Ctrl-Z and fg"), "interrupted-call")


@step(7, "rude", "as-before", "broken-pipe")
def test_a_broken_pipe(scene: Scene) -> None:
    """Writing to somebody who is gone ends neither the server nor anybody else's connection."""
    chat = chats.start(scene, known=["alice", "bob", "gone"], shim=departed.piecemeal(scene))
    alice, bob, gone = chat.logged_in("alice", "bob", "gone")
    with closing_once(chat), manners.survives(chat.server, "fatal-client"):
        with manners.held(chat.server.program):
            gone.send(*[b"WHO"] * 200)
            gone.leave()
            alice.send(*[b"SAY hello"] * 50)
        alice.answer(51, b"SAY")
        still_serves(
            chat, [alice, bob], _("a client that did not wait for its answer"), "fatal-client"
        )
        comes_back(chat, "gone")


@step(7, "rude", "join-leave", "as-before")
def test_garbage(scene: Scene) -> None:
    """Garbage, NUL bytes and resets at any moment harm nobody else."""
    chat = chats.start(scene, known=named("user", 10), shim=Shim(seed=scene.seed))
    with closing_once(chat), manners.survives(chat.server, "fatal-client"):
        rude(chat)


def rude(chat: Chat) -> None:
    """Guests send garbage or reset their connections; bob must not notice, but for being told who left."""
    (bob,) = chat.registered("bob")
    garbage = bytes(range(256)) * 20
    for data in (
        b"\0" * 5000,
        garbage,
        b"\n" * 500,
        b"\r\n" * 300,
        b"LOGIN\nREGISTER \nSAY\nRESUME\n",
    ):
        guest = chat.user()
        guest.put(data + b"\nNONSENSE\n")
        guest.finish_sending()
        guest.must_end(_("a client has half-closed, and the connection stays open"))
        expect(
            b"ERR unknown-command",
            guest.answers[-1].text(),
            _("the last answer"),
            "fatal-client",
        )
    for _round in range(3):
        resets(chat)
    gone = [b"LEAVE " + name.encode() for name in named("user", 10)]
    require(
        chat.pump(lambda: set(gone) <= set(bob.news), 5.0),
        _("users have reset their connections, and the server does not tell everybody"),
        expected=b"\n".join(gone),
        got=b"\n".join(bob.news[-20:]),
        cause="news-missing",
    )
    still_serves(chat, [bob], _("garbage and resets"), "fatal-client")


def resets(chat: Chat) -> None:
    """Clients reset their connections: at once, in the middle of a login, after it, while they are answered."""
    names = named("user", 10)
    guests = chat.arrive(30, names * 3)
    for guest in guests[:10]:
        guest.reset()
    for guest in guests[10:20]:
        guest.send(b"LOGIN %s %s" % (guest.name.encode(), PASSWORD))
        guest.reset()
    for guest in guests[20:]:
        guest.send(b"LOGIN %s %s" % (guest.name.encode(), PASSWORD), b"SAY hello", b"HISTORY")
    for guest in guests[20:]:
        guest.answer(1)
        guest.reset()


@step(7, "rude", "greeting")
def test_idle_connections(scene: Scene) -> None:
    """200 idle connections, and a thousand more at once, keep nobody from chatting; all are greeted."""
    chat = chats.start(scene, known=["alice", "bob"])
    with manners.survives(chat.server, "fatal-client"):
        idle = chat.connect(200)
        alice, bob = chat.logged_in("alice", "bob")
        many = chat.connect(1000)
        alice.say(b"hello")
        bob.heard(b"alice hello")
        for guest in many:
            guest.leave()
        answered(idle[0], b"WHO", b"ERR login-first", "not-logged-in")
        overheard = b"\n".join(line for guest in idle for line in guest.said + guest.news)
        expect(b"", overheard, _("what idle guests hear"), "not-logged-in")
        chat.settle([alice, bob])


@step(7, "shortage", "soon-in", "rude")
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once, burns no CPU and loses nobody; guests who wait are let in when others leave."""
    chat = chats.start(scene, known=["alice", "bob"], limits=Limits(files=FEW_DESCRIPTORS))
    with manners.survives(chat.server, "accept-error-fatal"):
        alice, bob = chat.logged_in("alice", "bob")
        guests = chat.arrive(100, some=True)
        chat.pump(lambda: full(chat, guests), 2.0)
        inside = [guest for guest in guests if greeted(guest)]
        lost = [guest for guest in guests if guest.ended]
        expect(0, len(lost), _("clients that were thrown out"), "lost-client")
        require(
            len(inside) >= 15,
            _("clients that were let in"),
            expected="15",
            got=len(inside),
            cause="lost-client",
        )
        shortages.calm_while_short(chat.server.program)
        outside = [guest for guest in guests if not greeted(guest)]
        for guest in inside[: shortages.LEFT]:
            guest.leave()
        shortages.let_in(chat.server, lambda: came_in(chat, outside), len(outside))
        alice.say(b"still here")
        bob.heard(b"alice still here")


def greeted(guest: User) -> bool:
    """Whether a guest was let in."""
    return bool(guest.answers)


def full(chat: Chat, guests: Sequence[User]) -> bool:
    """Whether the server has said that it is short, and all guests are in, or wait outside."""
    short = bool(chat.server.program.stderr.taken())
    return short and sum(map(greeted, guests)) + chat.server.waiting() >= len(guests)


def came_in(chat: Chat, guests: Sequence[User]) -> int:
    """Look for a moment; how many of these have been let in by now."""
    chat.move(0.02)
    return sum(map(greeted, guests))


MOST_THREADS = 20


@step(7, "rude", "as-before", "true-reason")
def test_out_of_threads(scene: Scene) -> None:
    """Where no thread can be started, that one client is closed, with a message, and all others go on."""
    chat = chats.start(scene, known=["alice"], shim=Shim(most_threads=MOST_THREADS))
    with manners.survives(chat.server, "thread-failure"), blame("thread-failure"):
        guests = chat.arrive(2 * MOST_THREADS)
        chat.pump(lambda: all(greeted(guest) or guest.ended for guest in guests), 3.0)
        inside = [guest for guest in guests if greeted(guest) and not guest.ended]
        hanging = [guest for guest in guests if not greeted(guest) and not guest.ended]
        require(
            len(inside) >= 5 and not hanging,
            _("with {n} threads to be had, {m} clients are served and {k} wait for nothing").format(
                n=MOST_THREADS, m=len(inside), k=len(hanging)
            ),
            expected=_("a client for whom there is no thread is closed"),
            cause="thread-failure",
        )
        program = chat.server.program
        require(
            len(inside) == len(guests)
            or program.eventually(lambda: bool(program.stderr.text()), 2.0),
            _("a client was closed because there was no thread, and nobody said so"),
            expected=_("a message on stderr"),
            cause="thread-failure",
        )
        shortages.gives_a_reason(program)
        for guest in inside:
            answered(guest, b"WHO", b"ERR login-first")
            guest.leave()
        program.eventually(lambda: program.stats().alive < MOST_THREADS // 2, 3.0)
        comes_back(chat, "alice")


@step(7, "given-back")
def test_gives_everything_back(scene: Scene) -> None:
    """When 1,000 guests have come and gone, threads, descriptors and memory are back where they were."""
    names = named("user", 20)
    chat = chats.start(scene, known=[*names, "witness"], shim=Shim())
    program = chat.server.program
    (witness,) = chat.logged_in("witness")
    tokens: list[bytes] = []
    for number in range(2):
        tokens = visit(chat, witness, names, tokens, f"new{number}")
    threads, descriptors = manners.lowest(program, "threads"), manners.lowest(
        program, "descriptors"
    )
    resident = program.resident()
    for number in range(2, 22):
        tokens = visit(chat, witness, names, tokens, f"new{number}")
    for measure, before, cause, what in (
        ("threads", threads, "thread-stays", _("threads after all guests have left")),
        (
            "descriptors",
            descriptors,
            "descriptor-leak",
            _("descriptors after all guests have left"),
        ),
    ):
        left = manners.settled(program, measure, before)
        require(
            left <= before,
            what,
            expected=str(before),
            got=left,
            cause=cause,
        )
    grown = manners.settled(program, "resident", resident + 6 * MIB) - resident
    require(
        grown <= 6 * MIB,
        _("resident memory grew by {kib} KiB over {n} connections").format(
            kib=grown // KIB, n=1000
        ),
        expected=_("at most {kib} KiB").format(kib=6 * KIB),
        cause="thread-leak" if program.stats().unclaimed > 100 else "memory-leak",
    )


@step(7, "given-back")
def test_no_memory_is_lost(scene: Scene) -> None:
    """LeakSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer find nothing, whatever the guests did."""
    watched(scene, UNDER_ASAN, Shim(seed=scene.seed), 8)


AT_ONCE = 16  # users who are thrown out
# What a sanitizer may see of an object that is gone; any other such fault shows in the check before.
GONE = ("use-after-free", "use-after-return", "bad-pointer", "buffer-overflow", "double-free")


@step(7, "promise-4", "given-back")
def test_thrown_out_one_after_another(scene: Scene) -> None:
    """Users who do not read are thrown out right after one another, and nothing that was theirs is used any more."""
    with renamed(GONE, "used-after-leaving"):
        for shim in seeded(scene.seed, 2):
            watched(scene, UNDER_ASAN, shim, AT_ONCE, throw_out)
