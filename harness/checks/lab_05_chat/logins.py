"""Lab 05, step 1: users and their files, as several checks look at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checks.lab_05_chat import chat as chats
from checks.lab_05_chat.chat import Chat, User
from checks.lab_05_chat.passwords import hashed, salt
from checks.lab_05_chat.shared import SALTED, SERVER, users_in
from labkit.scene import manners
from labkit.scene.checking import Fault, Scene, _, blame, expect, hidden_state, require


def crypt_in_threads(scene: Scene) -> str:
    """Where several threads call crypt(3), in words; empty where none do."""
    uses = hidden_state.uses_in(scene.builder, SERVER)
    return "\n".join(hidden_state.told(use) for use in uses if use.function == "crypt")


def is_reported(chat: Chat, number: int) -> None:
    """A line of the identification file that can't be read must have been reported by its number."""
    said = chat.server.program.stderr
    require(
        said.wait_for(rf"\b{number}\b(?!\.)", chat.server.program.deadline(2.0)),
        _("line {n} of the identification file can't be read, and nobody says so").format(n=number),
        expected=_("a message with the line's number on stderr"),
        got=said.text(),
        cause="bad-line-unreported",
    )


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


def must_be_there(path: Path, missing: str, cause: str) -> None:
    """The server must have made a file."""
    require(
        path.exists(),
        missing,
        expected=path.name,
        got=" ".join(sorted(other.name for other in path.parent.iterdir())),
        cause=cause,
    )
