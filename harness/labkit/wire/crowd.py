"""A crowd of clients: a thousand that talk at the same time, without a thread each, and what they got."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from labkit.ground.faults import Fault, Silent
from labkit.ground.pace import Deadline, late
from labkit.ground.words import _
from labkit.wire.clients import CHUNK, Client, likely_cause


@dataclass
class Talk:
    """What one client of a crowd has to say, and what it got.

    expected: what should come back: the payload, or the answer that was named for it.
    done: everything came back; error: what ended it early; late: that was the deadline.
    """

    client: Client
    payload: bytes
    got: bytearray
    answer: bytes | None = None
    sent: int = 0
    error: str = ""
    late: bool = False

    @property
    def expected(self) -> bytes:
        return self.payload if self.answer is None else self.answer

    @property
    def done(self) -> bool:
        return len(self.got) >= len(self.expected)

    @property
    def right(self) -> bool:
        return bytes(self.got) == self.expected


def exchange(
    clients: Sequence[Client],
    payload: Callable[[int], bytes],
    deadline: Deadline,
    answer: Callable[[int], bytes] | None = None,
) -> list[Talk]:
    """Every client sends its payload and reads its answer, or as many bytes as it sent, all at the same time.

    payload, answer: index of the client -> its bytes. Returns one Talk each, whatever happened until the
    deadline.
    """
    talks = [
        Talk(client, payload(index), bytearray(), answer(index) if answer else None)
        for index, client in enumerate(clients)
    ]
    with selectors.DefaultSelector() as waiting:
        for talk in talks:
            talk.client.sock.setblocking(False)
            waiting.register(talk.client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, talk)
        for key, mask in _events(waiting, deadline):
            talk = key.data
            _move(talk, mask)
            if talk.error or talk.done:
                waiting.unregister(talk.client.sock)
            elif talk.sent == len(talk.payload) and key.events & selectors.EVENT_WRITE:
                waiting.modify(talk.client.sock, selectors.EVENT_READ, talk)
    for talk in talks:
        talk.client.sock.setblocking(True)
        if not talk.done and not talk.error:
            talk.error = late(
                deadline,
                _("no answer in {s:.1f} s"),
                _("no answer, and all threads of the program sleep for good"),
            ).format(s=deadline.allowed)
            talk.late = True
    return talks


def await_answers(waiting: Sequence[Talk], wanted: int, deadline: Deadline) -> list[Talk]:
    """Those that have sent their payload before and are now answered; ends when `wanted` of them are."""
    came: list[Talk] = []
    with selectors.DefaultSelector() as selector:
        for talk in waiting:
            if talk.late:
                talk.error, talk.late = "", False
            talk.client.sock.setblocking(False)
            selector.register(talk.client.sock, selectors.EVENT_READ, talk)
        for key, mask in _events(selector, deadline, lambda: len(came) >= wanted):
            _move(key.data, mask)
            if key.data.done or key.data.error:
                selector.unregister(key.fileobj)
                came += [key.data] if key.data.right else []
    for talk in waiting:
        talk.client.sock.setblocking(True)
    return came


def _events(
    selector: selectors.BaseSelector,
    deadline: Deadline,
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[selectors.SelectorKey, int]]:
    """What can be moved, as it comes, until nobody waits, it is `enough`, or nothing comes any more."""
    last = False
    while selector.get_map() and not enough():
        found = selector.select(0.0 if last else deadline.turn)
        yield from found
        if last and (not found or not deadline.proved):
            return
        # Once more after that: something may have come just before it was known.
        last = deadline.hopeless() if deadline.passed or not found else False


def _move(talk: Talk, mask: int) -> None:
    """Send and receive what goes now."""
    sock = talk.client.sock
    try:
        if mask & selectors.EVENT_WRITE and talk.sent < len(talk.payload):
            talk.sent += sock.send(memoryview(talk.payload)[talk.sent : talk.sent + CHUNK])
        if mask & selectors.EVENT_READ:
            data = sock.recv(min(CHUNK, len(talk.expected) - len(talk.got)) or 1)
            talk.got += data
            if not data:
                talk.error = _("the server closed the connection")
    except BlockingIOError:
        pass
    except OSError as error:
        talk.error = error.strerror or str(error)


def judge(talks: Sequence[Talk], *, cause: str = "wrong-bytes") -> None:
    """All must have got their own bytes back; else a Fault that shows the first one that did not.

    A client that got what another one sent is a case apart from one that got nothing: `cause` names
    what the former means.
    """
    wrong = [talk for talk in talks if not talk.right]
    if not wrong:
        return
    for talk in wrong:
        owner = _owner(bytes(talk.got), talks, talk)
        if owner:
            _note((owner, talk))
            raise Fault(
                _(
                    "{client} got bytes that {owner} had sent ({n} of {all} clients went wrong)"
                ).format(
                    client=talk.client.name, owner=owner.client.name, n=len(wrong), all=len(talks)
                ),
                expected=talk.expected,
                got=bytes(talk.got),
                cause="mixed-clients",
            )
    first = next((talk for talk in wrong if talk.got), wrong[0])
    _note(wrong[:5])
    kind = Silent if first.late else Fault
    raise kind(
        _("{n} of {all} clients did not get their bytes back; {client}: {why}").format(
            n=len(wrong),
            all=len(talks),
            client=first.client.name,
            why=first.error or _("other bytes came"),
        ),
        expected=first.expected,
        got=bytes(first.got),
        cause=(
            cause
            if not first.got
            else likely_cause(first.expected, bytes(first.got), not first.late)
        ),
    )


def _note(talks: Sequence[Talk]) -> None:
    """Write down what some of a crowd have sent and got; most of a crowd is not worth the lines."""
    for talk in talks:
        talk.client.journal.note(talk.client.name, _("sent"), talk.payload)
        talk.client.journal.received(talk.client.name, bytes(talk.got))


def _owner(got: bytes, talks: Sequence[Talk], receiver: Talk) -> Talk | None:
    """Whose token appears in bytes that are not the receiver's own; tokens are an answer's first 16 bytes."""
    for other in talks:
        token = other.expected[:16]
        if other is not receiver and token and token != receiver.expected[:16] and token in got:
            return other
    return None
