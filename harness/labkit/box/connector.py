"""The doorkeeper of a network namespace: makes one, then connects and listens in it for the harness.

Run as a script (`connector.py FD KEY=VALUE…`) it leaves for a user and network namespace of its own, brings
loopback up, sets the sysctls below /proc/sys/net/ipv4 that it was given, says `ready` on the
SOCK_SEQPACKET socket FD and serves requests there until that socket closes. Sockets made in the namespace
are passed back (SCM_RIGHTS), so that the harness itself never has to enter it: see network_namespaces(7)
and unix(7). Nothing but the standard library is imported: it starts in 20 ms.

`dial` and `listen` are also what the harness uses where it has to do without a namespace.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # sched.h
SIOCSIFADDR6 = 0x8916  # of an AF_INET6 socket: struct in6_ifreq, linux/ipv6.h
LONGEST = "fd12:3456:789a:bcde:f123:4567:89ab:cdef"  # an address as long as one can be, of the namespace's loopback
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, linux/if.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
TCP_INFO_SIZE, BYTES_ACKED = 192, 120  # struct tcp_info and a 64-bit field of it, linux/tcp.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = (
    4,
    20,
    1,
)  # linux/netlink.h, linux/sock_diag.h
TCP_LISTEN = 10
QUEUE_FIELDS = 16 + 56  # idiag_rqueue and idiag_wqueue of struct inet_diag_msg, linux/inet_diag.h
STEP = 0.1  # seconds, of a wait
BATCH = 200  # descriptors in one message; the kernel's limit is 253 (SCM_MAX_FD)


class Patience:
    """A span of time that passes only while we run: of a connector that was stopped, or got no processor, what it
    did not see in time says nothing about the program that it waits for."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._seen = time.monotonic()

    def left(self) -> float:
        """Seconds that are left, never negative. To be asked at least once in STEP seconds."""
        now = time.monotonic()
        self._left -= min(now - self._seen, 2 * STEP)
        self._seen = now
        return max(0.0, self._left)


def family_of(host: str) -> socket.AddressFamily:
    """The address family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def dial(
    host: str, port: int, count: int, timeout: float, buffer: int = 0
) -> tuple[list[socket.socket], int]:
    """Connect `count` sockets at once, or as fast as the accept queue has room for them.

    All connects that fit into the queue are under way together, as a crowd would come. The others follow as
    soon as the program has accepted some: a SYN that meets a full queue is dropped and comes again after 1,
    3, 7 seconds, which would be held against a program that listens with a small backlog.

    buffer: bytes for SO_RCVBUF and SO_SNDBUF, 0 to leave them. Returns the connected sockets, blocking, in
    the order of their connects, and the errno of the first one that failed (0: none, ETIMEDOUT: not all by
    `timeout` seconds).
    """
    patience = Patience(timeout)
    good: list[socket.socket] = []
    failed = 0
    while len(good) < count and not failed:
        room = queue_room(host, port)
        if room is None or room > 0:
            wanted = count - len(good)
            some, failed = _dial_together(host, port, min(wanted, room or wanted), patience, buffer)
            good += some
        elif not patience.left():
            failed = errno.ETIMEDOUT
        else:
            time.sleep(0.0005)
    for sock in good:
        sock.setblocking(True)
    return good, failed


def _dial_together(
    host: str, port: int, count: int, patience: Patience, buffer: int
) -> tuple[list[socket.socket], int]:
    """Connect `count` sockets at once; those that are connected, and the first errno of those that are not."""
    sockets = [_new(host, buffer) for _index in range(count)]
    codes = {sock: sock.connect_ex((host, port)) for sock in sockets}
    with selectors.DefaultSelector() as pending:
        for sock, code in codes.items():
            if code == errno.EINPROGRESS:
                pending.register(sock, selectors.EVENT_WRITE, sock)
        while pending.get_map():
            left = patience.left()
            ready = pending.select(min(left, STEP))
            if not ready and not left:
                break
            for key, _mask in ready:
                pending.unregister(key.fileobj)
                codes[key.data] = _outcome(key.data)
    good = [sock for sock in sockets if not codes[sock]]
    first = next((codes[sock] for sock in sockets if codes[sock]), 0)
    for sock in set(sockets) - set(good):
        sock.close()
    return good, errno.ETIMEDOUT if first == errno.EINPROGRESS else first


def queue_room(host: str, port: int) -> int | None:
    """How many more connections the accept queue of who listens there takes; None where it cannot be known.

    Asked of the kernel by sock_diag(7). Its queue takes one more than listen(2) was told.
    """
    family = family_of(host)
    where = socket.inet_pton(family, host).ljust(16, b"\0")
    ports = struct.pack(">HH", port, 0)
    cookie = b"\xff" * 8  # INET_DIAG_NOCOOKIE
    request = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, 1 << TCP_LISTEN)
    request += ports + where + bytes(16) + bytes(4) + cookie
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
            kernel.send(header + request)
            answer = kernel.recv(4096)
    except OSError:
        return None
    if struct.unpack_from("=H", answer, 4)[0] != SOCK_DIAG_BY_FAMILY or answer[17] != TCP_LISTEN:
        return None
    waiting, backlog = struct.unpack_from("=II", answer, QUEUE_FIELDS)
    return int(backlog) + 1 - int(waiting)


def _outcome(sock: socket.socket) -> int:
    """0 for a socket that has been connected, else why not: an errno.

    A peer may have reset it since. Then its SO_ERROR is left for the client to find; what tells it from one
    that was refused is that its SYN was acknowledged.
    """
    try:
        sock.getpeername()
        return 0
    except OSError:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        if struct.unpack_from("=Q", state, BYTES_ACKED)[0]:
            return 0
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.ENOTCONN


def _new(host: str, buffer: int) -> socket.socket:
    sock = socket.socket(family_of(host), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    return sock


def listen(host: str, port: int, backlog: int, buffer: int = 0) -> socket.socket:
    """A listening socket on a numeric address; port 0 lets the kernel choose."""
    sock = _new(host, buffer)
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def enter_namespace(sysctls: Iterable[str]) -> None:
    """Leave for a user and a network namespace of our own; KEY=VALUE strings set its sysctls."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, f"unshare: {os.strerror(code)}")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))
    with suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        address = socket.inet_pton(socket.AF_INET6, LONGEST)
        words = struct.pack("16sIi", address, 128, socket.if_nametoindex("lo"))
        fcntl.ioctl(sock, SIOCSIFADDR6, words)
    for setting in sysctls:
        key, value = setting.split("=", 1)
        with open(f"/proc/sys/net/ipv4/{key}", "w", encoding="ascii") as file:
            file.write(value)


def serve(control: socket.socket) -> None:
    """Answer requests (JSON, one a message) until the other end closes."""
    while request := control.recv(4096):
        wanted = json.loads(request)
        operation = wanted.pop("do")
        try:
            if operation == "dial":
                sockets, failed = dial(**wanted)
            else:
                sockets, failed = [listen(**wanted)], 0
        except OSError as error:
            sockets, failed = [], error.errno or errno.EIO
        for start in range(0, len(sockets), BATCH):
            some = sockets[start : start + BATCH]
            socket.send_fds(control, [b"some"], [sock.fileno() for sock in some])
        control.send(json.dumps({"failed": failed}).encode())
        for sock in sockets:
            sock.close()


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's to answer
    try:
        enter_namespace(sys.argv[2:])
    except OSError as error:
        control.send(f"refused: {error}".encode())
        return
    control.send(b"ready")
    serve(control)


if __name__ == "__main__":
    main()
