"""What a program runs under: natively or a tool, with the perturbation shim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labkit.box import sandbox, updates
from labkit.build.build import ASAN, PLAIN, TSAN, Flavour
from labkit.reports import helgrind

# The first pthread_exit or pthread_cancel makes glibc open this; without a descriptor for it, it aborts.
UNWINDER = "libgcc_s.so.1"


@dataclass(frozen=True)
class Tool:
    """What a program runs under. weight: how much slower it may be than plain."""

    name: str
    flavour: Flavour
    weight: float


NATIVELY = Tool("plain", PLAIN, 1.0)
UNDER_TSAN = Tool("tsan", TSAN, 4.0)
UNDER_ASAN = Tool("asan", ASAN, 3.0)
UNDER_HELGRIND = Tool("helgrind", PLAIN, 10.0)


@dataclass(frozen=True)
class Shim:
    """What the perturbation shim does: see harness/native/README.md.

    seed: None leaves the schedule alone. most_threads: above it thread creation fails with EAGAIN; None: no limit.
    create_us: by so much is thread creation slower. close_us: so much later goes on who has closed a connection. short: sockets move at most so many bytes a call, 0: whatever
    the kernel moves. updates: under ThreadSanitizer, updates lost between an atomic load and a store are put down.
    """

    seed: int | None = None
    percent: int = 25
    max_us: int = 2000
    most_threads: int | None = None
    short: int = 0
    create_us: int = 0
    close_us: int = 0
    updates: bool = False

    def environment(self) -> dict[str, str]:
        words = {"PERTURB_STATS": "/log/stats"}
        if self.seed is not None:
            words["PERTURB_SEED"] = str(self.seed)
            words["PERTURB_PERCENT"] = str(self.percent)
            words["PERTURB_MAX_US"] = str(self.max_us)
        if self.most_threads is not None:
            words["PERTURB_MAX_THREADS"] = str(self.most_threads)
        if self.create_us:
            words["PERTURB_CREATE_US"] = str(self.create_us)
        if self.close_us:
            words["PERTURB_CLOSE_US"] = str(self.close_us)
        if self.short:
            words["PERTURB_SHORT"] = str(self.short)
            words.setdefault("PERTURB_SEED", "1")
            words.setdefault("PERTURB_PERCENT", "0")
        return words


def tool_words(tool: Tool, view: sandbox.View) -> list[str]:
    if tool is not UNDER_HELGRIND:
        return []
    return helgrind.command(
        sandbox.place(view, "/log/helgrind.xml"), sandbox.place(view, "/native/perturb.supp")
    )


def tool_environment(tool: Tool, view: sandbox.View) -> dict[str, str]:
    """Inside the sandbox the trusted objects' options say it all; without one the log lies elsewhere."""
    if sandbox.available():
        return {}
    if tool is UNDER_TSAN:
        return {"TSAN_OPTIONS": f"log_path={sandbox.place(view, '/log/tsan')}"}
    if tool is UNDER_ASAN:
        log = sandbox.place(view, "/log/asan")
        return {"ASAN_OPTIONS": f"log_path={log}", "UBSAN_OPTIONS": f"log_path={log}-ub"}
    return {}


def shim_words(
    shim: Shim, view: sandbox.View, program: str, libraries: Sequence[str] = ()
) -> dict[str, str]:
    """The environment that loads the shim, and other libraries; the program shall not see it."""
    words = shim.environment()
    words["PERTURB_STATS"] = sandbox.place(view, words["PERTURB_STATS"])
    words["PERTURB_HIDE"] = program
    libraries = [sandbox.place(view, "/shim/perturb.so"), *libraries]
    if shim.updates:
        libraries.append(sandbox.place(view, f"/shim/{updates.LIBRARY}"))
        words["UPDATES_LOG"] = f"{program}:{sandbox.place(view, updates.LOG)}"
    return {**words, "LD_PRELOAD": ":".join(libraries)}


def seeded(seed: int, count: int) -> list[Shim]:
    """`count` perturbations, from consecutive seeds."""
    return [replace(Shim(), seed=seed + i) for i in range(count)]
