"""Lab 02, step 4: Give everything back."""

from __future__ import annotations

from contextlib import suppress

from checks.lab_02_threaded_echo.shared import MIB, SERVER, WAVE, WAVES, owners, talk, token, wave
from labkit.scene import departed, manners, stopping
from labkit.scene.checking import (
    UNDER_ASAN,
    Fault,
    Scene,
    Server,
    Shim,
    Silent,
    _,
    end_and_inspect,
    expect,
    judge,
    require,
    step,
)

MOST_GROWTH = 6 * MIB


@step(4, "sound-memory")
def test_no_memory_is_lost(scene: Scene) -> None:
    """LeakSanitizer and AddressSanitizer find nothing, whatever way the clients left."""
    for short in (
        0,
        departed.SHORT,
    ):  # whole portions, and clients who leave while they are written to
        shim = Shim(seed=scene.seed, short=short)
        loses_no_memory(
            scene.server(SERVER, "-v", tool=UNDER_ASAN, shim=shim), unread=3 if short else 0
        )


def loses_no_memory(server: Server, unread: int) -> None:
    """Clients come and leave in all ways, `unread` of them in each wave without reading; then it is stopped."""
    try:
        judge(talk(server, server.crowd(1), lambda i: token(i, 100_000)))
        for number in range(5):
            wave(server, number)
            if unread:
                departed.leave_unread(server, unread)
    except Silent:
        pass  # it hangs: the next check says more about that
    except Fault:  # it may be ending, and the tool will have said why
        server.program.wait(server.program.deadline(2.0))
    else:
        manners.settled(server.program, "threads", 2, 1.0)
        with suppress(Fault):
            stopping.ask_to_stop(server.program)
            server.program.wait(server.program.deadline(1.0))
    end_and_inspect(server.program)


@step(4, "given-back", "one-owner")
def test_gives_everything_back(scene: Scene) -> None:
    """After 3,000 connections threads, descriptors and memory are back where they were after the first."""
    server = scene.server(SERVER, shim=Shim(short=departed.SHORT))
    program = server.program
    for _round in range(2):
        wave(server)
    departed.leave_unread(server)
    threads = manners.lowest(program, "threads")
    descriptors = manners.lowest(program, "descriptors")
    resident = program.resident()
    with owners(server):
        for number in range(WAVES):
            wave(server, number)
            if number % 10 == 0:
                departed.leave_unread(server, 3)
    left = manners.settled(program, "threads", threads)
    if left > threads:
        raise Silent(
            _("threads outlive their clients"),
            expected=_("threads, as at first: {n}").format(n=threads),
            got=_("threads after all clients left: {n}").format(n=left),
            cause="thread-stays",
        )
    left = manners.settled(program, "descriptors", descriptors)
    expect(
        descriptors,
        max(left, descriptors),
        _("descriptors after all clients left"),
        "descriptor-leak",
    )
    stats = program.stats()
    unclaimed = stats.created - stats.joined - stats.detached - stats.alive
    grown = manners.settled(program, "resident", resident + MOST_GROWTH) - resident
    require(
        grown <= MOST_GROWTH,
        _("resident memory grew by {kib} KiB over {n} connections").format(
            kib=grown // 1024, n=WAVES * WAVE
        ),
        expected=_("at most {kib} KiB").format(kib=MOST_GROWTH // 1024),
        got=_("{kib} KiB; threads ended, but neither joined nor detached: {n}").format(
            kib=grown // 1024, n=unclaimed
        ),
        cause="thread-leak" if unclaimed > 100 else "memory-leak",
    )
