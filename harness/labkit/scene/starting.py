"""The rules of all labs' programs: clean compilation, the first lines, the address listened on."""

from __future__ import annotations

import re
import shlex

from labkit.build.build import CLANG, GCC
from labkit.ground.faults import Fault
from labkit.ground.words import _
from labkit.scene.running import Running
from labkit.scene.scene import Scene
from labkit.scene.server import Server, wait_listening
from labkit.scene.usage import END_SECONDS


def compiles_cleanly(scene: Scene, program: str) -> None:
    """The program must compile without a warning by the handout's command line, with gcc and with clang."""
    for flavour in (GCC, CLANG):
        words = scene.builder.build(program, flavour).warnings
        if words:
            raise scene.builder.lacking(program, flavour, words) or Fault(
                _("{compiler} warns about {program}").format(
                    compiler=flavour.compiler, program=program
                ),
                cause="compiler-warning",
                details=words.strip(),
            )


def first_lines(running: Running, address: str, port: int) -> None:
    """`server started`, then `listening on ADDRESS:PORT`, must be the first lines, flushed at once."""
    host = f"[{address}]" if ":" in address else address
    expected = f"server started\nlistening on {host}:{port}\n"
    running.stdout.wait_until(lambda data: data.count(b"\n") >= 2, running.deadline(2.0))
    got = running.stdout.text()
    if got.startswith(expected):
        return
    raise Fault(
        _("the server's first lines are not right"),
        expected=expected,
        got=got,
        cause=_why_not_said(running, got),
        by_hand=[f"{{bin}}/{shlex.join(running.shown)} | cat"],
        about=running,
    )


ELSEWHERE = re.compile(r"server started\nlistening on (\d+(\.\d+){3}|\[[0-9a-f:]+\]):\d+\n")
UNBUFFERED = {"LD_PRELOAD": "/usr/libexec/coreutils/libstdbuf.so", "_STDBUF_O": "L"}  # stdbuf(1)


def _why_not_said(running: Running, got: str) -> str:
    """Another address, other words, or none: in stdio's buffer, or not at all? Without a buffer it shows."""
    if ELSEWHERE.match(got):
        return "wrong-address"
    if got:
        return "wrong-message"
    again = running.scene.start(running.program, *running.shown[1:], env=UNBUFFERED)
    spoke = again.stdout.wait_until(lambda data: b"\n" in data, again.deadline(1.0))
    again.close_now()
    return "not-flushed" if spoke else "missing-message"


def says_where_it_listens(scene: Scene, program: str) -> None:
    """With -p 0 the kernel chooses, and the server must say what it chose."""
    server = scene.server(program)
    if server.host != "127.0.0.1":
        raise Fault(
            _("without -a it must listen on 127.0.0.1"),
            expected="127.0.0.1",
            got=server.host,
            cause="wrong-address",
        )
    first_lines(server.program, server.host, server.port)


def listens_where_told(scene: Scene, program: str) -> None:
    """-a and -p must decide, for IPv4 and IPv6; without them it is 127.0.0.1:9090."""
    cases = [("127.0.0.2", free_port(scene), True), ("::1", free_port(scene), True)]
    if scene.network().own:
        cases.append(("127.0.0.1", 9090, False))
    for address, port, told in cases:
        arguments = ["-a", address, "-p", str(port)] if told else []
        running = scene.start(program, *arguments)
        try:
            where = wait_listening(running)
        except Fault as fault:
            fault.about, fault.by_hand = running, [f"{{bin}}/{shlex.join(running.shown)}"]
            if fault.cause == "never-listens":
                fault.cause = "wrong-address"
            raise
        if where != (address, port):
            raise Fault(
                _("it does not listen at the address given"),
                expected=f"{address} {port}",
                got=f"{where[0]} {where[1]}",
                cause="wrong-address",
                by_hand=[f"{{bin}}/{shlex.join(running.shown)} &", "ss -ltn  # Local Address:Port"],
                about=running,
            )
        first_lines(running, address, port)
        running.may_end = True
        running.close_now()


def free_port(scene: Scene) -> int:
    """A port on which nobody listens at the moment; with its bytes swapped it is not below 1024 either."""
    port = 0
    while port % 256 < 4:
        with scene.network().listen("127.0.0.1", 0, 1) as sock:
            port = sock.getsockname()[1]
    return port


def reports_busy_port(scene: Scene, program: str) -> None:
    """A port in use is an error that names the address and the port; `listening on` is not said."""
    first = scene.server(program)
    second = scene.start(program, "-p", str(first.port))
    second.may_end = True
    ended = second.wait(second.deadline(END_SECONDS))
    said, printed = second.stderr.text(), second.stdout.text()
    named = str(first.port) in said and "127.0.0.1" in said
    if not ended or ended.status != 1 or not named or "listening on" in printed:
        raise Fault(
            _("a second server on the same port must fail, and say which port"),
            expected=_("exit status 1, 127.0.0.1 and {port} on stderr, no `listening on`").format(
                port=first.port
            ),
            got=str(ended or _("it runs on")) + f"\nstderr: {said}\nstdout: {printed}",
            cause="busy-port",
            details=_shared_port(first, second),
            about=second,
        )


def _shared_port(first: Server, second: Running) -> str:
    """Where two servers listen on the same address and port: why the kernel lets them."""
    if first.where not in second.listening() or not first.program.listening():
        return ""
    return _(
        "Both servers listen on port {port} now, and clients come to one or the other by chance. Linux allows that\n"
        "only where SO_REUSEPORT is set (socket(7)). SO_REUSEADDR and SO_REUSEPORT are two options, not flags to be\n"
        "joined by |: set SO_REUSEADDR alone."
    ).format(port=first.port)
