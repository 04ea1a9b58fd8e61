"""Is there enough of everything, and may we use it? Limits, room, namespaces, locale."""

from __future__ import annotations

import locale
import os
import resource
import shutil
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

import psutil

from labkit.box import sandbox
from labkit.box.decision import ORDER, NoSandbox, WrongOrder
from labkit.doctor.finding import BAD, FINE, SET_UP, WARNING, Finding, limit, run, sysctl
from labkit.doctor.numbers import grouped, parameter
from labkit.doctor.threads import cgroup_threads
from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble
from labkit.ground.words import _

MIB = 1 << 20
# Kernel parameters that can forbid namespaces to ordinary users: with which value they do, and what to set.
SWITCHES = (
    ("kernel.apparmor_restrict_unprivileged_userns", 1, 0),  # Ubuntu from 24.04 on
    ("kernel.unprivileged_userns_clone", 0, 1),  # Debian's kernels
    ("user.max_user_namespaces", 0, 10_000),
)


@dataclass(frozen=True)
class Need:
    """A number that has to be at least `must` for labs 01 and 02, `should` for 10,000 threads too."""

    what: str
    value: int | None
    must: int
    should: int
    remedy: str
    unit: str = ""

    def judge(self) -> Finding:
        """The finding; a value of None is no limit at all."""
        if self.value is None:
            return Finding(self.what, FINE, _("no limit"))
        seen = grouped(self.value) + self.unit
        if self.value >= self.should:
            return Finding(self.what, FINE, seen)
        seen += _(", but {number} are wanted").format(number=grouped(self.should) + self.unit)
        return Finding(self.what, BAD if self.value < self.must else WARNING, seen, self.remedy)


def hard(which: int) -> int | None:
    """A hard limit, which is how far the harness can raise its own; None: there is none."""
    value = resource.getrlimit(which)[1]
    return None if value == resource.RLIM_INFINITY else value


def kernel(name: str, must: int, should: int) -> Need:
    """A need of a kernel parameter."""
    return Need(name, parameter(name), must, should, sysctl(name, 2 * should))


def limits() -> Iterator[Finding]:
    """Lab 02 has 1,000 clients at once, lab 03 will have 10,000 threads, with two mappings each."""
    descriptors, threads = hard(resource.RLIMIT_NOFILE), hard(resource.RLIMIT_NPROC)
    tasks = "sudo systemctl set-property user-$(id -u).slice TasksMax=32000"
    yield Need("ulimit -Hn", descriptors, 2_500, 4_096, limit("nofile", 8_192)).judge()
    yield Need("ulimit -Hu", threads, 2_500, 12_000, limit("nproc", 16_000)).judge()
    yield Need("pids.max", cgroup_threads(), 2_500, 12_000, tasks).judge()
    yield kernel("kernel.pid_max", 4_000, 16_000).judge()
    yield kernel("kernel.threads-max", 4_000, 16_000).judge()
    yield kernel("vm.max_map_count", 5_000, 30_000).judge()


def randomisation() -> Finding:
    """How much of an address is drawn at random: with 32 bits, gcc 12's TSan cannot start."""
    bits = parameter("vm.mmap_rnd_bits")
    seen = _("{bits} random bits in an address").format(bits=bits)
    return Finding("vm.mmap_rnd_bits", FINE, seen if bits else _("only root may read it"))


def room() -> Iterator[Finding]:
    """Disk for what is built, and memory for the sanitizers' shadow."""
    for name, place in (("build/", ROOT), ("/tmp", Path("/tmp"))):
        what = _("free in {place}").format(place=name)
        free = shutil.disk_usage(place).free // MIB
        remedy = f"du -xhd 1 {place} | sort -h"
        yield Need(what, free, 100, 500, remedy, _(" MiB")).judge()
    memory = psutil.virtual_memory().available // MIB
    yield Need(_("free memory"), memory, 500, 1_500, "ps aux --sort=-rss | head", _(" MiB")).judge()


def namespaces() -> Iterator[Finding]:
    """The sandbox, and a network namespace, each made and used."""
    yield the_sandbox()
    ways = (["-n"], ["-Urn"]) if os.geteuid() == 0 else (["-Urn"],)
    tried = [run("unshare", *flags, "true") for flags in ways]
    if any(done.status == 0 for done in tried):
        yield Finding(_("own network"), FINE, _("made one"))
    else:
        yield Finding(_("own network"), WARNING, tried[-1].last_line, allow_namespaces())


def the_sandbox() -> Finding:
    """What a check would decide now: in the sandbox, without it, or not at all."""
    what = _("sandbox")
    try:
        why = sandbox.refusal()
    except (Trouble, WrongOrder) as error:
        seen = _("cannot be made: no check would run anything ({why})")
        why = error.why if isinstance(error, NoSandbox) else str(error)
        return Finding(what, BAD, seen.format(why=why), allow_namespaces())
    if not why:
        return Finding(what, FINE, _("bubblewrap ran a program in namespaces of its own"))
    seen = _("left out ({why}): only run your own code").format(why=why)
    return Finding(what, WARNING, seen, f"unset {ORDER}" if os.environ.get(ORDER) else SET_UP)


def allow_namespaces() -> str:
    """What to type where namespaces are refused: most often one of the kernel's switches is against them."""
    for name, refusing, wanted in SWITCHES:
        if parameter(name) == refusing:
            return sysctl(name, wanted)
    if shutil.which("bwrap") is None or not find_library("seccomp"):
        return SET_UP
    return "docker run --privileged …   # " + _(
        "if this is a container; else ask who runs this machine"
    )


def words() -> Finding:
    """Whether the terminal's locale can show what the checks say."""
    encoding = locale.getpreferredencoding(False)
    name = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if encoding.upper().replace("-", "") == "UTF8":
        return Finding(_("locale"), FINE, f"{name}, {encoding}")
    return Finding(_("locale"), WARNING, f"{name}, {encoding}", "export LC_ALL=C.UTF-8")
