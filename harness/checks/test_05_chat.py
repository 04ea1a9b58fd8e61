"""Lab 05: a chat on an authentication server."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from labkit import chat as chats
from labkit import manners
from labkit.chat import Answer, Chat, Talking, User, messages
from labkit.checking import (
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Disconnected,
    Fault,
    Limits,
    Scene,
    Shim,
    Silent,
    Tool,
    _,
    blame,
    expect,
    inspected,
    require,
    screened,
    seeded,
    step,
    written,
)
from labkit.passwords import PASSWORD, hashed, salt, users_file
from labkit.person import Person

SERVER, CLIENT = "chat_server", "chat_client"
KIB, MIB = 1 << 10, 1 << 20
TOKEN = re.compile(rb"[0-9a-fA-F]{32}")
SALTED = re.compile(rb"\$y\$([./0-9A-Za-z]+)\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43}")
MOST_LINE = 1024  # bytes of a line, without its end
FEW_DESCRIPTORS = 64
MOST_WAITING = 256 * KIB  # bytes that may wait for a user who does not read
DISK = 64 * KIB  # bytes on a disk that is soon full
BIG = b"x" * 1000


# -- what all steps need -----------------------------------------------------------------------------------


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


def named(prefix: str, count: int) -> list[str]:
    """Names that sort as they are numbered."""
    return [f"{prefix}{index:03d}" for index in range(count)]


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


# -- step 1: Who are you? ----------------------------------------------------------------------------------


@step(1)
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The server and the client compile without a warning, with gcc and with clang."""
    for program in (SERVER, CLIENT):
        manners.compiles_cleanly(scene, program)


@step(1)
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with its real address and port."""
    manners.says_where_it_listens(scene, SERVER)
    manners.listens_where_told(scene, SERVER)
    manners.reports_busy_port(scene, SERVER)


@step(1)
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    cases = manners.wrong_ports() + manners.wrong_in_general()
    cases += [["-n", text, "-p", "0"] for text in ("5x", "", "-1", "100001")]
    cases += [["-c", text, "-p", "0"] for text in ("0", "12", "5x", "")]
    manners.refuses(scene, SERVER, cases)
    for option in ("-n", "-c"):
        manners.shows_usage(scene, SERVER, option)


@step(1)
def test_register_and_log_in(scene: Scene) -> None:
    """A name is registered once; then it takes its password to log in, and any refusal says just `ERR denied`."""
    chat = chats.start(scene)
    (alice,) = chat.registered("alice")
    other = chat.user("alice")
    answered(other, b"REGISTER alice other", b"ERR name-taken")
    for command in (b"LOGIN alice wrong", b"LOGIN alice " + PASSWORD.upper()):
        answered(other, command, b"ERR denied", "password-unchecked")
    for command in (b"LOGIN nobody wrong", b"LOGIN nobody " + PASSWORD, b"RESUME 0123"):
        answered(other, command, b"ERR denied", "tells-names")
    answered(other, b"LOGIN alice " + b"x" * 200, b"ERR denied", "password-unchecked")
    for command in (
        b"REGISTER bob pass",
        b"LOGIN alice " + PASSWORD,
        b"RESUME " + alice.token,
    ):
        answered(alice, command, b"ERR already-online", "online-twice")
    answered(alice, b"QUIT", b"OK bye")
    alice.must_end(_("after QUIT the connection stays open"))
    comes_back(chat, "alice")


BAD_NAMES = (
    b"a" * 33,
    "я".encode() * 17,
    b"a:b",
    b":",
    b"a\x01b",
    b"a\x7fb",
    b"a\tb",
    b"a\x00b",
    b"\xff",
    b"a\xc3",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
)
GOOD_NAMES = (b"b", b"B", b"a" * 32, "я".encode() * 16, "Юлия-№1".encode(), b"a.b-c_d!$")


@step(1)
def test_names_and_passwords(scene: Scene) -> None:
    """A name is 1 to 32 bytes of UTF-8 without space, control characters or `:`; a password 1 to 128 bytes."""
    chat = chats.start(scene)
    user = chat.user()
    for name in BAD_NAMES:
        answered(user, b"REGISTER %s pass" % name, b"ERR bad-name", "bad-name-taken")
    for password in (b"x" * 129, b"pass\x01word", b"pass\tword", b"pass word"):
        answered(user, b"REGISTER carol " + password, b"ERR bad-password", "bad-password-taken")
    for index, name in enumerate(GOOD_NAMES):
        user = chat.user(name.decode())
        with blame("good-name-refused"):
            user.register(b"x" * 128 if index else "пароль-~!".encode())


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


def hash_fits(hash_: bytes, password: bytes, cost: int) -> None:
    """The hash must be crypt(3)'s of the password, with yescrypt at this cost."""
    expect(
        hash_,
        hashed(password, hash_),
        _("crypt(3) of the password with the hash of the file"),
        "file-form",
    )
    match, wanted = SALTED.fullmatch(hash_), salt(cost).split(b"$")[2]
    expect(wanted, match[1] if match else b"", _("the cost of the hash"), "wrong-cost")


@step(1)
def test_identification_file(scene: Scene) -> None:
    """The file holds a line NAME:HASH each, readable for its owner alone, with a salt of its own, and no password."""
    for options, cost in ((("-u", "who.txt", "-H", "said.txt", "-c", "2"), 2), ((), 5)):
        chat = chats.start(scene, *options) if options else default_cost(scene)
        users = chat.registered("alice", "bob")
        for user in users:
            user.say(b"hello")
        here = chat.server.program.here
        path = here / (options[1] if options else chats.USERS_FILE)
        require(
            path.exists(),
            _("there is no identification file where it should be"),
            expected=path.name,
            got=" ".join(sorted(p.name for p in here.iterdir())),
            cause="file-form",
        )
        said = here / (options[3] if options else chats.HISTORY_FILE)
        require(
            said.exists(),
            _("there is no history file where it should be"),
            expected=said.name,
            got=" ".join(sorted(p.name for p in here.iterdir())),
            cause="history-lost",
        )
        mode = path.stat().st_mode & 0o777
        expect("0600", f"{mode:04o}", _("the mode of the identification file"), "file-readable")
        hashes = users_in(path)
        expect([b"alice", b"bob"], sorted(hashes), _("the names in the file"), "file-form")
        for hash_ in hashes.values():
            hash_fits(hash_, PASSWORD, cost)
        require(
            len(set(hashes.values())) == 2,
            _("two users with the same password have the same hash"),
            expected=_("a fresh salt each time"),
            got=written.content(path),
            cause="salt-reused",
        )
        for file in written.files(here):
            require(
                PASSWORD not in written.content(file),
                _("the password stands in {file}").format(file=file.name),
                cause="password-in-file",
            )


def default_cost(scene: Scene) -> Chat:
    """A server that was told of no cost."""
    return Chat(scene.server(SERVER, here=scene.directory()))


@step(1)
def test_login_tells_nothing(scene: Scene) -> None:
    """A name that does not exist is refused as slowly as a wrong password."""
    chat = chats.start(scene, "-c", "6")
    chat.registered("bob")
    user = chat.user()
    waited: dict[bytes, list[float]] = {b"bob": [], b"nobody": []}
    worked = {b"bob": 0.0, b"nobody": 0.0}
    for _round in range(5):
        for name in waited:
            began, used = time.monotonic(), chat.server.program.cpu_seconds()
            answered(user, b"LOGIN %s wrong" % name, b"ERR denied")
            waited[name].append(time.monotonic() - began)
            worked[name] += chat.server.program.cpu_seconds() - used
    known, unknown = min(waited[b"bob"]), min(waited[b"nobody"])
    as_much = 0.5 < worked[b"nobody"] / max(worked[b"bob"], 0.01) < 2.0  # load does not change that
    require(
        as_much or 0.5 < unknown / known < 2.0,
        _("how long the server takes to refuse a wrong password, and a name that does not exist"),
        expected=_("about {ms:.0f} ms in both cases").format(ms=known * 1000),
        got=_("{ms:.1f} ms for a name that does not exist").format(ms=unknown * 1000),
        cause="tells-names",
    )


@step(1)
def test_logins_at_once(scene: Scene) -> None:
    """Many who log in at the same moment with their right passwords are all let in, the others are not."""
    # A hash takes longer than a thread's turn on a CPU: two of them meet on a single one, too.
    chat = chats.start(scene, "-c", "4", shim=Shim())
    names = named("user", 16)
    for name in names:
        user = chat.user(name)
        user.register(name.encode() * 3)
        user.leave()
    with closing_once(chat):
        try:
            for round_ in range(4):
                with manners.survives(chat.server, "crypt-shared"):
                    log_in_at_once(chat, names, round_)
        except Fault as fault:
            fault.cause, fault.details = "crypt-shared", fault.details or fault.what
            raise


@step(1)
def test_a_file_that_was_edited(scene: Scene) -> None:
    """Lines that can't be read are reported with their numbers, kept and skipped; all others count."""
    here = scene.directory()
    alice, carol = users_file(["alice"]), users_file(["carol"])
    odd = b"no colon\n\n" + alice + b"bob:not-a-hash\nx y:" + alice[6:]
    (here / chats.USERS_FILE).write_bytes(odd + carol[:-1])
    chat = chats.start(scene, here=here)
    said = chat.server.program.stderr
    for number in (1, 2, 4, 5):
        require(
            said.wait_for(rf"\b{number}\b(?!\.)", chat.server.program.deadline(2.0)),
            _("line {n} of the identification file can't be read, and nobody says so").format(
                n=number
            ),
            expected=_("a message with the line's number on stderr"),
            got=said.text(),
            cause="bad-line-unreported",
        )
    chat.logged_in("alice", "carol")
    chat.registered("dave")
    now = written.content(here / chats.USERS_FILE, b"")
    require(
        now.startswith(odd),
        _("lines that can't be read must stay as they are"),
        expected=odd,
        got=now,
        cause="bad-line-dropped",
    )
    still_known(chat, ["alice", "carol", "dave"])


def still_known(chat: Chat, names: Sequence[str]) -> None:
    """After a kill -9 and a new start, these users must be able to log in."""
    chats.kill(chat)
    try:
        chats.again(chat).logged_in(*names)
    except Fault as fault:
        fault.cause = "user-lost"
        raise


def log_in_at_once(chat: Chat, names: Sequence[str], round_: int) -> None:
    """All log in at the same moment, every fourth with a wrong password, and leave again."""
    deadline = chat.server.program.deadline(3.0)
    users = chat.connect(len(names), names)
    for index, user in enumerate(users):
        wrong = b"x" if (index + round_) % 4 == 0 else b""
        user.send(b"LOGIN %s %s" % (user.name.encode(), user.name.encode() * 3 + wrong))
    for index, user in enumerate(users):
        answer = user.answer(1, b"LOGIN")
        if answer.head == b"ERR already-online" and not deadline.passed:
            continue  # from the round before: the server has not yet noticed that they left
        wanted = b"ERR denied" if (index + round_) % 4 == 0 else b"OK welcome back"
        require(
            answer.head.startswith(wanted),
            _("many log in at once, and {user} gets a wrong answer").format(user=user.name),
            expected=wanted,
            got=answer.head,
            cause="crypt-shared",
        )
    for user in users:
        user.leave()


@step(1)
def test_users_are_kept(scene: Scene) -> None:
    """Who was answered `OK welcome` can log in after a kill -9, and the file has no torn line at any moment."""
    shim = Shim(seed=scene.seed, percent=100, max_us=10_000)
    chat = chats.start(scene, known=named("old", 2000), shim=shim)
    users = chat.connect(12, named("new", 12))
    for user in users:
        user.send(b"REGISTER %s %s" % (user.name.encode(), PASSWORD))
    deadline = chat.server.program.deadline(20.0)
    while not deadline.passed and any(len(user.answers) < 2 for user in users):
        chat.move(0.001)
        as_a_crash_would(chat, users)
    for user in users:
        user.welcome(user.answer(1, b"REGISTER"), b"OK welcome ")
    still_known(chat, [*named("new", 12), "old000"])


def as_a_crash_would(chat: Chat, users: Sequence[User]) -> None:
    """Stop the server for a moment, as a crash would for good, and look at its file."""
    welcomed = [user.name.encode() for user in users if len(user.answers) > 1]
    with manners.held(chat.server.program), blame("torn-file"):
        kept = users_in(chat.server.program.here / chats.USERS_FILE)
    lost = [name for name in [b"old000", b"old1999", *welcomed] if name not in kept]
    require(
        not lost,
        _("somebody was welcomed, and is not in the file"),
        expected=b"\n".join(lost),
        got=_("{n} users").format(n=len(kept)),
        cause="user-lost" if len(kept) > 1999 else "torn-file",
    )


@step(1)
def test_tokens(scene: Scene) -> None:
    """A token lets its user, and nobody else, come back without a password until the server ends."""
    chat = chats.start(scene)
    alice, bob = chat.registered("alice", "bob")
    for user in (alice, bob):
        require(
            TOKEN.fullmatch(user.token),
            _("a token must be 128 bits in hex"),
            expected=_("32 hexadecimal digits"),
            got=user.token,
            cause="token-form",
        )
    answered(chat.user(), b"RESUME " + alice.token[:-1], b"ERR denied", "token-form")
    alice.leave()
    second = comes_back(chat, "alice", token=alice.token)
    if second.token != alice.token:
        answered(chat.user(), b"RESUME " + alice.token, b"ERR denied", "token-form")
    chats.kill(chat)
    user = chats.again(chat).user("alice")
    answered(user, b"RESUME " + second.token, b"ERR denied", "token-outlives")


@step(1)
def test_tokens_cannot_be_guessed(scene: Scene) -> None:
    """Tokens are random in every bit, and not the same again from a server that starts in the same second."""
    seen: set[bytes] = set()
    servers = [chats.start(scene, known=named("user", 48)) for _server in range(3)]
    for chat in servers:
        tokens = [user.token for user in chat.logged_in(*named("user", 48))]
        require(
            len(set(tokens)) == len(tokens) and not seen & set(tokens),
            _("a token was given twice"),
            expected=_("tokens of their own for all users of all servers"),
            got=b"\n".join(sorted(seen & set(tokens)) or tokens[:2]),
            cause="token-guessable",
        )
        seen |= set(tokens)
        bits = [int(token, 16) for token in tokens if TOKEN.fullmatch(token)]
        fixed = [i for i in range(128) if len({value >> i & 1 for value in bits}) == 1]
        require(
            not fixed,
            _("{n} of a token's 128 bits are the same in all of {m} tokens").format(
                n=len(fixed), m=len(tokens)
            ),
            expected=_("128 random bits"),
            got=b"\n".join(tokens[:8]),
            cause="token-guessable",
        )


@step(1)
def test_no_room_for_a_user(scene: Scene) -> None:
    """Who cannot be written to the identification file is answered `ERR server-error`, and the server goes on."""
    if not scene.network().own:
        return  # only where a small disk of the program's own can be had
    small = Limits(tmp=DISK // 4)
    chat = chats.start(scene, "-u", "/tmp/users", "-H", "/tmp/history", limits=small)
    with manners.survives(chat.server, "write-unchecked"):
        refused = full_of_users(chat)
        answered(chat.user(), b"LOGIN %s pass" % refused, b"ERR denied", "write-unchecked")


def full_of_users(chat: Chat) -> bytes:
    """Register users until there is no room for one more; returns the name that was refused."""
    for name in named("user", 200):
        answer = chat.user().ask(b"REGISTER %s pass" % name.encode())
        if not answer.head.startswith(b"OK welcome"):
            expect(b"ERR server-error", answer.text(), _("the disk is full"), "write-unchecked")
            return name.encode()
    raise Fault(
        _("the disk is full, and users are still registered"),
        expected=b"ERR server-error",
        cause="write-unchecked",
    )


# -- step 2: Talk ------------------------------------------------------------------------------------------


@step(2)
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
        [], guest.said + guest.news, _("what somebody hears who is not logged in"), "not-logged-in"
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


TEXTS = (
    b"a",
    b"two  spaces, and at the end  ",
    b" a space before",
    "здравствуй, мир — ✓".encode(),
    b'%s%n %d \\n "quoted" : ; MSG bob fake',
    b"x" * (MOST_LINE - 4),
)


@step(2)
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


@step(2)
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
    answered(user, b"quit now", b"OK bye", "unknown-command")
    user.must_end(_("after QUIT the connection stays open"))
    user = comes_back(chat, "alice", b"secret")
    user.leave()


@step(2)
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
            _("{user} has left, and nobody is told").format(user=leaver.name),
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
        _("the comings and goings that were told, sorted"),
        "news-wrong",
    )
    for user in (*leavers, dora):
        own = [news for news in user.news if news.endswith(b" " + user.name.encode())]
        expect([], own, _("what {user} is told of himself").format(user=user.name), "news-wrong")


@step(2)
def test_who_is_there(scene: Scene) -> None:
    """`WHO` lists all who are logged in, sorted; words after it are ignored."""
    chat = chats.start(scene)
    users = chat.registered("mike", "anna", "zoe", "bert", "olga")
    chat.user()
    for command in (b"WHO", b"who is there", b"Who "):
        answer = users[0].ask(command)
        expect(
            b"OK END\nUSER anna\nUSER bert\nUSER mike\nUSER olga\nUSER zoe",
            answer.text(),
            _("the answer to {command}, its last line first").format(command=chats.shown(command)),
            "who-wrong",
        )
    users[1].leave()
    require(users[0].told(b"LEAVE anna"), _("nobody is told that anna left"), cause="news-missing")
    expect(
        [b"USER bert", b"USER mike", b"USER olga", b"USER zoe"],
        users[0].ask(b"WHO").items,
        _("who is there when anna has left"),
        "who-wrong",
    )


@step(2)
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


@step(2)
def test_stops(scene: Scene) -> None:
    """SIGINT and SIGTERM: connections are closed and reported, exit 0 within a second, and the port can be bound again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        idle = manners.idle(scene.server(SERVER))
        manners.stops(idle, [], number, unsaid="not-awaited")
    chat = chats.start(scene, known=named("user", 30), network="narrow")
    users = chat.logged_in(*named("user", 30))
    guests = chat.connect(10)
    chat.deafen(users[0])
    users[0].client.push(b"HISTORY\n" * 20_000)
    clients = [user.client for user in users + guests]
    for client in clients:
        client.sock.setblocking(True)
    manners.stops(chat.server, clients, signal.SIGTERM, unsaid="not-awaited")
    manners.binds_again(scene, chat.server)


@step(2)
def test_no_stop_is_lost(scene: Scene) -> None:
    """A signal that comes at an inconvenient moment stops the server all the same."""
    manners.hears_every_signal(
        scene, SERVER, "lost-signal", b"OK chat ready\nERR unknown-command\n"
    )


# -- step 3: Remember --------------------------------------------------------------------------------------


def same_history(wanted: Sequence[bytes], got: Sequence[bytes], what: str, cause: str) -> None:
    """A history must hold exactly these messages, in this order."""
    expect(b"\n".join(wanted) or b"", b"\n".join(got), what, cause)


@step(3)
def test_history_on_login(scene: Scene) -> None:
    """Who logs in gets the last HISTORY_SIZE messages, oldest first, then `OK END`; who registers or resumes, too."""
    chat = chats.start(scene, "-n", "5", known=["carol"])
    alice, bob = chat.registered("alice", "bob")
    said: list[bytes] = []
    for index, speaker in enumerate((alice, bob, bob, alice, bob, alice, alice, bob)):
        if index in (3, 5, 6):
            late = chat.user(f"late{index}")
            got = messages(late.register())
            same_history(said[-5:], got, _("the history of who registers"), "history-size")
        speaker.say(b"number %d" % index)
        said.append(b"%s number %d" % (speaker.name.encode(), index))
    (carol,) = chat.connect(1, ["carol"])
    same_history(
        said[-5:], messages(carol.log_in()), _("the history of who logs in"), "history-size"
    )
    carol.leave()
    require(alice.told(b"LEAVE carol"), _("nobody is told that carol left"), cause="news-missing")
    again = chat.user("carol")
    got = messages(again.welcome(again.ask(b"RESUME " + carol.token)))
    same_history(said[-5:], got, _("the history of who resumes"), "history-size")
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
    same_history(said[60 - wanted :], got, _("the history of who registers"), "history-size")


@step(3)
def test_history_command(scene: Scene) -> None:
    """`HISTORY N` tells the last N messages, `HISTORY` all that are kept, and what is no number is refused."""
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


@step(3)
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
            same_history(kept, got[-len(kept) :], _("the history after a restart"), "history-lost")
        alice.say(b"after a restart, %d" % size)
        said.append(b"alice after a restart, %d" % size)
        chat.server.stop(seconds=3.0)


KILLS, CRASHES = 3, 16


@step(3)
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
    """A server that starts with these files must know all that was said, once, and nothing torn."""
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


@step(3)
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


# -- step 4: Many users ------------------------------------------------------------------------------------

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


def _why_not_this_order(wanted: Sequence[bytes], got: Sequence[bytes], own: bytes) -> str:
    """What is wrong with a list of messages: strange ones, too many, too few, or in another order."""
    if any(message.startswith(own) for message in got):
        return "message-echoed"
    if set(got) - set(wanted):
        return "garbled-lines"
    if len(set(got)) < len(got):
        return "message-twice"
    return "message-lost" if len(got) < len(wanted) else "order-differs"


def everything_said(order: Sequence[bytes], users: Sequence[User], each: int) -> None:
    """The history must hold all that was said, each user's messages in their order."""
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


@step(4)
def test_a_hundred_users(scene: Scene) -> None:
    """100 users say 20 messages each at once: each of the others hears each of them once, all in one order."""
    names = named("user", EVERYBODY)
    chat = chats.start(scene, "-n", "5000", known=names)
    users = chat.logged_in(*names)
    order = all_say(chat, users, EACH)
    everything_said(order, users, EACH)
    one_order(users, order)


@step(4)
def test_one_order_with_perturbed_schedules(scene: Scene) -> None:
    """The same holds when threads are interrupted at the worst moments."""
    names = named("user", 12)
    for shim in seeded(scene.seed, 3):
        chat = chats.start(scene, "-n", "1000", known=names, shim=shim)
        users = chat.logged_in(*names)
        order = all_say(chat, users, 10)
        everything_said(order, users, 10)
        one_order(users, order)


@step(4)
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


# -- step 5: Latecomers ------------------------------------------------------------------------------------


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


@step(5)
def test_latecomers(scene: Scene) -> None:
    """Who logs in while others talk gets a history and live messages that join without a gap or a repeat; HISTORY comes in one piece."""
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
    """What HISTORY tells while others talk must be a run of the one order: nothing that is said comes in between."""
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


# -- step 6: Nobody waits for the slow ---------------------------------------------------------------------

QUICK = (
    1.0  # seconds that a message may take on an idle machine; correct programs need milliseconds
)


def round_trip(speaker: User, listener: User, text: bytes) -> None:
    """What is said must be answered and heard soon; where it is not, somebody's lock is held."""
    try:
        answer = speaker.ask(b"SAY " + text, QUICK)
        expect(b"OK", answer.text(), _("the answer to SAY"), "wrong-answer")
        listener.heard(speaker.name.encode() + b" " + text, QUICK)
    except Silent as fault:
        fault.cause = "lock-held"
        raise


def says_much(speaker: User, listeners: Sequence[User], texts: Sequence[bytes]) -> None:
    """Say all this, so much at a time as may wait for the listeners."""
    for first in range(0, len(texts), 50):
        some, before = texts[first : first + 50], len(speaker.answers)
        speaker.send(*[b"SAY " + text for text in some])
        speaker.answer(before + len(some) - 1, b"SAY", 10.0)
        for listener in listeners:
            listener.heard(speaker.name.encode() + b" " + some[-1], 10.0)


@step(6)
def test_a_user_who_does_not_read(scene: Scene) -> None:
    """A user who does not read delays nobody; 200 KiB wait for him, and he gets them when he reads again."""
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
    expect("", hog.ended, _("200 KiB were said to somebody who was slow"), "cut-off-early")
    wanted = [b"alice %03d " % index + BIG for index in range(200)]
    expect(
        b"\n".join(wanted),
        b"\n".join(hog.said),
        _("what he hears who reads late"),
        _why_not_this_order(wanted, hog.said, b"hog "),
    )
    for user in hasty:
        answered_between(chat, user, wanted)


ASIDE = 20


def answered_between(chat: Chat, user: User, wanted: Sequence[bytes]) -> None:
    """Somebody has sent commands, and QUIT, while much waited for him: the answers must come between whole lines of it."""
    chat.undeafen(user)
    user.must_end(_("after QUIT the connection stays open"))
    expect(
        b"\n".join([*wanted[: len(user.said)], *[b"ERR unknown-command"] * ASIDE, b"OK bye"]),
        b"\n".join([*user.said, *[answer.text() for answer in user.answers[2:]]]),
        _("what he hears who asked something and then read what waited for him, answers last"),
        "garbled-lines",
    )


@step(6)
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
    require(
        bob.told(b"LEAVE hog", 2.0),
        _("{n} KiB were said to a user who does not read, and he is still there").format(
            n=most * len(BIG) // KIB
        ),
        expected=b"LEAVE hog",
        got=b"\n".join(bob.news),
        cause="never-cut-off",
    )
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


@step(6)
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
    require(bob.told(b"JOIN slow"), _("nobody is told of who came"), cause="news-missing")
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


@step(6)
def test_answers_nobody_reads(scene: Scene) -> None:
    """Who sends commands and never reads their answers delays nobody else."""
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


HASHING = "8"  # the cost; some 0.2 s and 128 MiB


@step(6)
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
                bob.told(b"LEAVE carol"), _("nobody is told that carol left"), cause="news-missing"
            )
            bob.news.clear()


def hashes_beside(alice: User, bob: User, user: User, command: bytes, start: bytes) -> None:
    """While a command with a password is at work, two others must not come to a standstill."""
    rounds, began = 0, time.monotonic()
    user.send(command)
    while len(user.answers) < 2 and rounds < 2000:
        alice.say(b"round %d" % rounds)
        bob.heard(b"alice round %d" % rounds)
        bob.said.clear()
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


# -- step 7: Rude guests -----------------------------------------------------------------------------------


def still_serves(chat: Chat, users: Sequence[User], what: str, cause: str) -> None:
    """Those who are there must be served, and somebody new, though `what` has happened."""
    try:
        chat.settle(users)
        chat.user().leave()
    except Fault as fault:
        fault.cause = cause
        fault.what = _("after {what}: {why}").format(what=what, why=fault.what)
        raise


@step(7)
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


@step(7)
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
            _("nobody is told that somebody left"),
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


@step(7)
def test_one_name_fifty_times(scene: Scene) -> None:
    """Of 50 who register one name at once exactly one is welcomed, the others hear `ERR name-taken`, the file has one line."""
    for shim in (None, *seeded(scene.seed, 2)):
        # A hash takes longer than a thread's turn on a CPU: others ask meanwhile, on a single one, too.
        chat = chats.start(scene, "-c", "4", shim=shim)
        (witness,) = chat.registered("witness")
        users = chat.connect(50, ["alice"] * 50)
        with manners.held(chat.server.program):
            for index, user in enumerate(users):
                user.send(b"REGISTER alice pass%d" % index)
        heads = [user.answer(1, b"REGISTER", 20.0).head for user in users]
        welcome = [head for head in heads if head.startswith(b"OK welcome alice ")]
        refused = heads.count(b"ERR name-taken")
        require(
            (len(welcome), refused) == (1, 49),
            _("the answers to {n} registrations of one name").format(n=50),
            expected="49  ERR name-taken\n1  OK welcome alice TOKEN",
            got=tally(heads),
            cause="registered-twice",
        )
        lines = users_in(chat.server.program.here / chats.USERS_FILE)
        expect(
            [b"alice", b"witness"], sorted(lines), _("the names in the file"), "registered-twice"
        )
        marked(chat, witness, [users[heads.index(welcome[0])]])
        expect([b"JOIN alice"], witness.news, _("the comings told"), "registered-twice")


@step(7)
def test_online_once(scene: Scene) -> None:
    """Of 50 who log in with one name at once exactly one is welcomed, and the others hear `ERR already-online`."""
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
    welcome = [head for head in heads if head.startswith(b"OK welcome back alice ")]
    refused = heads.count(b"ERR already-online")
    require(
        (len(welcome), refused) == (1, 49),
        _("the answers to {n} logins with one name").format(n=50),
        expected="49  ERR already-online\n1  OK welcome back alice TOKEN",
        got=tally(heads),
        cause="online-twice",
    )
    there = witness.ask(b"WHO").items
    expect([b"USER alice", b"USER witness"], there, _("who is there"), "online-twice")
    for user in users:
        user.leave()
    require(witness.told(b"LEAVE alice"), _("nobody is told that alice left"), cause="news-missing")
    witness.news.clear()
    return welcome[0].rsplit(b" ", 1)[1]


@step(7)
def test_ctrl_z(scene: Scene) -> None:
    """A server that was stopped with Ctrl-Z and continued goes on with all its users."""
    chat = chats.start(scene, known=["alice", "bob"])
    users = chat.logged_in("alice", "bob")
    with manners.survives(chat.server, "interrupted-call"):
        manners.stopped_and_continued(chat.server)
        still_serves(chat, users, _("Ctrl-Z and fg"), "interrupted-call")


@step(7)
def test_a_broken_pipe(scene: Scene) -> None:
    """Writing to somebody who is gone ends neither the server nor anybody else's connection."""
    chat = chats.start(scene, known=["alice", "bob", "gone"], shim=manners.piecemeal(scene))
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


@step(7)
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
        _("users have reset their connections, and not everybody is told"),
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


@step(7)
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


@step(7)
def test_out_of_descriptors(scene: Scene) -> None:
    """Out of descriptors the server says so once, burns no CPU and loses nobody; who waits is let in when another leaves."""
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
        manners.calm_while_short(chat.server.program)
        outside = [guest for guest in guests if not greeted(guest)]
        for guest in inside[: manners.LEFT]:
            guest.leave()
        manners.let_in(chat.server, lambda: came_in(chat, outside), len(outside))
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


@step(7)
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
        for guest in inside:
            answered(guest, b"WHO", b"ERR login-first")
            guest.leave()
        program.eventually(lambda: program.stats().alive < MOST_THREADS // 2, 3.0)
        comes_back(chat, "alice")


@step(7)
def test_gives_everything_back(scene: Scene) -> None:
    """When 1,000 guests have come and gone, threads, descriptors and memory are back where they were."""
    names = named("user", 20)
    chat = chats.start(scene, known=[*names, "witness"], shim=Shim())
    program = chat.server.program
    (witness,) = chat.logged_in("witness")
    tokens: list[bytes] = []
    for _round in range(2):
        tokens = visit(chat, witness, names, tokens)
    threads, descriptors = manners.lowest(program, "threads"), manners.lowest(
        program, "descriptors"
    )
    resident = program.resident()
    for _round in range(20):
        tokens = visit(chat, witness, names, tokens)
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


def visit(chat: Chat, witness: User, names: Sequence[str], tokens: Sequence[bytes]) -> list[bytes]:
    """30 guests come, and users who log in, or come back by their tokens, talk and leave; returns their tokens."""
    guests = chat.arrive(30)
    users = chat.connect(len(names), names)
    for index, user in enumerate(users):
        resume = b"RESUME %s" % tokens[index] if tokens else b""
        user.send(resume or b"LOGIN %s %s" % (user.name.encode(), PASSWORD))
        user.welcome(user.answer(1, b"RESUME", 10.0))
    users[0].send(*[b"SAY " + b"x" * 500] * 10)
    users[0].answer(11, b"SAY")
    for index, guest in enumerate(guests + users):
        guest.reset() if index % 7 == 0 else guest.leave()
    gone = {b"LEAVE " + user.name.encode() for user in users}
    require(
        chat.pump(lambda: gone <= set(witness.news), 10.0),
        _("users have left, and not everybody is told"),
        cause="news-missing",
    )
    witness.news.clear()
    return [user.token for user in users]


@step(7)
def test_no_memory_is_lost(scene: Scene) -> None:
    """LeakSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer find nothing, whatever the guests did."""
    watched(scene, UNDER_ASAN, Shim(seed=scene.seed), 8)


# -- step 8: The client ------------------------------------------------------------------------------------


@step(8)
def test_client_arguments(scene: Scene) -> None:
    """The client takes NAME, and nothing more; -h shows the usage; where no server is, it says so and fails."""
    cases = [["-p", text, "alice"] for text in manners.NUMBERS_THAT_ARE_NONE]
    cases += [[], ["alice", "bob"], ["-Z", "alice"], ["-p"], ["-a", "nowhere", "alice"]]
    manners.refuses(scene, CLIENT, cases)
    manners.shows_usage(scene, CLIENT)
    nobody = scene.start(CLIENT, "-p", str(manners.free_port(scene)), "alice", stdin=b"pass\n")
    ended = nobody.run_to_end(5.0)
    said = nobody.stderr.text()
    require(
        ended.status == 1 and said,
        _("where nobody listens the client must fail"),
        expected=_("exit status 1, and the reason on stderr"),
        got=f"{ended}\n{said}",
        cause="wrong-exit-status",
    )


@step(8)
def test_password_is_not_shown(scene: Scene) -> None:
    """The password is not shown; a name that the server doesn't know is registered; a wrong password lets nobody in."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    for name in ("alice", "newcomer"):
        person = Person(chat, name)
        person.comes(bob)
        person.client.type(b"hello\r")
        bob.heard(name.encode() + b" hello")
        require(
            PASSWORD not in person.seen,
            _("the password stands on the screen"),
            expected=_("the password is not shown"),
            got=person.seen,
            cause="password-shown",
        )
    thief = Person(chat, "bob")
    bob.leave()
    thief.gives_password(b"wrong")
    said = thief.client.eventually(
        lambda: thief.seen.count(b"\n") >= 2 or not thief.client.running, 3.0
    )
    (witness,) = chat.registered("witness")
    require(
        said and b"USER bob" not in witness.ask(b"WHO").items,
        _("a wrong password"),
        expected=_("it is said that it is wrong"),
        got="\n".join(thief.screen),
        cause="client-login",
    )


@step(8)
def test_talking_at_a_terminal(scene: Scene) -> None:
    """What others say is shown as `NAME: TEXT`, also while a line is typed, which stays whole on the screen and is sent whole."""
    chat = chats.start(scene, known=["alice"])
    bob, carol = chat.registered("bob", "carol")
    person = Person(chat, "alice")
    person.comes(bob)
    bob.say("привет, alice".encode())
    person.sees_line("bob: привет, alice")
    long = (
        "y" * (MOST_LINE - 5) + "z"
    )  # with what the server puts before it, longer than any line it takes
    bob.say(long.encode())
    require(
        person.sees(lambda screen: f"bob: {long}" in "".join(screen)),
        _("a message of {n} bytes is not shown whole").format(n=len(long)),
        expected=f"bob: {long}",
        got="\n".join(person.screen),
        cause="not-shown",
    )
    person.client.type(b"half a sen")
    whole = person.sees(lambda screen: screen[-1].endswith("half a sen"))
    require(
        whole,
        _("what is typed"),
        expected="half a sen",
        got="\n".join(person.screen),
        cause="typed-not-shown",
    )
    for number, speaker in enumerate((bob, carol, bob)):
        speaker.say(b"in between %d" % number)
        person.sees_line(f"{speaker.name}: in between {number}")
        require(
            person.sees(lambda screen: screen[-1].endswith("half a sen")),
            _(
                "a message has come, and the line that is being typed is no longer whole on the screen"
            ),
            expected=_("… half a sen, at the cursor"),
            got="\n".join(person.screen),
            cause="typed-line-torn",
        )
    person.client.type("tence, да\r".encode())
    with blame("typed-line-torn"):
        bob.heard("alice half a sentence, да".encode())


@step(8)
def test_client_commands(scene: Scene) -> None:
    """`/who` shows who is there, `/history` what was said; `/quit`, or Ctrl-D, ends the client with status 0."""
    chat = chats.start(scene, known=["alice", "zorro"])
    bob, zorro = chat.registered("bob") + chat.logged_in("zorro")
    bob.say(b"early")
    for leaving in (b"/quit\r", b"\x04"):
        person = Person(chat, "alice")
        person.comes(bob)
        person.client.type(b"/who\r")
        require(
            person.sees(lambda screen: any("zorro" in line for line in screen)),
            _("`/who` must show who is there"),
            expected="zorro",
            got="\n".join(person.screen),
            cause="client-command",
        )
        bob.say(b"late")
        person.sees_line("bob: late")
        before = person.screen.count("bob: early")
        person.client.type(b"/history\r")
        with blame("client-command"):
            try:
                person.sees_line("bob: early", before + 1)
            except Silent as fault:
                fault.cause = "client-command"
                raise
        person.client.type(leaving)
        person.ends(0, "client-stays")
        require(bob.told(b"LEAVE alice"), _("nobody is told that alice left"), cause="news-missing")
        bob.news.clear()
    heard = [message for message in bob.said if b"/" in message]
    expect([], heard, _("commands that were said to everybody"), "client-command")
    del zorro


@step(8)
def test_server_gone(scene: Scene) -> None:
    """When the server is gone, the client says so, ends with status 1 and leaves the terminal as it was."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    person = Person(chat, "alice")
    person.comes(bob)
    bob.say(b"last words")
    person.sees_line("bob: last words")
    person.client.type(b"half a")
    person.sees(lambda screen: screen[-1].endswith("half a"))
    chats.kill(chat)
    if person.client.wait(person.client.deadline(1.0)) is None:
        person.client.type(b" line\r")  # where it was not noticed at once, it is now
    person.ends(1, "server-gone")


@step(8)
def test_interrupted_client(scene: Scene) -> None:
    """Ctrl-C ends the client, while it asks for the password too, and the terminal is as it was."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    asked = Person(chat, "alice")
    asked.client.eventually(lambda: bool(asked.seen) and not asked.echo(), 3.0)
    asked.client.type(b"\x03")
    asked.ends(None, "client-stays")
    person = Person(chat, "alice")
    person.comes(bob)
    bob.say(b"hello")
    person.sees_line("bob: hello")
    person.client.type(b"half a")
    person.sees(lambda screen: screen[-1].endswith("half a"))
    person.client.type(b"\x03")
    person.ends(None, "client-stays")


# -- step 9: No races, no deadlocks ------------------------------------------------------------------------


def drive(chat: Chat, size: int) -> None:
    """Steps 1 to 6, smaller: registrations, logins, talk, latecomers, one who never reads, and resets."""
    names = named("user", size)
    users = chat.logged_in(*names)
    guests = chat.connect(8, ["rival", "rival", "new0", "new1"] * 2)
    for guest in guests[:4]:
        guest.send(b"REGISTER %s pass" % guest.name.encode(), b"WHO")
    for guest in guests[:4]:
        guest.answer(2, b"WHO", 10.0)
    for guest in guests[4:]:  # their threads were there before that name was
        guest.send(b"LOGIN %s wrong" % guest.name.encode(), b"QUIT")
    pass_by(chat, users[:6])
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
    for user in users[:4]:
        user.send(b"HISTORY", b"WHO", b"SAY", b"LOGIN x y", b"RESUME 00", b"FOO")
        user.answer(len(user.answers) + 5, b"FOO", 10.0)
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


def watched(scene: Scene, tool: Tool, shim: Shim, size: int) -> None:
    """Drive the server under a tool, stop it, and look at what the tool found."""
    known = named("user", size) + named("late", 4) + named("passer", 5)
    chat = chats.start(scene, "-n", "20", known=known, tool=tool, shim=shim, network="narrow")
    program = chat.server.program
    with inspected(program):
        try:
            drive(chat, size)
        except Fault:
            if tool is UNDER_ASAN:
                with suppress(Fault):  # its leak check comes at the end
                    manners.ask_to_stop(program)
                    program.wait(program.deadline(2.0))
            raise
        manners.stop_under_tool(chat.server)


@step(9)
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    program = scene.start(SERVER, "-h")
    program.run_to_end(3.0)
    screened(program)


@step(9)
def test_thread_sanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds no data race, no lock taken in two orders and no thread left behind."""
    for shim in (Shim(), *seeded(scene.seed, 2)):
        watched(scene, UNDER_TSAN, shim, 10)


@step(9)
def test_helgrind(scene: Scene) -> None:
    """Helgrind finds no misuse of a lock: none left locked, none unlocked twice, no order turned round."""
    watched(scene, UNDER_HELGRIND, Shim(), 6)
