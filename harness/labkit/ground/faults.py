"""What can go wrong, in types that are never mixed up.

A `Fault` is the student's program doing something that the contract forbids; it carries what a person
needs to understand it. A `Trouble` is ours or the machine's: it is retried once and then shown as an
error, never as a failure of the student.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault(Exception):
    """The student's program broke its contract.

    what: one sentence, what was seen.
    expected, got: the two sides, as bytes from the wire or as text; None where they say nothing.
    cause: its name in the table of causes (labkit/causes/), None where nothing is known.
    details: more evidence to show as it is: a race explained, the compiler's words, stacks.
    by_hand: commands to paste that show the same.
    about: the program that it is about (a `Program`), where the check started several.
    certain: whether it is true whatever the machine lacked meanwhile: a tool has seen it.
    evidence: what a witness took down when it was raised; see `witnessed`.
    """

    what: str
    expected: bytes | str | None = None
    got: bytes | str | None = None
    cause: str | None = None
    details: str = ""
    by_hand: Sequence[str] = field(default_factory=tuple)
    about: object = None
    certain: bool = False
    evidence: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        witness = _witness.get()
        if witness and self.evidence is None:
            self.evidence = witness(self)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "cause" and value is not None and not known_cause(str(value)):
            raise UnknownCause(f"no cause has the name {value!r}")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        return self.what


class DidNotCompile(Fault):
    """The compiler refused the sources; `details` holds its words, first error first."""


class Disconnected(Fault):
    """A connection was reset, refused or closed where bytes were due."""


class Silent(Fault):
    """Nothing came until the deadline."""


class Trouble(Exception):
    """Ours or the machine's: no space, no port, a sanitizer that could not start."""


class UnknownCause(Trouble):
    """A fault was given a cause that has no entry in the table of causes."""


# Says whether a cause can have a name; it can have any as long as the table of causes is not loaded.
known_cause: Callable[[str], bool] = bool
_witness: ContextVar[Callable[[Fault], Any] | None] = ContextVar("witness", default=None)


@contextmanager
def witnessed(witness: Callable[[Fault], Any]) -> Iterator[None]:
    """Inside, a witness sees each fault at the moment at which it is made; the fault keeps what it returns.

    Then its programs are as they were: when the fault is described, clients may have been closed, which wakes threads.
    """
    token = _witness.set(witness)
    try:
        yield
    finally:
        _witness.reset(token)


@contextmanager
def blame(cause: str, *by_hand: str, only: type[Fault] = Fault) -> Iterator[None]:
    """Give faults raised inside a named cause, and commands to see it, where they have none yet."""
    try:
        yield
    except only as fault:
        fault.cause = fault.cause or cause
        fault.by_hand = fault.by_hand or by_hand
        raise


@contextmanager
def renamed(of: Collection[str], cause: str, only: type[Fault] = Fault) -> Iterator[None]:
    """Give faults raised inside with one of these causes another one: the check knows what they come of here."""
    try:
        yield
    except only as fault:
        fault.cause = cause if fault.cause in of else fault.cause
        raise
