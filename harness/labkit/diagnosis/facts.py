"""What the evidence of a failure shows, as facts: each has a name, and a sentence with the calls and the lines.

A fact is never a guess: it says what a program did, not why. `naming` makes causes of facts.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.ground.words import _, ngettext

if TYPE_CHECKING:
    from labkit.hang.calls import Event, Number, Unsafe

READS = frozenset({"recv", "read", "recvfrom", "recvmsg", "readv"})
SENDS = frozenset({"send", "write", "sendto", "sendmsg", "writev"})
ACCEPTS = frozenset({"accept", "accept4"})
POLLS = frozenset({"poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait"})
JOINS = frozenset({"pthread_join", "pthread_timedjoin_np", "pthread_clockjoin_np", "thrd_join"})
LOCKS = frozenset(
    f"pthread_{kind}"
    for kind in (
        *("mutex_lock", "mutex_trylock", "mutex_timedlock", "mutex_clocklock"),
        *("rwlock_wrlock", "rwlock_trywrlock", "rwlock_timedwrlock", "rwlock_clockwrlock"),
    )
) | {"mtx_lock", "mtx_trylock", "mtx_timedlock"}
READ_LOCKS = frozenset(f"pthread_rwlock_{kind}rdlock" for kind in ("", "try", "timed", "clock"))
UNLOCKS = frozenset({"pthread_mutex_unlock", "pthread_rwlock_unlock", "mtx_unlock"})
INITS = frozenset({"pthread_mutex_init", "pthread_rwlock_init", "mtx_init"})
CONDITIONS = frozenset({"pthread_cond_wait", "cnd_wait"})
TIMED = frozenset({"pthread_cond_timedwait", "pthread_cond_clockwait", "cnd_timedwait"})
PAUSES = frozenset({"nanosleep", "clock_nanosleep", "sleep", "usleep"})
# What takes as long as somebody else likes.
SLOW = READS | SENDS | ACCEPTS | JOINS | {"connect"}

# So often in a row is no chance, and so soon no waiting.
OFTEN = 8
AT_ONCE_SECONDS = 0.001


@dataclass(frozen=True)
class Fact:
    """Something that the evidence shows. name: what `naming` knows it by; words: a sentence, with lines."""

    name: str
    words: str


@dataclass(frozen=True)
class Busy:
    """A thread that used the CPU while the failure was looked at. share: of the time, 0 to 1; place: where it is."""

    who: str
    share: float
    place: str = ""


@dataclass(frozen=True)
class Evidence:
    """What is known of one program at the moment of a failure.

    calls: of each thread its calls, in the order in which they ended; inside: the call that a thread is in now. held:
    by its address each lock that is held, with the thread and the site that took it. numbers: who opened and closed
    each descriptor last. failed: of each thread, also of those of which nothing else is left, the last call that failed. whole: none of that was lost. at: the source line of a site, empty where not known.
    variable: the one of static duration that an address lies in, empty where there is none; on_stack: whether an
    address lies on the stack of a thread. silent: something did not come. queue: clients that wait to be accepted.
    role: what a thread is called. busy: threads that used the CPU all the time just now, None where nobody looked. stuck:
    what its locks show, see `waits.stuck`. said: its stderr. got: what came instead of what should. shares_port: the
    port on which another of the check's programs listens as well. end: the cause that an end which nobody asked for
    shows by itself; signal: by which it ended. unsafe: the first unsafe call of a signal handler.
    """

    calls: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    inside: Mapping[int, Event] = field(default_factory=dict)
    held: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    numbers: Mapping[int, Number] = field(default_factory=dict)
    failed: Sequence[Event] = field(default_factory=tuple)
    whole: bool = True
    at: Callable[[int], str] = lambda _site: ""
    variable: Callable[[int], str] = lambda _address: ""
    on_stack: Callable[[int, int], bool] = lambda _thread, _address: False
    role: Callable[[int], str] = lambda number: f"thread {number + 1}"
    busy: Sequence[Busy] | None = None
    said: str = ""
    got: bytes | str | None = None
    silent: bool = False
    queue: int = 0
    shares_port: int = 0
    stuck: str = ""
    end: str = ""
    signal: str = ""
    unsafe: Unsafe | None = None

    def of_all(self) -> Iterator[Event]:
        """All calls of all threads, by thread."""
        for calls in self.calls.values():
            yield from calls

    def now(self) -> Iterator[Event]:
        """The call that each thread is in, of those that are in one."""
        yield from self.inside.values()

    def where(self, event: Event) -> str:
        """` at echo_server.c:12`, empty where the line is not known."""
        return self.there(event.site)

    def there(self, site: int) -> str:
        """The same of a site."""
        place = self.at(site)
        return _(" at {place}").format(place=place) if place else ""

    def whos(self, numbers: Sequence[int]) -> str:
        """A thread, and how many others."""
        first, others = self.who(numbers[0]), len(numbers) - 1
        if not others:
            return first
        words = ngettext("{who} (like {n} other thread)", "{who} (like {n} other threads)", others)
        return words.format(who=first, n=others)

    def who(self, number: int) -> str:
        return self.role(number)


def error_name(number: int) -> str:
    """EINVAL for 22."""
    return errno.errorcode.get(number, _("error {n}").format(n=number))


def times(n: int) -> str:
    return ngettext("{n} time", "{n} times", n).format(n=n)
