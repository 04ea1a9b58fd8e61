"""The system calls that a program in the sandbox does not get: a seccomp filter, made by libseccomp.

What is refused answers as a kernel does that lacks it, so a program that asks and goes on works: nothing is killed.
Threads, and all that the C library and the tools need, stay as they are.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from labkit.ground.catalog import BUILD
from labkit.ground.faults import Trouble
from labkit.ground.words import _

LIBRARY = "libseccomp.so.2"
ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # seccomp.h: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO
MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ
UNKNOWN = -1  # __NR_SCMP_ERROR
INT = 0xFFFFFFFF  # of a register that holds an int, the upper half may hold anything

# linux/sched.h: time, mount, cgroup, uts, ipc, user, pid, net. In clone(2) the first means something else.
NEW_TIME = 0x00000080
NEW = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)


class _Compare(ctypes.Structure):
    """struct scmp_arg_cmp: argument number `arg`, masked with `mask`, is `value`."""

    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    ]


class _Filter:
    """One of libseccomp's filters. Everything is allowed that `refuse` is not told of."""

    def __init__(self, architecture: str = "") -> None:
        """architecture: as libseccomp calls it; empty is this machine's. Trouble where there is no libseccomp."""
        try:
            self._library = ctypes.CDLL(LIBRARY, use_errno=True)
        except OSError as error:
            raise Trouble(_("{tool} is not installed").format(tool="libseccomp2")) from error
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(ALLOW)))
        if not self._context:
            raise Trouble(_("the filter of system calls: {why}").format(why="seccomp_init"))
        if architecture:
            self._only(architecture)

    def _only(self, architecture: str) -> None:
        resolve = self._library.seccomp_arch_resolve_name
        native = self._library.seccomp_arch_native
        native.restype = resolve.restype = ctypes.c_uint32
        here, there = native(), resolve(architecture.encode())
        if there != here:
            self._must(self._library.seccomp_arch_add(self._context, ctypes.c_uint32(there)))
            self._must(self._library.seccomp_arch_remove(self._context, ctypes.c_uint32(here)))

    def refuse(self, name: str, error: int, *compared: tuple[int, int, int]) -> None:
        """Let a call fail with `error` where all of (argument, mask, value) hold. Trouble where that cannot be."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == UNKNOWN:
            raise Trouble(_("the filter of system calls: {why}").format(why=name))
        rules = (_Compare * len(compared))(
            *(_Compare(argument, MASKED_EQUAL, mask, value) for argument, mask, value in compared)
        )
        self._must(
            self._library.seccomp_rule_add_array(
                self._context, ctypes.c_uint32(ERRNO | error), number, len(compared), rules
            )
        )

    def program(self) -> bytes:
        """The filter as the kernel takes it: instructions of classic BPF."""
        with tempfile.TemporaryFile() as file:
            self._must(self._library.seccomp_export_bpf(self._context, file.fileno()))
            file.seek(0)
            return file.read()

    def close(self) -> None:
        """Give the library's memory back."""
        self._library.seccomp_release(self._context)

    @staticmethod
    def _must(code: int) -> None:
        if code:
            why = os.strerror(-code)
            raise Trouble(_("the filter of system calls: {why}").format(why=why))


def program(architecture: str = "") -> bytes:
    """The filter for this machine, or for another architecture. Trouble where it cannot be made."""
    rules = _Filter(architecture)
    try:
        _no_namespaces(rules)
        _no_other_sockets(rules)
        return rules.program()
    finally:
        rules.close()


def _no_namespaces(rules: _Filter) -> None:
    """No further namespaces: in one's own user namespace one is root, and meets code of the kernel meant for root.

    Of clone3(2) a filter does not see the flags; glibc takes clone(2) where there is none.
    """
    for flag in NEW:
        rules.refuse("clone", errno.EPERM, (0, flag, flag))
    for flag in (NEW_TIME, *NEW):
        rules.refuse("unshare", errno.EPERM, (0, flag, flag))
    rules.refuse("setns", errno.EPERM)
    rules.refuse("clone3", errno.ENOSYS)


def _no_other_sockets(rules: _Filter) -> None:
    """No sockets but those of FAMILIES: each other family is a module of the kernel that few ever look at.

    io_uring opens sockets behind a filter's back.
    """
    for call in ("socket", "socketpair"):
        for family in _others():
            rules.refuse(call, errno.EAFNOSUPPORT, (0, INT, family))
        for bit in range(5, 32):
            rules.refuse(call, errno.EAFNOSUPPORT, (0, 1 << bit, 1 << bit))
    rules.refuse("io_uring_setup", errno.ENOSYS)


def _others() -> Iterable[int]:
    """The numbers below 32 that are not in FAMILIES."""
    return (family for family in range(32) if family not in FAMILIES)


@functools.cache
def file() -> Path:
    """A file with this machine's filter, below build/. Trouble where it cannot be made."""
    words = program()
    path = BUILD / "seccomp" / hashlib.sha256(words).hexdigest()[:24]
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        if not path.exists() or path.read_bytes() != words:
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(words)
            scratch.replace(path)
    except OSError as error:
        raise Trouble(_("cannot write {path}: {why}").format(path=path, why=error)) from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return path
