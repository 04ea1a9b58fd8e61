"""Where untrusted code runs: bubblewrap's namespaces and a filter of system calls, or, by order, limits alone.

Inside are the compiler (a submission's source can `#include` any file) and the student's program; outside
are pytest, the results and the solutions. Whether it is there is decided once: labkit/box/decision.py.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.box import decision, network, seccomp
from labkit.box.decision import Decision
from labkit.ground.faults import Trouble
from labkit.ground.words import N_, _

MIB = 1 << 20
LOCALE = "C.UTF-8"
UNSANDBOXED = N_("UNSANDBOXED: only run your own code")
TRIAL_SECONDS = 60.0

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
    threads: 0 leaves them alone. In the sandbox, and where no root is: the kernel counts what is root's nowhere.
    """

    files: int = 4096
    cpu: int = 300
    file_size: int = 256 * MIB
    tmp: int = 64 * MIB
    memory: int = 0
    threads: int = 0


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


_decided: Decision | None = None  # for this process, once and for all


def decide() -> Decision:
    """Whether programs run in a sandbox: asked once, by the process that a person started. Trouble where it cannot."""
    global _decided
    if _decided is None:
        _decided = decision.decide(_trial)
    return _decided


def adopt(decided: Decision) -> None:
    """Take over what the process that started this one has decided."""
    global _decided
    _decided = decided


def available() -> bool:
    """Whether programs run in a sandbox. Trouble where one is wanted and cannot be made."""
    return not refusal()


def refusal() -> str:
    """Why there is no sandbox here; empty where there is one."""
    return decide().left_out


def _trial(place: network.Network) -> str:
    """Why a harmless program could not be run in the sandbox and this network; empty where it could."""
    here = View(cwd=Path("/usr"))
    words = _first_to_go(None) + _bwrap(["/usr/bin/true"], here, {}, Limits(), None)
    command = [*place.inside(), *words]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=TRIAL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or _("bwrap failed")


@functools.cache
def _counts_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts the threads of a user namespace, and not all that a user has anywhere."""
    major, minor = (int(word) for word in re.findall(r"[0-9]+", os.uname().release)[:2])
    return (major, minor) >= (5, 14)


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
    status_fd: int | None = None,
    filtered: bool = True,
) -> list[str]:
    """The words that run `argv` with what `view` shows it, without address space randomisation.

    env: set for `argv` alone. status_fd: where bubblewrap writes the id of its first process, and at the end
    the exit status, if it has started `argv` at all. filtered: whether system calls are; a program of our own may
    need others.
    """
    limits = limits or Limits()
    if not _counts_by_namespace() or not available():
        limits = replace(limits, threads=0)
    words = _limited(argv, env or {}, limits)
    if available():
        boxed = _bwrap(words, view, {}, limits, status_fd, filtered)
        return [*(_first_to_go(status_fd) if filtered else FIRST_TO_GO), *boxed]
    return [*FIRST_TO_GO, "/usr/bin/setpriv", "--pdeathsig", "KILL", *words]


def _first_to_go(status_fd: int | None) -> list[str]:
    """The words before bubblewrap's: as FIRST_TO_GO, and the filter of system calls is opened for it.

    By a shell, which costs no more than choom(1) would: bubblewrap wants it open, at the beginning, and each of
    its processes anew. What the shell cannot do, it says in bubblewrap's name.
    """
    script = "echo 1000 >/proc/self/oom_score_adj || exit; filter=$1; shift; "
    script += f'exec "$@" {_filter_fd(status_fd)}<"$filter"'
    return ["/bin/sh", "-c", script, "bwrap", str(seccomp.file())]


def _filter_fd(status_fd: int | None) -> int:
    """The descriptor of the filter: of one digit, as the shell wants it, and not the other one's."""
    return 8 if status_fd == 9 else 9


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
        *([f"--nproc={limits.threads}"] if limits.threads else []),
        "--core=0",
        "--",
        *(["/usr/bin/setarch", "-R"] if fixed_addresses() else []),
        "/usr/bin/env",
        "--default-signal",  # the program does not inherit the signals that we ignore
        *[f"{key}={value}" for key, value in env.items()],
        *argv,
    ]


def _bwrap(
    argv: Sequence[str],
    view: View,
    env: Mapping[str, str],
    limits: Limits,
    status_fd: int | None,
    filtered: bool = True,
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
    words += ["--seccomp", str(_filter_fd(status_fd))] if filtered else []
    if status_fd is not None:
        words += ["--json-status-fd", str(status_fd)]
    return [*words, "--", *argv]


def environment() -> dict[str, str]:
    """The environment in which a command of ours is started; bubblewrap clears it for the program.

    TZ: without it glibc looks for a file at each mktime, under a lock that ThreadSanitizer does not see, and
    a correct program would have a race.
    """
    return {"PATH": "/usr/bin:/bin", "LC_ALL": LOCALE, "HOME": "/nonexistent", "TZ": "UTC0"}
