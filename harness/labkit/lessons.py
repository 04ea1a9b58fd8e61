"""What a finding means and what to do about it: the sentences of a lesson, by named cause.

Every cause that the parsers give has an entry here; a self-test sees to it.
"""

from __future__ import annotations

import re

from labkit.stacks import Frame, number, own
from labkit.words import N_, _, ngettext

# cause: (what it means, what to do)
_LESSONS: dict[str, tuple[str, str]] = {
    "data-race": (
        N_(
            "Two threads use the same memory, at least one of them writes, and nothing says which"
            " comes first. What is read then is not defined: lost updates, torn values, old values."
        ),
        N_("Choose one lock for this data and hold it around every use, reads included."),
    ),
    "shared-argument": (
        N_(
            "The thread got a pointer to a variable that its creator goes on using: when the thread"
            " looks, the variable may already hold the next client's value."
        ),
        N_(
            "Give each thread an argument of its own: allocate it before pthread_create and let the"
            " thread free it."
        ),
    ),
    "descriptor-race": (
        N_(
            "One thread closes or opens a file descriptor while another uses it. Its number may"
            " belong to another client by then, and bytes go to the wrong one."
        ),
        N_("Let one thread own the descriptor and close it when nobody else can use it any more."),
    ),
    "use-after-free": (
        N_(
            "Memory is used after it was freed, or while another thread frees it. It may already"
            " hold something else."
        ),
        N_("Decide who owns it, and free it when the last user is done with it."),
    ),
    "use-after-return": (
        N_("A variable is used after the function or block it lives in has ended."),
        N_("What outlives its function must be allocated, or belong to a caller that still runs."),
    ),
    "lock-order": (
        N_(
            "The same locks are taken in different orders. When two threads do so at once, each"
            " holds what the other waits for, and both wait for ever."
        ),
        N_("Write down one order of the locks and take them in this order everywhere."),
    ),
    "missing-unlock": (
        N_(
            "A thread ends while it holds a lock. Nobody can take the lock any more: the next"
            " thread that tries waits for ever."
        ),
        N_("Look for a return, break or error path between lock and unlock; unlock on each."),
    ),
    "bad-unlock": (
        N_("A lock is released that this thread doesn't hold."),
        N_("Each unlock needs exactly one lock before it, by the same thread, on every path."),
    ),
    "self-deadlock": (
        N_("A thread waits for a lock that it holds itself: it will wait for ever."),
        N_(
            "Perhaps it was not released on an earlier path: look for a return or an error between"
            " lock and unlock. Or a function that takes the lock is called by one that holds it:"
            " split it in two, one that takes the lock, and one for callers that hold it already."
        ),
    ),
    "deadlock": (
        N_("Threads were waiting for a lock when the program was ended, each holding another one."),
        N_("See in which order the locks are taken, and whether each is released on every path."),
    ),
    "destroyed-lock": (
        N_("A lock is destroyed while it is in use, or used after that or before it was made."),
        N_(
            "Join the threads that use a lock before it is destroyed; initialize it before they start."
        ),
    ),
    "wait-without-lock": (
        N_("A condition variable is waited for without its lock, so a wake-up can be missed."),
        N_("Lock the mutex, check the condition in a while loop around pthread_cond_wait, unlock."),
    ),
    "joined-twice": (
        N_(
            "A thread is joined or detached that was joined or detached before, or was never started. Its"
            " pthread_t may be another thread's by now."
        ),
        N_(
            "Each thread is joined once or detached once, at the one place in the program that is responsible for it."
        ),
    ),
    "failed-call": (
        N_("A pthread call failed."),
        N_("These calls return the error number. Look at it, and at what the call was given."),
    ),
    "thread-leak": (
        N_(
            "A thread that nobody joins or detaches keeps its stack after it has ended; with every"
            " client a little more is lost."
        ),
        N_("Join every thread, or detach it: pthread_detach(pthread_self()), or an attribute."),
    ),
    "signal-unsafe": (
        N_(
            "A signal handler calls a function that is not async-signal-safe. The signal may have"
            " come in the middle of that very function."
        ),
        N_("In a handler only set a flag of type volatile sig_atomic_t, or write to a pipe."),
    ),
    "errno-in-handler": (
        N_("A signal handler changes errno, and the code it interrupted sees a wrong error."),
        N_("Save errno at the handler's start and put it back at its end."),
    ),
    "memory-leak": (
        N_("Memory was allocated and never freed, and nothing points to it any more."),
        N_("Free it on every path where its client leaves, error paths included."),
    ),
    "buffer-overflow": (
        N_("Memory beyond the end or before the beginning of an object is used."),
        N_("Compare the index or length with the size; a string needs a byte for its ending NUL."),
    ),
    "double-free": (
        N_("The same memory is freed twice."),
        N_("One owner frees it, once; set the pointer to NULL where that isn't plain."),
    ),
    "bad-free": (
        N_("free is given a pointer that malloc did not return."),
        N_("Free only what malloc, calloc, realloc or strdup returned, and exactly that pointer."),
    ),
    "bad-pointer": (
        N_("The program uses an invalid address: a null pointer, or a pointer that was never set."),
        N_("See where the pointer comes from, and whether that call's failure is looked at."),
    ),
    "zero-bytes": (
        N_(
            "A function is given a null pointer and no bytes to work on. C2y says that nothing happens then;"
            " C11 leaves it undefined, and gcc may take for granted from there on that the pointer is not null."
        ),
        N_("Where that matters, call the function only if there is something to do."),
    ),
    "bad-arguments": (
        N_("A library function gets arguments that it can't work with."),
        N_(
            "Look at the lengths: an error's -1 becomes a huge number; memcpy's areas must not overlap."
        ),
    ),
    "stack-overflow": (
        N_("The stack is full: endless recursion, or large arrays as local variables."),
        N_("End the recursion; allocate what is large."),
    ),
    "undefined-behaviour": (
        N_(
            "The C standard doesn't say what this does; the compiler may assume that it never happens."
        ),
        N_("Check the values before the operation, or use a type that is wide enough."),
    ),
    "crash": (
        N_("The program was ended by a signal."),
        N_("Look at the line below, and at how its values came to be."),
    ),
    "other": (N_("The tool reports this:"), ""),
}

CAUSES = frozenset(_LESSONS)


def meaning(cause: str) -> str:
    """What a cause means for the program, in a sentence or two."""
    return _(_LESSONS.get(cause, _LESSONS["other"])[0])


def advice(cause: str) -> str:
    """What to do about a cause; may be empty."""
    words = _LESSONS.get(cause, _LESSONS["other"])[1]
    return _(words) if words else ""


def size_words(how: str, size: str) -> str:
    """An access in words: "write of 4 bytes"."""
    n = number(size)
    words = {
        "read": ngettext("read of {n} byte", "read of {n} bytes", n),
        "write": ngettext("write of {n} byte", "write of {n} bytes", n),
        "atomic read": ngettext("atomic read of {n} byte", "atomic read of {n} bytes", n),
        "atomic write": ngettext("atomic write of {n} byte", "atomic write of {n} bytes", n),
    }
    return words.get(how.lower(), words["write"]).format(n=n)


def plain_name(name: str) -> str:
    """A static local's name as written: gcc calls it `name.0`, clang `peer_name.name`."""
    return re.sub(r"\.\d+$", "", name).rpartition(".")[2]


def variable_words(name: str) -> str:
    """A global variable by its name."""
    return _("the variable '{name}'").format(name=name)


def block_words(size: str, frames: tuple[Frame, ...]) -> str:
    """A block on the heap by its size and by the thread that allocated it."""
    n = number(size)
    maker = own(frames)
    if not maker:
        return ngettext(
            "a block of {n} byte on the heap", "a block of {n} bytes on the heap", n
        ).format(n=n)
    return ngettext(
        "the block of {n} byte allocated at {where} ({function})",
        "the block of {n} bytes allocated at {where} ({function})",
        n,
    ).format(n=n, where=maker.where, function=maker.function)
