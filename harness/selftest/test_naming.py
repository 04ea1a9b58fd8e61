"""At a failure evidence becomes a cause: each rule with hand-made evidence that supports it, and that contradicts it."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Sequence

import pytest

from evidences import (
    AGAIN,
    ANN,
    BOB,
    HANDLES,
    LOCK,
    MAIN,
    OTHER,
    accepter_gone,
    apart,
    apart_waits,
    behind,
    bulk,
    cancelled,
    closed,
    detached_and_joined,
    event,
    fails,
    given_up,
    join,
    kept,
    loop_of_epoll,
    made_again,
    of,
    on_stack,
    semaphore,
    stuck_in_handler,
    timed_out,
    woken,
    zeros,
)
from labkit.causes import table as causes
from labkit.diagnosis import facts, naming
from labkit.diagnosis.facts import Busy, Evidence, Fact
from labkit.ground.catalog import HARNESS
from labkit.ground.faults import Fault, UnknownCause, witnessed
from selftest.recorded import english  # noqa: F401: a fixture

pytestmark = pytest.mark.usefixtures("english")

CHECKS = HARNESS / "checks"
SPINS = [Busy("thread 2 (ann)", 0.97, "x.c:21")]

# what a check proposes, what was seen, the cause, words that must be there
SUPPORTED: Sequence[tuple[str | None, Evidence, str, str]] = [
    ("missing-message", of(*zeros()), "end-ignored", "recv returned 0"),
    ("no-answer", of(*zeros("read")), "end-ignored", "read returned 0, the end of the connection"),
    ("thread-stays", of(*loop_of_epoll()), "end-ignored", "at x.c:31 again and again"),
    ("cpu-budget", of(*zeros(), busy=SPINS), "end-ignored", "5000 times in a row"),
    *(
        ("one-at-a-time", of(*behind(slow)), "lock-held", f"sleeps in {slow} at x.c:21 with it")
        for slow in ("recv", "send", "read", "accept4", "pthread_join", "connect")
    ),
    (
        "lost-signal",
        stuck_in_handler(),
        "signal-unsafe",
        "waits there in pthread_mutex_lock at x.c:41",
    ),
    ("signal-unsafe", of(unsafe=HANDLES), "signal-unsafe", "can come amid printf at x.c:42"),
    ("lock-held", of(*behind("recv")), "lock-held", "thread 3 (bob) waits for a lock"),
    ("does-not-stop", of(*closed(True)), "close-wakes-nobody", "in recv at x.c:21"),
    ("still-listening", of(*closed(True, "accept4")), "close-wakes-nobody", "close() wakes nobody"),
    ("mixed-clients", of(*closed(False)), "closed-in-use", "the main thread closed descriptor 5"),
    (
        "resets-clients",
        of(event(ANN, "close", 5, at=1.0), fails(BOB, "send", errno.EBADF, 5, at=2.0)),
        "closed-twice",
        "then thread 3 (bob) used it: send at x.c:12 (EBADF)",
    ),
    ("wrong-moment", of(*timed_out(AGAIN, 1e-5)), "wrong-clock", "ETIMEDOUT at once"),
    ("busy-wait", of(*timed_out(AGAIN, 1e-5), busy=SPINS), "wrong-clock", "clock of the condition"),
    ("busy-wait", of(busy=SPINS), "busy-wait", "97% of a CPU"),
    (None, of(busy=SPINS), "busy-wait", "at x.c:21"),
    ("wrong-count", of(*made_again()), "lock-made-again", "calls pthread_mutex_init at x.c:22"),
    ("data-race", of(*made_again()), "lock-made-again", "thread 2 (ann) took it at x.c:20 before"),
    ("torn-log", of(*apart(OTHER), on_stack=on_stack), "own-locks", "2 threads, 2 locks"),
    (
        "never-listens",
        of(fails(MAIN, "bind", errno.EADDRINUSE, 3, site=60)),
        "address-in-use",
        "bind failed with EADDRINUSE (Address already in use) at x.c:60",
    ),
    (
        "wrong-moment",
        of(fails(ANN, "clock_nanosleep", errno.EINVAL, repeats=37)),
        "failed-call",
        "clock_nanosleep failed with EINVAL (Invalid argument) at x.c:11, 37 times",
    ),
    (
        "lost-client",
        of(fails(MAIN, "pthread_create", errno.EAGAIN)),
        "thread-failure",
        "pthread_create failed with EAGAIN",
    ),
    (None, of(fails(ANN, "dup", errno.EBADF)), "failed-call", "dup failed with EBADF"),
    ("wrong-message", of(said="x: pthread_create: Success\n"), "stale-errno", "Success"),
    ("wrong-message", of(got=b"client 0.0.0.0:0 connected\n"), "address-length", "0.0.0.0:0"),
    ("busy-port", of(shares_port=9090), "reuseport", "SO_REUSEPORT"),
    (
        "busy-port",
        of(event(MAIN, "setsockopt", 3, detail=socket.SO_REUSEPORT)),
        "reuseport",
        "setsockopt at x.c:10 sets option 15",
    ),
    ("wrong-count", of(end="crash", signal="SIGSEGV"), "crash", ""),
    ("log-holes", of(end="crash", signal="SIGXFSZ"), "our-limit", "SIGXFSZ ended it"),
    ("hang", of(stuck="missing-unlock"), "missing-unlock", ""),
    (
        "lock-held",
        of(
            event(MAIN, "accept", 3),
            event(MAIN, "recv", 5, now=True, site=41),
            event(ANN, "recv", 6, now=True),
            queue=1,
        ),
        "one-at-a-time",
        "the only one that accepts clients, sleeps in recv at x.c:41; meanwhile 1 client waits",
    ),
    ("shutdown-hangs", of(*join("poll")), "shutdown-hangs", "which waits in poll at x.c:21"),
    (
        "closes-early",
        of(event(ANN, "recv", 5, result=4, at=1.0), event(ANN, "close", 5, at=2.0, site=23)),
        "closes-unasked",
        "closes a connection at x.c:23, after recv at x.c:11 had returned 4, not 0",
    ),
    *(
        (symptom, of(*given_up(call)), "gave-up", f"after {call} at x.c:11 had failed with EAGAIN")
        for symptom, call in (("closes-early", "send"), ("idle-timeout", "recv"))
    ),
    ("not-awaited", of(*cancelled(), inside={}), "cancelled", "cancelled thread 2 (ann) at x.c:30"),
    ("crash", of(*detached_and_joined(), end="crash"), "joined-twice", "thread 2 (ann) detached"),
    *(
        (
            "thread-stays",
            of(event(ANN, "pthread_mutex_lock", object=LOCK, now=True), on_stack=on_stack, stuck=s),
            "copied-lock",
            "that lies on its own stack, and that no thread has taken",
        )
        for s in ("", "self-deadlock", "missing-unlock")
    ),
    (
        "does-not-stop",
        of(*apart_waits(OTHER), stuck="lost-wakeup"),
        "other-mutex",
        "took at x.c:40",
    ),
    ("lost-client", of(*semaphore("sem_wait")), "missing-post", "somebody has left without"),
    ("does-not-close", of(*woken()), "signal-wakes-one", "pthread_cond_signal at x.c:10 woke"),
    *(
        ("missing-message", accepter_gone(error), "accept-error-fatal", "accept at x.c:11 failed")
        for error in (errno.EMFILE, errno.ECONNABORTED)
    ),
    *(
        (
            symptom,
            of(event(ANN, "err", detail=1), status=1),
            cause,
            "thread 2 (ann) calls err at x.c",
        )
        for symptom, cause in (
            *(("news-missing", "ended-early"), ("no-answer", "ended-early")),
            # Who looks for an end knows why it came.
            *(("thread-failure", "thread-failure"), ("fatal-client", "fatal-client")),
        )
    ),
]


@pytest.mark.parametrize("proposed, seen, cause, words", SUPPORTED)
def test_what_the_evidence_supports_is_named(
    proposed: str | None, seen: Evidence, cause: str, words: str
) -> None:
    named = naming.name(naming.facts_of(seen), proposed, certain=proposed == "data-race")
    assert cause == named.cause
    assert words in " ".join(named.words())


# what a check proposes, what was seen, and a cause that it does not show
CONTRADICTED: Sequence[tuple[str | None, Evidence, str]] = [
    ("missing-message", of(*zeros(n=1)), "end-ignored"),
    ("no-answer", of(*zeros(), event(ANN, "recv", 5, result=3, at=2.0)), "end-ignored"),
    ("no-answer", of(*zeros(n=5), event(ANN, "close", 5, at=2), *zeros(n=5)), "end-ignored"),
    ("wrong-message", of(*zeros()), "end-ignored"),
    ("lock-held", of(event(ANN, "recv", 5, now=True)), "lock-held"),
    (
        "no-answer",
        of(
            *behind("recv")[:1],
            event(ANN, "pthread_mutex_unlock", object=LOCK),
            *behind("recv")[1:],
        ),
        "lock-held",
    ),
    ("does-not-stop", of(*closed(False)), "close-wakes-nobody"),
    (
        "does-not-stop",
        of(event(ANN, "close", 5, at=1.0), event(BOB, "recv", 5, at=2.0, now=True)),
        "close-wakes-nobody",
    ),
    ("wrong-moment", of(*timed_out(AGAIN, 0.01)), "wrong-clock"),
    (None, of(busy=[]), "busy-wait"),
    ("data-race", of(*made_again(), variable=lambda _address: ""), "lock-made-again"),
    ("data-race", of(*made_again(destroyed=True)), "lock-made-again"),
    ("torn-log", of(*apart(LOCK), on_stack=on_stack), "own-locks"),
    ("torn-log", of(*apart(OTHER)), "own-locks"),
    ("lost-client", of(fails(ANN, "recv", errno.ECONNRESET, 5, repeats=99)), "failed-call"),
    ("lost-client", of(fails(ANN, "connect", errno.ECONNREFUSED, 5, repeats=99)), "failed-call"),
    ("no-answer", of(fails(ANN, "setsockopt", errno.ENOPROTOOPT, 5)), "failed-call"),
    ("no-answer", of(event(ANN, "recv", 5, repeats=AGAIN, asked=0)), "end-ignored"),
    ("incomplete-echo", of(*bulk()), "busy-wait"),
    ("does-not-stop", of(fails(ANN, "pthread_kill", errno.ESRCH, repeats=99)), "failed-call"),
    ("no-answer", of(fails(ANN, "epoll_ctl", errno.ENOENT, 4, repeats=99)), "failed-call"),
    ("no-answer", of(fails(ANN, "pthread_tryjoin_np", errno.EBUSY, repeats=99)), "failed-call"),
    ("does-not-stop", of(fails(MAIN, "pthread_create", errno.EAGAIN)), "thread-failure"),
    ("wrong-message", of(said="x: accept: Too many open files\n"), "stale-errno"),
    ("busy-port", of(event(MAIN, "setsockopt", 3, detail=socket.SO_REUSEADDR)), "reuseport"),
    (
        "lock-held",
        of(
            event(MAIN, "accept", 3),
            event(ANN, "accept", 3, now=True),
            event(MAIN, "recv", 5, now=True),
            queue=1,
        ),
        "one-at-a-time",
    ),
    (
        "closes-early",
        of(event(ANN, "recv", 5, result=0, at=1.0), event(ANN, "close", 5, at=2.0)),
        "closes-unasked",
    ),
    (
        "closes-early",
        of(
            *given_up("recv")[:1],
            event(ANN, "recv", 5, result=0, at=1.5),
            event(ANN, "close", 5, at=2.0),
        ),
        "gave-up",
    ),
    ("closes-early", of(*given_up("recv", errno.ECONNRESET)), "gave-up"),
    ("does-not-stop", of(*given_up("recv")), "gave-up"),
    # Who polls after EAGAIN, or tries again, closes for another reason.
    (
        "idle-timeout",
        of(given_up("recv")[0], event(ANN, "poll", at=1.5), given_up("recv")[1]),
        "gave-up",
    ),
    ("idle-timeout", of(*kept("poll"), *given_up("recv")), "gave-up"),
    ("idle-timeout", of(*kept("recv"), *given_up("recv")), "gave-up"),
    ("not-awaited", of(*cancelled(), inside={ANN: cancelled()[0]}), "cancelled"),
    ("not-awaited", of(*cancelled(), inside={}), "close-wakes-nobody"),
    ("crash", of(detached_and_joined()[1], end="crash"), "joined-twice"),
    (
        "thread-stays",
        of(
            event(BOB, "pthread_mutex_lock", object=LOCK),
            event(ANN, "pthread_mutex_lock", object=LOCK, now=True, at=2.0),
            on_stack=on_stack,
        ),
        "copied-lock",
    ),
    ("does-not-stop", of(*apart_waits(LOCK), stuck="lost-wakeup"), "other-mutex"),
    # All were woken, or the one who was had work to do.
    ("does-not-close", of(*woken("pthread_cond_broadcast")), "signal-wakes-one"),
    ("does-not-close", of(*woken(between="send")), "signal-wakes-one"),
    # It was told to end, goes on, or another one accepts.
    ("missing-message", accepter_gone(errno.EINVAL), "accept-error-fatal"),
    (
        "missing-message",
        accepter_gone(errno.EMFILE, event(ANN, "poll", at=2)),
        "accept-error-fatal",
    ),
    (
        "missing-message",
        accepter_gone(errno.EMFILE, event(BOB, "accept", 3, at=2)),
        "accept-error-fatal",
    ),
    # It was asked to end, or ended in another way, or what was done wrong was done before.
    ("news-missing", of(event(ANN, "exit", detail=1)), "ended-early"),
    ("news-missing", of(event(ANN, "exit", detail=1), status=0), "ended-early"),
    ("garbled-lines", of(event(ANN, "exit", detail=1), status=1), "ended-early"),
    # An idle pool: who waits never posts.
    ("lost-client", of(*semaphore("sem_post", at=1.0)[:1], *semaphore("x")[1:]), "missing-post"),
    # Somebody who is there has it.
    (
        "lost-client",
        of(
            *semaphore("sem_wait"),
            event(MAIN, "sem_wait", object=LOCK),
            event(MAIN, "poll", now=True),
        ),
        "missing-post",
    ),
]


@pytest.mark.parametrize("proposed, seen, cause", CONTRADICTED)
def test_what_the_evidence_contradicts_is_not_named(
    proposed: str | None, seen: Evidence, cause: str
) -> None:
    assert cause != naming.name(naming.facts_of(seen), proposed).cause


@pytest.mark.parametrize("seen", [seen for _proposed, seen, _cause, _words in SUPPORTED])
def test_no_cause_is_named_that_its_own_evidence_contradicts(seen: Evidence) -> None:
    """Whatever a check proposes, and whatever else was seen."""
    found = naming.facts_of(seen)
    shown = frozenset(fact.name for fact in found)
    for proposed in (None, *sorted(causes.names())):
        named = naming.name(found, proposed)
        assert named.cause is None or not naming.contradicted(named.cause, shown), proposed


def test_what_nothing_supports_is_not_named_but_told() -> None:
    """The check's cause is ruled out, and no other one is sure: then the block says what was seen."""
    seen = of(event(BOB, "recv", 5, now=True), fails(ANN, "fcntl", errno.EBADF, 9))
    named = naming.name(naming.facts_of(of(event(BOB, "recv", 5, now=True))), "lock-held")
    assert named.cause is None
    assert "fcntl failed" not in " ".join(named.words())
    assert naming.name(naming.facts_of(seen), "no-answer").cause == "no-answer"


def test_the_checks_own_cause_stays_where_nothing_speaks_against_it() -> None:
    assert "wrong-message" == naming.name(naming.facts_of(of()), "wrong-message").cause
    assert "no-answer" == naming.name([], "no-answer").cause
    assert (
        "data-race" == naming.name(naming.facts_of(of(*zeros())), "data-race", certain=True).cause
    )


def test_what_was_seen_is_told_once_and_not_at_length() -> None:
    named = naming.Named(None, [Fact("a", "a")] * 3, [Fact("b", f"b{n}") for n in range(20)])
    assert ["a", "b0"] == named.words()[:2]
    assert naming.MOST_WORDS == len(named.words())


def test_all_names_are_known() -> None:
    """Each cause has its entry in the table of symptoms, each symptom that one explains as well."""
    named = {cause.name for cause in naming.CAUSES} | set(naming.DOUBTS)
    explained = frozenset[str]().union(*(cause.explains or frozenset() for cause in naming.CAUSES))
    assert set() == (named | explained) - causes.names()


def test_every_cause_that_a_check_proposes_is_in_the_table() -> None:
    """A wrong name would become an error of ours at the moment at which a student's program fails."""
    texts = "\n".join(path.read_text("utf-8") for path in CHECKS.rglob("*.py"))
    named = set(re.findall(r'(?:cause\s*=\s*|blame\(|means\()"([\w-]+)"', texts))
    assert named
    assert set() == named - causes.names()


def test_a_cause_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(UnknownCause):
        Fault("something", cause="no-such-cause")
    fault = Fault("something", cause="hang")
    with pytest.raises(UnknownCause):
        fault.cause = "no-such-cause"
    fault.cause = None


def test_a_witness_sees_a_fault_when_it_is_made() -> None:
    with witnessed(lambda fault: f"seen: {fault.what}"):
        fault = Fault("something")
    assert "seen: something" == fault.evidence
    assert Fault("later").evidence is None
