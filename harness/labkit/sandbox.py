"""Where untrusted code runs: bubblewrap's namespaces, or, where they are refused, limits alone.

Inside are the compiler (a submission's source can `#include` any file) and the student's program; outside
are pytest, the results and the solutions. Whether namespaces can be had is found out by making one.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.faults import Trouble
from labkit.words import N_, _

MIB = 1 << 20
LOCALE = "C.UTF-8"
UNSANDBOXED = N_("UNSANDBOXED: only run your own code")

# Read by name resolution and the C library; nothing of the machine's users or secrets.
ETC = (
    "ld.so.cache",
    "alternatives",
    "hosts",
    "nsswitch.conf",
    "services",
    "protocols",
    "localtime",
)

# Where memory runs out, the kernel ends these before the harness and whatever else is graded beside them.
FIRST_TO_GO = ("/usr/bin/choom", "-n", "1000", "--")

# In /proc, the kernel's own: where root runs the harness, the program would be the owner of these files.
KERNEL = ("sys", "sysrq-trigger", "irq", "bus", "fs", "scsi", "acpi", "mtrr")


@dataclass(frozen=True)
class Limits:
    """What a program may use. files: descriptors; cpu: seconds; file_size, tmp, memory: bytes.

    memory: of address space, 0 leaves it alone, as a program under TSan needs it.
    """

    files: int = 4096
    cpu: int = 300
    file_size: int = 256 * MIB
    tmp: int = 64 * MIB
    memory: int = 0


@dataclass(frozen=True)
class View:
    """What a command sees besides /usr: directories of ours at places of its own.

    cwd: the writable directory it starts in. readable, writable: place inside -> directory outside.
    proc: whether it has a /proc, and with it the names /dev/fd and /dev/stdin.
    """

    cwd: Path
    readable: Mapping[str, Path] = field(default_factory=dict)
    writable: Mapping[str, Path] = field(default_factory=dict)
    proc: bool = True


@functools.cache
def available() -> bool:
    """Whether bubblewrap can make all the namespaces, with a network that we hold open."""
    return not refusal()


@functools.cache
def refusal() -> str:
    """Why there is no sandbox here; empty where there is one."""
    if os.environ.get("LAB_SANDBOX") == "none":
        return _("switched off by LAB_SANDBOX=none")
    for tool in ("bwrap", "nsenter"):
        if not shutil.which(tool):
            return _("{tool} is not installed").format(tool=tool)
    from labkit import network

    try:
        trial = network.OwnNetwork({})
    except OSError as error:
        return str(error)
    try:
        here = View(cwd=Path("/usr"))
        command = trial.inside() + _bwrap(["/usr/bin/true"], here, {}, Limits(), None)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        trial.close()
    return "" if done.returncode == 0 else done.stderr.strip() or _("bwrap failed")


@functools.cache
def fixed_addresses() -> bool:
    """Whether address space randomisation can be switched off; personality(2) may be refused."""
    return (
        subprocess.run(["/usr/bin/setarch", "-R", "/usr/bin/true"], capture_output=True).returncode
        == 0
    )


def command(
    argv: Sequence[str],
    view: View,
    *,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    info_fd: int | None = None,
) -> list[str]:
    """The words that run `argv` with what `view` shows it, without address space randomisation.

    env: set for `argv` alone. info_fd: where bubblewrap writes the id of its first process.
    """
    limits = limits or Limits()
    words = _limited(argv, env or {}, limits)
    if available():
        return [*FIRST_TO_GO, *_bwrap(words, view, {}, limits, info_fd)]
    return [*FIRST_TO_GO, "/usr/bin/setpriv", "--pdeathsig", "KILL", *words]


def foreground(argv: Sequence[str]) -> list[str]:
    """The words that run `argv` with the terminal on its stdin as its own: Ctrl-C and /dev/tty work in it."""
    if available():
        return ["/usr/bin/setsid", "--ctty", *argv]
    # It leads a session without a terminal, and gets the first one that it opens: see credentials(7).
    return ["/bin/sh", "-c", 'exec "$@" <"$(tty)"', "sh", *argv]


def place(view: View, inside: str) -> str:
    """What a path inside is called by the program: itself in the sandbox, the real one without."""
    if available():
        return inside
    for where, outside in {**view.readable, **view.writable}.items():
        if inside == where or inside.startswith(where + "/"):
            return str(outside) + inside[len(where) :]
    raise Trouble(f"{inside} is not part of the view")


def _limited(argv: Sequence[str], env: Mapping[str, str], limits: Limits) -> list[str]:
    """Limits, then no randomisation (TSan needs it), then the environment, then the program."""
    return [
        "/usr/bin/prlimit",
        f"--nofile={limits.files}",
        f"--cpu={limits.cpu}:{limits.cpu + 5}",  # first SIGXCPU, which says what it is for
        f"--fsize={limits.file_size}",
        *([f"--as={limits.memory}"] if limits.memory else []),
        "--core=0",
        "--",
        *(["/usr/bin/setarch", "-R"] if fixed_addresses() else []),
        "/usr/bin/env",
        "--default-signal",  # what we were told to ignore is nothing to the program
        *[f"{key}={value}" for key, value in env.items()],
        *argv,
    ]


def _bwrap(
    argv: Sequence[str], view: View, env: Mapping[str, str], limits: Limits, info_fd: int | None
) -> list[str]:
    words = ["/usr/bin/bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--hostname", "lab", "--clearenv", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        top = Path("/", name)
        if top.is_symlink():
            words += ["--symlink", os.readlink(top), str(top)]
        elif top.is_dir():
            words += ["--ro-bind", str(top), str(top)]
    for name in ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    words += ["--proc", "/proc"] if view.proc else []
    for name in KERNEL if view.proc else ():
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    words += [
        "--dev",
        "/dev",
        "--size",
        str(limits.tmp),
        "--tmpfs",
        "/dev/shm",
        "--remount-ro",
        "/dev",
    ]
    words += ["--size", str(limits.tmp), "--tmpfs", "/tmp"]
    for inside, outside in view.readable.items():
        words += ["--ro-bind", str(outside), inside]
    for inside, outside in view.writable.items():
        words += ["--bind", str(outside), inside]
    words += ["--bind", str(view.cwd), "/here", "--remount-ro", "/", "--chdir", "/here"]
    for key, value in {**environment(), "HOME": "/here", **env}.items():
        words += ["--setenv", key, value]
    if info_fd is not None:
        words += ["--info-fd", str(info_fd)]
    return [*words, "--", *argv]


def environment() -> dict[str, str]:
    """The environment in which a command of ours is started; bubblewrap clears it for the program.

    TZ: without it glibc looks for a file at each mktime, under a lock that ThreadSanitizer does not see, and
    a correct program would have a race.
    """
    return {"PATH": "/usr/bin:/bin", "LC_ALL": LOCALE, "HOME": "/nonexistent", "TZ": "UTC0"}
