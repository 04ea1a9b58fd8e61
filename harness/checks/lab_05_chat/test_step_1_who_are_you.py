"""Lab 05, step 1: Who are you?"""

from __future__ import annotations

import re
import time

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat
from checks.lab_05_chat.logins import (
    as_a_crash_would,
    crypt_in_threads,
    hash_fits,
    is_reported,
    log_in_at_once,
    must_be_there,
    still_known,
)
from checks.lab_05_chat.passwords import PASSWORD, users_file
from checks.lab_05_chat.shared import (
    CLIENT,
    DISK,
    SERVER,
    answered,
    closing_once,
    comes_back,
    named,
    users_in,
)
from labkit.scene import manners, starting, usage
from labkit.scene.checking import (
    Fault,
    Limits,
    Scene,
    Shim,
    _,
    expect,
    renamed,
    require,
    step,
    written,
)

TOKEN = re.compile(rb"[0-9a-fA-F]{32}")


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The server and the client compile without a warning, with gcc and with clang."""
    for program in (SERVER, CLIENT):
        starting.compiles_cleanly(scene, program)


@step(1, "first-lines", "address", "busy-port")
def test_says_where_it_listens(scene: Scene) -> None:
    """The server says `server started`, then `listening on` with its real address and port."""
    starting.says_where_it_listens(scene, SERVER)
    starting.listens_where_told(scene, SERVER)
    starting.reports_busy_port(scene, SERVER)


@step(1, "arguments", "usage", "defaults")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    cases = usage.wrong_ports() + usage.wrong_in_general() + usage.wrong_addresses()
    cases += [["-n", text, "-p", "0"] for text in ("5x", "", "-1")]
    cases += [["-c", text, "-p", "0"] for text in ("0", "12", "5x", "")]
    usage.refuses(scene, SERVER, cases)
    for option in ("-n", "-c"):
        usage.shows_usage(scene, SERVER, option)


@step(1, "register", "login", "tells-nothing", "online", "quit")
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


@step(1, "names")
def test_names_and_passwords(scene: Scene) -> None:
    """A name is 1 to 32 bytes of UTF-8 without space, control characters or `:`; a password 1 to 128 bytes."""
    chat = chats.start(scene)
    user = chat.user()
    for name in BAD_NAMES:
        answered(user, b"REGISTER %s pass" % name, b"ERR bad-name", "bad-name-taken")
    for password in (b"x" * 129, b"pass\x01word", b"pass\tword"):
        answered(user, b"REGISTER carol " + password, b"ERR bad-password", "bad-password-taken")
    for index, name in enumerate(GOOD_NAMES):
        user = chat.user(name.decode())
        with renamed(["wrong-answer"], "good-name-refused"):
            user.register(b"x" * 128 if index else "пароль-~!".encode())
    whole = b"x" * 128
    others = [whole[:at] + b"y" + whole[at + 1 :] for at in (0, 64, 127)]
    for password in (*others, whole[:1], whole[:127]):
        answered(chat.user(), b"LOGIN B " + password, b"ERR denied", "password-unchecked")


@step(1, "file", "defaults")
def test_identification_file(scene: Scene) -> None:
    """The file holds a line NAME:HASH each, readable for its owner alone, with a salt of its own, and no password."""
    for options, cost in ((("-u", "who.txt", "-H", "said.txt", "-c", "2"), 2), ((), 5)):
        chat = chats.start(scene, *options) if options else default_cost(scene)
        users = chat.registered("alice", "bob")
        for user in users:
            user.say(b"hello")
        here = chat.server.program.here
        path = here / (options[1] if options else chats.USERS_FILE)
        must_be_there(path, _("there is no identification file where it should be"), "file-form")
        said = here / (options[3] if options else chats.HISTORY_FILE)
        must_be_there(said, _("there is no history file where it should be"), "history-lost")
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
    """A server that was started without a cost."""
    return Chat(scene.server(SERVER, here=scene.directory()))


@step(1, "tells-nothing")
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


@step(1, "at-once")
def test_logins_at_once(scene: Scene) -> None:
    """Users who log in at the same moment with their right passwords are all let in, the others are not."""
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
            at = crypt_in_threads(scene)
            if at:
                fault.cause, fault.details = "crypt-shared", at
            raise


@step(1, "odd-lines")
def test_a_file_that_was_edited(scene: Scene) -> None:
    """Lines that can't be read are reported with their numbers, kept and skipped; all others count."""
    here = scene.directory()
    alice, carol = users_file(["alice"]), users_file(["carol"])
    odd = b"no colon\n\n" + alice + b"bob:not-a-hash\nx y:" + alice[6:] + carol
    last = users_file(["erin"])[:-1]  # without an end: whole, or torn by a crash?
    (here / chats.USERS_FILE).write_bytes(odd + last)
    chat = chats.start(scene, here=here)
    for number in (1, 2, 4, 5):
        is_reported(chat, number)
    known = ["alice", "carol", "dave"]
    chat.logged_in(*known[:2])
    if chat.user("erin").ask(b"LOGIN erin " + PASSWORD).head != b"ERR denied":
        known.append("erin")
    else:
        is_reported(chat, 7)  # taken for torn, it is one more that can't be read
    chat.registered("dave")
    now = written.content(here / chats.USERS_FILE, b"")
    still_known(chat, known)
    require(
        now.startswith(odd) and re.search(rb"^%s$" % re.escape(last), now, re.MULTILINE),
        _("lines that can't be read must stay as they are"),
        expected=odd + last,
        got=now,
        cause="bad-line-dropped",
    )


@step(1, "file")
def test_users_are_kept(scene: Scene) -> None:
    """A user who got `OK welcome` can log in after a kill -9, and the file has no torn line at any moment."""
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


@step(1, "token")
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


@step(1, "token")
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


@step(1, "server-error")
def test_no_room_for_a_user(scene: Scene) -> None:
    """A user who cannot be written to the identification file gets `ERR server-error`, and the server goes on."""
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
