"""Users of a chat server: one that sends commands and reads the answers, or hundreds at once in one thread.

All connections of a `Chat` are served by one loop, `Chat.pump`, which runs while somebody waits for something.
What comes in is sorted by what the protocol says: answers, which follow the commands in their order, and what
others do (`MSG`, `JOIN`, `LEAVE`), which may come at any time, but not within a history.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.lab_05_chat.passwords import PASSWORD, users_file
from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.words import _
from labkit.scene import unserved
from labkit.scene.scene import Scene
from labkit.scene.server import Server
from labkit.wire.clients import Client

PROGRAM = "chat_server"
USERS_FILE, HISTORY_FILE = "users.txt", "history.txt"
GREETING = b"OK chat ready"
END = b"OK END"
NEWS = (b"JOIN ", b"LEAVE ")
CHUNK = 1 << 18
QUIET_FROM = 9  # so many users at once are not worth their lines in the conversation


@dataclass
class Answer:
    """What a command was answered.

    head: the line that says it; items: the lines of a list, `MSG …` or `USER …`, without their end.
    at: the monotonic time at which its last line was read.
    """

    head: bytes
    items: list[bytes] = field(default_factory=list)
    at: float = 0.0

    def text(self) -> bytes:
        """As it came, but for the end of a list."""
        return b"\n".join([self.head, *self.items])


class User:
    """One connection to a chat server.

    answers: all so far, the greeting first. said: what others said, `NAME TEXT` each, with the times of their
    coming in said_at. news: `JOIN NAME` and `LEAVE NAME`. ended: why the connection is over, empty while it is not.
    deaf: it does not read.
    """

    def __init__(self, chat: Chat, client: Client, name: str = "") -> None:
        self.chat = chat
        self.client = client
        self.name = name
        self.token = b""
        self.answers: list[Answer] = []
        self.said: list[bytes] = []
        self.said_at: list[float] = []
        self.news: list[bytes] = []
        self.ended = ""
        self.deaf = False
        self.received = 0
        self.quiet = False
        self.unsent = bytearray()
        self._rest = b""
        self._open: Answer | None = None  # a history whose end has not come yet
        self._list: list[bytes] = []

    # -- the wire ----------------------------------------------------------------------------

    def send(self, *lines: bytes) -> None:
        """Send lines, each with its end, as soon as they go."""
        self.put(b"".join(line + b"\n" for line in lines))

    def put(self, data: bytes) -> None:
        """Send bytes as they are, as soon as they go."""
        if not self.quiet:
            self.client.journal.sent(self.client.name, data)
        self.unsent += data
        self.write()

    def write(self) -> None:
        """Send what goes without waiting."""
        try:
            while self.unsent and not self.ended:
                del self.unsent[: self.client.sock.send(self.unsent[:CHUNK])]
        except BlockingIOError:
            pass
        except OSError as error:
            self.unsent.clear()
            if self.deaf:  # it would see the same when it read
                self.over(error.strerror or str(error))

    def read(self) -> None:
        """Take what has come."""
        try:
            data = self.client.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self.over(error.strerror or str(error))
            return
        if not data:
            self.over(_("the server closed the connection"))
            return
        if not self.quiet:
            self.client.journal.received(self.client.name, data)
        self.received += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        now = time.monotonic()
        for line in lines:
            self._take(line, now)

    def over(self, why: str) -> None:
        """Note that the connection is over."""
        self.ended = self.ended or why
        self.chat.drop(self)
        if not self.quiet:
            self.client.journal.note(self.client.name, why)

    def _take(self, line: bytes, now: float) -> None:
        """Sort one line."""
        if self._open is not None:
            if line == END:
                self._open.at = now
                self.answers.append(self._open)
                self._open = None
            else:
                self._open.items.append(line)
        elif line.startswith(b"MSG "):
            self.said.append(line[4:])
            self.said_at.append(now)
        elif line.startswith(NEWS):
            self.news.append(line)
        elif line.startswith(b"USER "):
            self._list.append(line)
        elif line.startswith(b"OK welcome ") or line == b"OK HISTORY":
            self._open = Answer(line)
        else:
            self.answers.append(Answer(line, self._list, now))
            self._list = []

    # -- what it does ------------------------------------------------------------------------

    @property
    def unfinished(self) -> bytes:
        """What came after the last answer that is whole: for a fault's report."""
        lines = [self._open.head, *self._open.items] if self._open else self._list
        return b"\n".join([*lines, self._rest])

    def ask(self, command: bytes, seconds: float = 5.0) -> Answer:
        """Send a command and wait for its answer. Faults where there is none."""
        before = len(self.answers)
        self.send(command)
        return self.answer(before, command, seconds)

    def answer(self, index: int, command: bytes = b"", seconds: float = 5.0) -> Answer:
        """The answer of this number, counted from 0, the greeting. Faults where it does not come."""
        if not self.chat.pump(lambda: len(self.answers) > index or bool(self.ended), seconds):
            raise Silent(
                _("{user} got no answer to {command}").format(
                    user=self.client.name, command=shown(command) or "…"
                ),
                got=self.unfinished,
                cause="no-answer",
            )
        if len(self.answers) <= index:
            self.chat.server.program.wait(self.chat.server.program.deadline(0.3))
            self.chat.server.program.must_not_have_died()
            raise Disconnected(
                _("{user} got no answer to {command}: {why}").format(
                    user=self.client.name, command=shown(command) or "…", why=self.ended
                ),
                got=self.unfinished,
                cause="thrown-out",
            )
        return self.answers[index]

    def heard(self, text: bytes, seconds: float = 5.0) -> None:
        """Wait until somebody has said `NAME TEXT`; Silent if nobody does."""
        if not self.chat.pump(lambda: text in self.said or bool(self.ended), seconds) or (
            text not in self.said
        ):
            raise Silent(
                _("{user} does not hear what another one says").format(user=self.client.name),
                expected=b"MSG " + text,
                got=b"\n".join(b"MSG " + one for one in self.said[-10:]) + self.unfinished,
                cause="message-lost",
            )

    def told(self, news: bytes, seconds: float = 5.0) -> bool:
        """Wait for `JOIN NAME` or `LEAVE NAME`."""
        return self.chat.pump(lambda: news in self.news or bool(self.ended), seconds) and (
            news in self.news
        )

    def welcome(self, answer: Answer, words: bytes = b"OK welcome back ") -> Answer:
        """Take an answer for that to a login: it must say so, and bring a token, which is kept."""
        start = words + self.name.encode() + b" "
        if not answer.head.startswith(start) or b" " in answer.head[len(start) :]:
            raise Fault(
                _("{user} is not welcomed").format(user=self.client.name),
                expected=start + b"TOKEN",
                got=answer.text(),
                cause="wrong-answer",
            )
        self.token = answer.head[len(start) :]
        return answer

    def log_in(self, password: bytes = PASSWORD) -> Answer:
        """LOGIN, which must succeed; the answer holds the history."""
        return self.welcome(self.ask(b"LOGIN %s %s" % (self.name.encode(), password)))

    def register(self, password: bytes = PASSWORD) -> Answer:
        """REGISTER, which must succeed."""
        command = b"REGISTER %s %s" % (self.name.encode(), password)
        return self.welcome(self.ask(command), b"OK welcome ")

    def say(self, text: bytes) -> Answer:
        """SAY, which must be answered `OK`."""
        answer = self.ask(b"SAY " + text)
        if answer.head != b"OK":
            raise Fault(
                _("{user} may not say {text}").format(user=self.client.name, text=shown(text)),
                expected=b"OK",
                got=answer.text(),
                cause="wrong-answer",
            )
        return answer

    def finish_sending(self) -> None:
        """Half close: nothing more will be sent."""
        self.chat.pump(lambda: not self.unsent or bool(self.ended), 5.0)
        if not self.ended:
            self.client.finish_sending()

    def leave(self) -> None:
        """Close the connection without a word."""
        self.chat.drop(self)
        self.client.close()

    def reset(self) -> None:
        """Reset the connection, as a crashed machine would."""
        self.chat.drop(self)
        self.client.reset()

    def must_end(self, what: str) -> None:
        """The server must close this connection now; what: said otherwise."""
        if not self.chat.pump(lambda: bool(self.ended), 5.0):
            raise Silent(what, expected=_("the connection is closed"), cause="does-not-close")


class Chat:
    """A chat server that runs, and all users connected to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.users: list[User] = []
        self._waiting = selectors.DefaultSelector()

    # -- coming and going --------------------------------------------------------------------

    def connect(self, count: int = 1, names: Sequence[str] = ()) -> list[User]:
        """`count` connections at once, greeted, as users who are yet to log in."""
        users = self.arrive(count, names)
        for user in users:
            if self._greeting(user).head != GREETING:
                raise Fault(
                    _("{user} is not greeted").format(user=user.client.name),
                    expected=GREETING,
                    got=user.answers[0].text(),
                    cause="no-greeting",
                )
        return users

    def _greeting(self, user: User) -> Answer:
        """The greeting of one who has said nothing yet; where it does not come, perhaps none is let in before that."""
        try:
            return user.answer(0)
        except Silent as fault:
            silent = [user, *(other for other in self.users if other is not user)]
            if unserved.accepting_waits_for(self.server, [one.client for one in silent]):
                fault.cause = unserved.CAUSE
            raise

    def arrive(self, count: int, names: Sequence[str] = (), *, some: bool = False) -> list[User]:
        """`count` connections at once, for whose greetings nobody has waited yet; some: see Server.crowd."""
        names = names or [""] * count
        users = []
        for client, name in zip(self.server.crowd(count, names, some=some), names):
            user = User(self, client, name)
            user.quiet = count >= QUIET_FROM
            client.sock.setblocking(False)
            self._waiting.register(client.sock, selectors.EVENT_READ, user)
            users.append(user)
        self.users += users
        return users

    def user(self, name: str = "") -> User:
        """One more connection, greeted."""
        return self.connect(1, [name])[0]

    def registered(self, *names: str) -> list[User]:
        """Users who come one after another and register."""
        users = [self.user(name) for name in names]
        for user in users:
            user.register()
        return users

    def logged_in(self, *names: str, seconds: float = 20.0) -> list[User]:
        """Users whom the server knows: they come together, and log in at once; in so many seconds each is in."""
        users = self.connect(len(names), names)
        for user in users:
            user.send(b"LOGIN %s %s" % (user.name.encode(), PASSWORD))
        for user in users:
            user.welcome(user.answer(1, b"LOGIN", seconds))
        return users

    def drop(self, user: User) -> None:
        """Have no more to do with a connection; harmless when that is so already."""
        if user in self.users:
            self.users.remove(user)
            self._waiting.unregister(user.client.sock)

    def deafen(self, user: User) -> None:
        """From now on this user does not read."""
        user.deaf = True
        self._waiting.unregister(user.client.sock)
        self.users.remove(user)

    def undeafen(self, user: User) -> None:
        """Let it read again."""
        user.deaf = False
        self._waiting.register(user.client.sock, selectors.EVENT_READ, user)
        self.users.append(user)

    # -- waiting -----------------------------------------------------------------------------

    def pump(self, until: Callable[[], bool], seconds: float) -> bool:
        """Serve all connections until a condition holds; False if it does not by the deadline."""
        deadline = self.server.program.deadline(seconds)
        while not until():
            if deadline.passed:
                return False
            self.move(min(0.05, deadline.left))
        return True

    def move(self, seconds: float) -> None:
        """Serve the users that are ready; return after so many seconds at the latest."""
        sending = [user for user in self.users if user.unsent]
        for user in sending:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._waiting.modify(user.client.sock, events, user)
        for key, mask in self._waiting.select(seconds):
            if mask & selectors.EVENT_WRITE:
                key.data.write()
            if mask & selectors.EVENT_READ:
                key.data.read()
        for user in sending:
            if user in self.users:
                self._waiting.modify(user.client.sock, selectors.EVENT_READ, user)

    def settle(self, users: Iterable[User]) -> None:
        """Wait until these users have had all that was on its way when this was called.

        Each asks who is there; the answer comes after what was said before.
        """
        asked = [(user, len(user.answers)) for user in users]
        for user, _before in asked:
            user.send(b"WHO")
        for user, before in asked:
            user.answer(before, b"WHO", 20.0)

    def history(self, user: User, count: int) -> list[bytes]:
        """What HISTORY tells a user: `NAME TEXT` each."""
        answer = user.ask(b"HISTORY %d" % count, 20.0)
        return messages(answer)


class Talking:
    """Users who say something all the time, a few messages ahead of their answers, until they have said enough."""

    def __init__(self, users: Sequence[User], each: int, ahead: int = 2) -> None:
        self._each, self._ahead = each, ahead
        self._first = {user: len(user.answers) for user in users}
        self._sent = {user: 0 for user in users}

    @property
    def answered(self) -> int:
        return sum(len(user.answers) - first for user, first in self._first.items())

    def go_on(self) -> bool:
        """Send what is due; returns whether all has been sent and answered."""
        for user, sent in self._sent.items():
            due = min(self._each, len(user.answers) - self._first[user] + self._ahead) - sent
            if due > 0:
                numbers = range(sent, sent + due)
                user.send(*[b"SAY %s-%04d" % (user.name.encode(), n) for n in numbers])
                self._sent[user] += due
        return self.answered >= self._each * len(self._sent)


def messages(answer: Answer) -> list[bytes]:
    """The messages of a history; Fault where anything else stands in it."""
    for line in answer.items:
        if not line.startswith(b"MSG "):
            raise Fault(
                _("something that is no message stands within a history"),
                expected=b"MSG NAME TEXT",
                got=line,
                cause="history-interrupted",
            )
    return [line[4:] for line in answer.items]


def shown(data: bytes, most: int = 40) -> str:
    """Bytes in a sentence."""
    text = data.decode("utf-8", "backslashreplace")
    return text if len(text) <= most else text[:most] + "…"


# -- starting ----------------------------------------------------------------------------------------


def start(
    scene: Scene, *options: str, known: Iterable[str] = (), here: Path | None = None, **more: Any
) -> Chat:
    """Start the chat server, with cheap hashes where no other cost is asked for.

    known: names whose users the identification file holds already, with PASSWORD. here: a directory.
    """
    here = here or scene.directory()
    names = list(known)
    if names:
        (here / USERS_FILE).write_bytes(users_file(names))
    if "-c" not in options:
        options = ("-c", "1", *options)
    return Chat(scene.server(PROGRAM, *options, here=here, **more))


def again(chat: Chat, *options: str, **more: Any) -> Chat:
    """Start the server of a chat once more, in the same directory, with other options."""
    program = chat.server.program
    return start(program.scene, *options, here=program.here, network=program.network, **more)


def kill(chat: Chat) -> None:
    """kill -9: the server gets no chance to do anything more."""
    program = chat.server.program
    program.journal.note(program.name, _("gets {signal}").format(signal="SIGKILL"))
    program.close_now()
    program.must_end()
