"""Users of a chat server: what comes is sorted, and one loop serves them all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import cast

import pytest

from checks.lab_05_chat import passwords
from checks.lab_05_chat.chat import Answer, Chat, User, messages
from labkit.ground.faults import Fault
from labkit.ground.journal import Journal
from labkit.ground.pace import Pace
from labkit.wire.clients import Client


@pytest.fixture
def wire() -> Iterator[tuple[User, socket.socket]]:
    """A user, and the server's end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _address = listener.accept()
    with ours, theirs:
        ours.setblocking(True)
        yield User(cast(Chat, None), Client(ours, "alice", Journal(), Pace())), theirs


def said(wire: tuple[User, socket.socket], data: bytes) -> User:
    """Let the server send this, and the user read it."""
    user, server = wire
    server.sendall(data)
    before = user.received
    while user.received < before + len(data):
        user.read()
    return user


def test_answers_and_news_are_told_apart(wire: tuple[User, socket.socket]) -> None:
    """Messages and comings may stand between answers, and between the lines of a list."""
    user = said(
        wire, b"OK chat ready\nMSG bob hi\nUSER al\nJOIN carol\nUSER bo\nOK END\nERR empty\n"
    )
    assert [answer.head for answer in user.answers] == [b"OK chat ready", b"OK END", b"ERR empty"]
    assert user.answers[1].items == [b"USER al", b"USER bo"]
    assert (user.said, user.news) == ([b"bob hi"], [b"JOIN carol"])


def test_a_history_is_one_answer(wire: tuple[User, socket.socket]) -> None:
    """What stands in a history is not live, in whatever portions it comes; what follows it is."""
    user = said(wire, b"OK welcome back alice 00\nMSG bob on")
    assert user.answers == [] and user.unfinished.endswith(b"MSG bob on")
    said(wire, b"e\nMSG bob two\nOK END\nMSG bob three\n")
    assert messages(user.answers[0]) == [b"bob one", b"bob two"]
    assert user.said == [b"bob three"]


def test_a_history_holds_messages_alone() -> None:
    """Anything else in it is a fault."""
    with pytest.raises(Fault) as caught:
        messages(Answer(b"OK HISTORY", [b"MSG bob one", b"JOIN carol"]))
    assert caught.value.cause == "history-interrupted"


def test_hashes() -> None:
    """A hash fits its password; a file of known users holds a line each."""
    hash_ = passwords.hashed(b"secret", passwords.salt(1))
    assert passwords.hashed(b"secret", hash_) == hash_ != passwords.hashed(b"other", hash_)
    lines = passwords.users_file(["alice", "bob"]).splitlines()
    assert [line.split(b":")[0] for line in lines] == [b"alice", b"bob"]
    assert passwords.salt(2).split(b"$")[2] != passwords.salt(5).split(b"$")[2]
