"""Whether a program is at rest: nothing goes on in it until something comes from outside.

That is proved rather than waited for: every thread is inside a call that ends by no clock, all at the same moment, and
nothing is on its way to a descriptor that one of them waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labkit.ground import proc, tcp_table
from labkit.ground.proc import Task
from labkit.ground.tcp_table import LISTEN, SYN_SENT, Row
from labkit.hang import flight
from labkit.hang.flight import Event, Flight

# Calls that end by another thread or from outside, and in no other way.
UNTIMED = frozenset(
    """
    accept accept4 recv recvfrom recvmsg read readv send sendto sendmsg write writev sendfile eventfd_read
    eventfd_write flock printf fprintf vprintf vfprintf dprintf vdprintf puts fputs fwrite fflush fgets fgetc getc
    getchar fread getdelim getline __getdelim fscanf mq_send mq_receive pause sigwait sigwaitinfo sigsuspend
    pthread_join thrd_join pthread_mutex_lock pthread_rwlock_rdlock pthread_rwlock_wrlock sem_wait
    pthread_cond_wait pthread_barrier_wait flockfile mtx_lock cnd_wait
    """.split()
)
# Those that have a time-out, or none: then what they ask for is -1.
PERHAPS_TIMED = frozenset(
    """
    poll ppoll select pselect epoll_wait epoll_pwait epoll_pwait2 sigtimedwait pthread_timedjoin_np
    pthread_clockjoin_np
    """.split()
)
RECEIVING = frozenset("accept accept4 recv recvfrom recvmsg read readv poll ppoll".split())


def at_rest(stats: Path, pid: int) -> bool:
    """Whether nothing goes on in a running program until something comes from outside. stats: the shim's file.

    False also where that cannot be proved: a thread that is not on record (a tool's, for one), any timer that was
    set, a call that is not known to have no end by itself.
    Two looks at all threads: who is inside the same call in both, and has not run in between, was inside of it at every
    moment from the first look to the second, so all were at the same moment.
    """
    before, recorded = proc.tasks(pid), flight.read(stats)
    if not before or recorded.unrecorded or recorded.timers:
        return False
    waits = _waits(recorded, before)
    if waits is None or _on_the_way(pid, waits):
        return False
    return proc.tasks(pid) == before and _waits(flight.read(stats), before) == waits


def _waits(recorded: Flight, tasks: Mapping[int, Task]) -> list[Event] | None:
    """The call that each thread is inside of, if each sleeps in one that ends by no clock; else None."""
    lives = {recorded.lives[number].tid: number for number in recorded.alive()}
    asleep = all(task.state == "S" for task in tasks.values())
    if lives.keys() != {task.inner for task in tasks.values()} or not asleep:
        return None
    calls = [recorded.now(number) for number in sorted(lives.values())]
    found = [call for call in calls if call and _endless(call)]
    return found if len(found) == len(calls) else None


def _endless(call: Event) -> bool:
    return call.call in UNTIMED or (call.call in PERHAPS_TIMED and call.asked == -1)


def _on_the_way(pid: int, waits: list[Event]) -> bool:
    """Whether something has come, or comes, for a call that waits for one descriptor."""
    waited = {call.fd for call in waits if call.call in RECEIVING and call.fd >= 0}
    leads_to = proc.descriptors(pid)
    rows = list(tcp_table.rows(pid))
    inodes = {leads_to.get(fd, "") for fd in waited}
    mine = [row for row in rows if f"socket:[{row.inode}]" in inodes]
    return any(_comes_to(row, rows) for row in mine)


def _comes_to(row: Row, rows: list[Row]) -> bool:
    if row.received:
        return True
    if row.state == LISTEN:
        return any(other.state == SYN_SENT and other.remote[1] == row.local[1] for other in rows)
    return any(
        other.unsent and other.local == row.remote and other.remote == row.local for other in rows
    )
