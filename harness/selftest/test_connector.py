"""Connecting: no client that got in is lost, and one that did not get in is not taken for one that left at once."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from labkit.box import connector

HOST = "127.0.0.1"


def test_a_peer_that_resets_at_once() -> None:
    """It was connected, and the reset is the client's to find, however late."""
    with connector.listen(HOST, 0, 8) as listening:
        port = listening.getsockname()[1]
        sockets = [connector._new(HOST, 0) for _peer in range(3)]
        for sock in sockets:
            assert sock.connect_ex((HOST, port)) == errno.EINPROGRESS
            peer, _address = listening.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
    for sock in sockets:
        with sock:
            assert connector._outcome(sock) == 0
            with pytest.raises(ConnectionResetError):
                sock.recv(1)


def test_nobody_listens() -> None:
    """A refused connect is no connection, and says so."""
    with connector.listen(HOST, 0, 8) as listening:
        port = listening.getsockname()[1]
    assert connector.dial(HOST, port, 2, 5.0) == ([], errno.ECONNREFUSED)


def test_a_crowd() -> None:
    """All are connected, in order, and blocking."""
    with connector.listen(HOST, 0, 64) as listening:
        sockets, failed = connector.dial(HOST, listening.getsockname()[1], 20, 5.0)
        assert (len(sockets), failed) == (20, 0)
        assert all(sock.getblocking() for sock in sockets)
        for sock in sockets:
            sock.close()


def test_a_full_queue() -> None:
    """A client that gets no answer in time is late."""
    with connector.listen(HOST, 0, 0) as listening:
        port = listening.getsockname()[1]
        first, _failed = connector.dial(HOST, port, 1, 5.0)
        more, failed = connector.dial(HOST, port, 3, 0.1)
        assert (len(more) < 3, failed) == (True, errno.ETIMEDOUT)
        for sock in first + more:
            sock.close()
