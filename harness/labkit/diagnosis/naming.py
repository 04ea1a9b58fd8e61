"""From evidence to a cause: the one place where it is decided what a failure is called.

What a check expects to have gone wrong is a candidate like any other: it loses to what the evidence shows for
certain, and it is dropped where the evidence contradicts it. What nothing supports is not named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from labkit.diagnosis import facts_calls, facts_misuse, facts_program, facts_threads
from labkit.diagnosis.facts import Evidence, Fact

# What looks at the evidence, in the order in which it is told.
LOOKS: Sequence[Callable[[Evidence], Iterator[Fact]]] = (
    facts_calls.end_ignored,
    facts_calls.input_ended,
    facts_calls.timed_out_at_once,
    facts_threads.behind_a_sleeper,
    facts_calls.closed_in_use,
    facts_calls.stale_uses,
    facts_threads.made_again,
    facts_calls.failures,
    facts_threads.endless_join,
    facts_threads.accepter_sleeps,
    facts_threads.of_locks,
    facts_threads.of_end,
    facts_threads.spinning,
    facts_threads.repeated,
    facts_threads.locks_apart,
    facts_calls.closed_on_data,
    facts_misuse.gave_up,
    facts_misuse.cancelled,
    facts_misuse.joined_detached,
    facts_misuse.own_copy,
    facts_misuse.other_mutex,
    facts_misuse.kept_semaphore,
    facts_misuse.stuck_in_handler,
    facts_misuse.unsafe_handler,
    facts_threads.lock_waits,
    facts_calls.interrupted,
    facts_program.said,
    facts_program.nowhere,
    facts_program.shared_port,
    facts_program.our_limit,
    facts_program.last_call,
)
# Beside a fact of one of these names, one of that name says nothing new.
_SAYS_MORE: Mapping[str, AbstractSet[str]] = {
    "calls-again": {"end-ignored", "clock", "input-ended"},
    "closed-in-use": {"close-wakes-nobody"},
}

# How much a supported cause weighs. CERTAIN: the evidence can hardly mean anything else. STRONG: it is certain, but
# something else may have led to it. LIKELY: it explains the
# failure, but a check that names another reason may know better. POSSIBLE: it is worth a name where nobody has one.
CERTAIN, STRONG, LIKELY, POSSIBLE = 3, 2.75, 2, 1

# Symptoms that say what did not happen, and not why: each of these reasons can be behind them.
_OPEN = frozenset(
    {
        *("no-answer", "incomplete-echo", "lost-client", "never-accepts", "one-at-a-time"),
        "serves-once",
        *("stuck-on-error", "interrupted-call", "idle-timeout", "fatal-client", "thread-failure"),
        *("hang", "does-not-stop", "slow-stop", "lost-signal", "not-awaited", "shutdown-hangs"),
        *("does-not-close", "thread-stays", "descriptor-leak", "missing-message", "slow-recovery"),
        *("lock-held", "no-command-answer", "command-waits", "clients-wait", "no-greeting"),
        *("no-thread-per-client", "name-stays-online", "still-online", "still-listening"),
        *("not-resumed", "lost-by-pause", "end-of-input", "buffers-whole-input", "waits-for-line"),
        *("stays-after-exit", "one-after-another", "lost-rocket", "not-parallel", "no-timeout"),
        *("busy-wait", "spins-on-client", "cpu-budget", "wrong-moment", "wrong-timing"),
        "missing-event",
        *("message-lost", "news-missing", "not-shown", "answer-interrupted", "no-summary"),
        *("deadlock-full-buffers", "accept-error-fatal", "closes-early", "resets-clients"),
        *("never-listens", "other-port", "does-not-stream", "sleeps-add-up", "wrong-countdown"),
    }
)
# What is counted wrongly where a call has failed.
_COUNTS = frozenset(
    {"wrong-threads", "thread-count", "false-summary", "wrong-summary", "port-missed"}
)
# Who is served while another one is.
_OTHERS = frozenset(
    {
        *("one-at-a-time", "lock-held", "lost-client", "never-accepts", "clients-wait"),
        *("no-thread-per-client", "no-greeting", "client-login", "no-answer"),
    }
)
_LINES = frozenset({"flood", "too-many-messages", "extra-message"})
_MIXED = frozenset(
    {
        *("data-race", "mixed-clients", "torn-line", "garbled-lines", "torn-log", "log-holes"),
        *("wrong-count", "mixed-names", "torn-users", "lost-registration", "order-differs"),
        *("crash", "use-after-free", "message-twice", "log-goes-back"),
    }
)
_CLOSED = frozenset(
    {"mixed-clients", "resets-clients", "closes-early", "wrong-bytes", "extra-bytes"}
)
# What a thread does at its end.
_UNDONE = frozenset({"missing-message", "missing-event", "not-awaited", "descriptor-leak"})
# A connection that is no more, though its client has not left.
_CUT = frozenset({"idle-timeout", "closes-early", "resets-clients", "lost-client"})
_PORTS = frozenset({"busy-port", "wrong-exit-status", "no-reuseaddr", "still-listening"})
_PORT_TAKEN = frozenset(
    {"never-listens", "not-resumed", "lost-by-pause", "ended-early", "no-command-answer"}
)
_ADDRESS = frozenset({"wrong-message", "missing-message", "wrong-event", "missing-event"})
_WORDS = frozenset({"thread-failure", "wrong-message", "missing-message", "too-many-messages"})
_ENDS = frozenset({"ended-early", "crash", "dies-of-signal", "fatal-client", "accept-error-fatal"})
# What a server can do wrong where a thread could not be started: else it has dealt with that.
_NO_THREAD = frozenset(
    {"ended-early", "crash", "fatal-client", "lost-client", "no-answer", "never-accepts"}
)
# What a check names that has seen which calls the program spins with.
_SPINS = frozenset({"stuck-on-error", "spins-on-client"})
_HANDLER = frozenset({"signal-unsafe"})
_BURNS = frozenset({"busy-wait", "spins-on-client", "cpu-budget"})


@dataclass(frozen=True)
class Cause:
    """What a failure can be called, as data.

    needs: facts each of which supports it. against: facts each of which contradicts it. explains: the symptoms,
    proposed by a check, whose reason it can be, beside a failure for which none is proposed; None is all. weight: how
    much it counts where it is supported. alone: whether it may be named where no check names anything.
    """

    name: str
    needs: frozenset[str]
    against: frozenset[str] = frozenset()
    explains: frozenset[str] | None = _OPEN
    weight: float = CERTAIN
    alone: bool = True

    def fits(self, proposed: str | None) -> bool:
        """Whether it can be the reason of what a check has found."""
        if proposed is None:
            return self.alone
        return self.explains is None or proposed == self.name or proposed in self.explains


def _cause(
    name: str,
    needs: str,
    against: str = "",
    explains: frozenset[str] | None = _OPEN,
    weight: float = CERTAIN,
    alone: bool = True,
) -> Cause:
    return Cause(
        name, frozenset(needs.split()), frozenset(against.split()), explains, weight, alone
    )


# Of two that weigh the same the first one counts.
CAUSES: Sequence[Cause] = (
    _cause("our-limit", "our-limit", explains=None),
    _cause("sigpipe", "sigpipe", explains=None),
    _cause("cpu-budget", "cpu-budget", explains=None),
    _cause("joined-twice", "joined-detached", explains=_OPEN | _MIXED, weight=STRONG),
    _cause("crash", "crash last-call", explains=None, weight=STRONG),
    _cause("signal-unsafe", "stuck-in-handler", explains=None),
    _cause("signal-unsafe", "unsafe-handler", explains=_HANDLER, weight=LIKELY, alone=False),
    # A copy of a lock says of itself that it is held by whoever held the one that was copied.
    _cause("missing-unlock", "missing-unlock", "own-copy", explains=None),
    _cause("self-deadlock", "self-deadlock", "own-copy", explains=None),
    _cause("deadlock", "deadlock", explains=None),
    _cause("other-mutex", "other-mutex", explains=_OPEN | {"lost-wakeup"}),
    _cause("lost-wakeup", "lost-wakeup", explains=None),
    _cause("copied-lock", "own-copy", explains=_OPEN | _MIXED),
    _cause("missing-post", "kept-semaphore", explains=_OPEN, weight=LIKELY),
    _cause("end-ignored", "end-ignored", explains=_OPEN | _LINES),
    _cause("wrong-clock", "clock", "end-ignored"),
    _cause("lock-made-again", "lock-made-again", explains=_OPEN | _MIXED),
    _cause("close-wakes-nobody", "close-wakes-nobody", explains=_OPEN | _CLOSED),
    _cause("lock-held", "behind-a-sleeper", "end-ignored"),
    _cause("one-at-a-time", "accepter-sleeps", "behind-a-sleeper end-ignored", _OTHERS),
    _cause("reuseport", "shared-port", explains=_PORTS),
    _cause("address-in-use", "address-in-use", explains=_PORT_TAKEN),
    _cause("address-length", "no-address", explains=_ADDRESS),
    _cause("stale-errno", "stale-errno", explains=_WORDS),
    _cause("closed-in-use", "closed-in-use", explains=_CLOSED | _OPEN, weight=LIKELY),
    _cause(
        "closed-twice", "closed-twice used-after-close", explains=_CLOSED | _OPEN, weight=LIKELY
    ),
    _cause("thread-failure", "no-thread", explains=_NO_THREAD, weight=LIKELY),
    _cause("failed-call", "failed-again", explains=_OPEN | _COUNTS, weight=LIKELY),
    _cause("busy-wait", "spins calls-again", "end-ignored clock", _OPEN - _SPINS, LIKELY),
    _cause(
        "shutdown-hangs",
        "endless-join",
        explains=frozenset({"shutdown-hangs", "end-of-input"}),
        weight=LIKELY,
        alone=False,
    ),
    *(
        _cause(symptom, "endless-join", explains=frozenset({symptom}), weight=LIKELY, alone=False)
        for symptom in ("does-not-stop", "slow-stop", "hang")
    ),
    # The end of the input was noticed where main has come to wait for a thread.
    _cause("end-of-input", "input-ended", "endless-join", weight=LIKELY),
    _cause("own-locks", "locks-apart", explains=_MIXED),
    _cause("failed-call", "failed bad-descriptor", weight=POSSIBLE),
    _cause(
        "closes-unasked",
        "closed-on-data",
        "end-ignored",
        frozenset({"closes-early"}),
        weight=LIKELY,
        alone=False,
    ),
    _cause("cancelled", "cancelled", explains=_UNDONE, weight=LIKELY, alone=False),
    _cause("gave-up", "gave-up", explains=_CUT, weight=LIKELY, alone=False),
    _cause(
        "interrupted-call",
        "interrupted",
        "end-ignored",
        frozenset({"interrupted-call"}),
        weight=LIKELY,
        alone=False,
    ),
    _cause("ended-early", "ended-early", explains=_ENDS, weight=POSSIBLE),
)
# What contradicts a cause that a check proposes, beside what stands above.
DOUBTS: dict[str, frozenset[str]] = {
    "lock-held": frozenset({"no-lock-wait"}),
}

# A cause that a check proposes counts more where its own facts are there, and as much as nothing else where not.
_PROPOSED, _SUPPORTED = 1.5, 2.5
MOST_WORDS = 6


@dataclass(frozen=True)
class Named:
    """A failure's cause, None where nothing supports any; the facts that support it, and all others."""

    cause: str | None
    because: Sequence[Fact] = field(default_factory=tuple)
    seen: Sequence[Fact] = field(default_factory=tuple)

    def words(self) -> list[str]:
        """The sentences of the facts, those first that support the cause."""
        told = [fact.words for fact in (*self.because, *self.seen) if fact.words]
        return list(dict.fromkeys(told))[:MOST_WORDS]


def facts_of(evidence: Evidence) -> list[Fact]:
    """All that the evidence shows, without what says less of the same."""
    found = [fact for look in LOOKS for fact in look(evidence)]
    shown = {fact.name for fact in found}
    return [fact for fact in found if not _SAYS_MORE.get(fact.name, set()) & shown]


def name(facts: Iterable[Fact], proposed: str | None = None, certain: bool = False) -> Named:
    """What a failure is called.

    proposed: the cause that the check expects. certain: a tool has seen it; only what says why it is so counts more.
    """
    facts = list(facts)
    shown = frozenset(fact.name for fact in facts)
    known = proposed if proposed and not contradicted(proposed, shown) else None
    best = _best(shown, proposed)
    cause = known
    if best and best.name != known and best.weight > _weight(known, shown, certain):
        cause = best.name
    needs = frozenset[str]().union(*(c.needs for c in CAUSES if c.name == cause))
    because = [fact for fact in facts if fact.name in needs]
    related = frozenset[str]().union(*(c.needs for c in CAUSES if c.fits(proposed)))
    seen = [fact for fact in facts if fact.name not in needs and fact.name in related]
    return Named(cause, because, seen)


def contradicted(cause: str, shown: frozenset[str]) -> bool:
    """Whether facts of these names contradict a cause: each way in which it can come about is ruled out."""
    doubts = DOUBTS.get(cause, frozenset())
    if doubts & shown:
        return not any(c.needs & shown for c in CAUSES if c.name == cause)
    ways = [c for c in CAUSES if c.name == cause]
    return bool(ways) and all(c.against & shown for c in ways)


def _best(shown: frozenset[str], proposed: str | None) -> Cause | None:
    """The heaviest cause that facts support and none contradicts."""
    fits = [
        cause
        for cause in CAUSES
        if cause.needs & shown and not cause.against & shown and cause.fits(proposed)
    ]
    return max(fits, key=lambda cause: cause.weight) if fits else None


def _weight(proposed: str | None, shown: frozenset[str], certain: bool) -> float:
    """How much the check's own cause counts."""
    if proposed is None:
        return 0
    if certain:
        return _SUPPORTED if proposed in _MIXED else CERTAIN
    supported = any(c.needs & shown for c in CAUSES if c.name == proposed)
    return _SUPPORTED if supported else _PROPOSED
