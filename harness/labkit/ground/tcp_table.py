"""The TCP sockets of a process's network as the kernel lists them: /proc/PID/net/tcp and tcp6, proc(5).

Reading takes nothing from an accept queue and disturbs no connection.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from labkit.ground import proc

ESTABLISHED, SYN_SENT, SYN_RECV, LISTEN = "01", "02", "03", "0A"  # tcp_states.h
MAPPED = bytes(10) + b"\xff\xff"  # how an IPv4 address begins in an IPv6 socket
FAMILIES = {"tcp": socket.AF_INET, "tcp6": socket.AF_INET6}


@dataclass(frozen=True)
class Row:
    """A socket. local, remote: address and port. received: bytes not read yet; of a listener, its accept queue.

    unsent: bytes that the other side has not confirmed yet.
    """

    local: tuple[str, int]
    remote: tuple[str, int]
    state: str
    received: int
    inode: str
    unsent: int = 0


def rows(pid: int | str) -> Iterator[Row]:
    """All TCP sockets of the network of a process (or of "self"); none where it has ended."""
    for table, family in FAMILIES.items():
        for column in map(str.split, _lines(pid, table)):
            yield Row(
                _end(column[1], family),
                _end(column[2], family),
                column[3],
                int(column[4].partition(":")[2], 16),
                column[9],
                int(column[4].partition(":")[0], 16),
            )


def _lines(pid: int | str, table: str) -> list[str]:
    """A table's lines without its heading; none where the process has ended, or the kernel has no IPv6."""
    for view in proc.views(pid):
        with suppress(OSError):
            return (view / "net" / table).read_text(encoding="ascii").splitlines()[1:]
    return []


def _end(text: str, family: int) -> tuple[str, int]:
    """ADDRESS:PORT as the kernel writes it, the address in 32-bit words in the machine's byte order.

    An IPv4 address of an IPv6 socket (RFC 4291, 2.5.5.2: IPv4-mapped) is written as what it is, IPv4.
    """
    address, _colon, port = text.partition(":")
    words = [address[i : i + 8] for i in range(0, len(address), 8)]
    raw = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    if family == socket.AF_INET6 and raw.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[len(MAPPED) :]), int(port, 16)
    return socket.inet_ntop(family, raw), int(port, 16)
