"""Lab 05, step 8: The client."""

from __future__ import annotations

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.passwords import PASSWORD
from checks.lab_05_chat.person import Person
from checks.lab_05_chat.shared import CLIENT, MOST_LINE
from labkit.scene import manners, starting, usage
from labkit.scene.checking import Scene, _, blame, expect, require, step


@step(8, "client-arguments", "arguments", "usage")
def test_client_arguments(scene: Scene) -> None:
    """The client takes NAME, and nothing more; -h shows the usage; where no server is, it says so and fails."""
    cases = [["-p", text, "alice"] for text in usage.NUMBERS_THAT_ARE_NONE]
    cases += [[], ["alice", "bob"], ["-Z", "alice"], ["-p"]]
    usage.refuses(scene, CLIENT, cases)
    usage.shows_usage(scene, CLIENT)
    nobody = scene.start(CLIENT, "-p", str(starting.free_port(scene)), "alice", stdin=b"pass\n")
    ended = nobody.run_to_end(5.0)
    said = nobody.stderr.text()
    require(
        ended.status == 1 and said,
        _("where nobody listens the client must fail"),
        expected=_("exit status 1, and the reason on stderr"),
        got=f"{ended}\n{said}",
        cause="wrong-exit-status",
    )


@step(8, "password-hidden", "enters")
def test_password_is_not_shown(scene: Scene) -> None:
    """The password is not shown; a name that the server doesn't know is registered; a wrong password lets nobody in."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    for name in ("alice", "newcomer"):
        person = Person.of(chat, name)
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
    thief = Person.of(chat, "bob")
    bob.leave()
    thief.gives_password(b"wrong")
    said = thief.client.eventually(
        lambda: thief.seen.count(b"\n") >= 2 or not thief.client.running, 3.0
    )
    (witness,) = chat.registered("witness")
    require(
        said and b"USER bob" not in witness.ask(b"WHO").items,
        _("a wrong password"),
        expected=_("a message that says that it is wrong"),
        got="\n".join(thief.screen),
        cause="client-login",
    )


@step(8, "lines", "shows")
def test_lines_of_the_server_in_any_portions(scene: Scene) -> None:
    """What the server sends comes in any portions: several lines at once, or a line in two pieces; each message is shown."""
    peer = scene.peer()
    person = Person(scene, peer.port, "alice")
    server = peer.accept(person.client)
    server.send(b"OK chat ready\n")
    person.gives_password()
    back = b"" if server.receive_line().upper().startswith(b"REGISTER") else b"back "
    server.send(b"OK welcome %salice %s\nOK END\n" % (back, b"0" * 32))
    server.send(b"MSG bob one line\n")
    person.sees_line("bob: one line")
    whole = "MSG bob привет\n".encode()
    for portions, shown in (
        ((b"MSG bob first\nMSG carol second\n",), ("bob: first", "carol: second")),
        ((whole[:9], whole[9:] + b"JOIN dora\nMSG d"), ("bob: привет",)),
        ((b"ora the last\n",), ("dora: the last",)),
    ):
        for portion in portions:
            server.send(portion)
            manners.come_to_rest(person.client)
        for line in shown:
            person.sees_line(line, cause="client-portions")


@step(8, "typing", "shows")
def test_talking_at_a_terminal(scene: Scene) -> None:
    """The client shows others' messages as `NAME: TEXT`, also while a line is typed, which stays whole on the screen and is sent whole."""
    chat = chats.start(scene, known=["alice"])
    bob, carol = chat.registered("bob", "carol")
    person = Person.of(chat, "alice")
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


@step(8, "client-commands", "client-ends")
def test_client_commands(scene: Scene) -> None:
    """`/who` shows who is there, `/history` what was said; `/quit`, or Ctrl-D, ends the client with status 0."""
    chat = chats.start(scene, known=["alice", "zorro"])
    bob, zorro = chat.registered("bob") + chat.logged_in("zorro")
    bob.say(b"early")
    for leaving in (b"/quit\r", b"\x04"):
        person = Person.of(chat, "alice")
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
        person.sees_line("bob: early", before + 1, "client-command")
        person.client.type(leaving)
        person.ends(0, "client-stays")
        require(
            bob.told(b"LEAVE alice"),
            _("the server does not say that alice left"),
            cause="news-missing",
        )
        bob.news.clear()
    heard = [message for message in bob.said if b"/" in message]
    expect([], heard, _("commands that the client sent to everybody"), "client-command")
    del zorro


@step(8, "client-ends")
def test_server_gone(scene: Scene) -> None:
    """When the server is gone, the client says so, ends with status 1 and leaves the terminal as it was."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    person = Person.of(chat, "alice")
    person.comes(bob)
    bob.say(b"last words")
    person.sees_line("bob: last words")
    person.client.type(b"half a")
    person.sees(lambda screen: screen[-1].endswith("half a"))
    chats.kill(chat)
    if person.client.wait(person.client.deadline(1.0)) is None:
        person.client.type(b" line\r")  # where it was not noticed at once, it is now
    person.ends(1, "server-gone")


@step(8, "client-ends")
def test_interrupted_client(scene: Scene) -> None:
    """Ctrl-C ends the client, while it asks for the password too, and the terminal is as it was."""
    chat = chats.start(scene, known=["alice"])
    (bob,) = chat.registered("bob")
    asked = Person.of(chat, "alice")
    asked.client.eventually(lambda: bool(asked.seen) and not asked.echo(), 3.0)
    asked.client.type(b"\x03")
    asked.ends(None, "client-stays")
    person = Person.of(chat, "alice")
    person.comes(bob)
    bob.say(b"hello")
    person.sees_line("bob: hello")
    person.client.type(b"half a")
    person.sees(lambda screen: screen[-1].endswith("half a"))
    person.client.type(b"\x03")
    person.ends(None, "client-stays")
