"""The tools, bare and as the harness uses them."""

from __future__ import annotations

from collections.abc import Callable

from knowledge import building, reports
from knowledge.running import Way
from labkit.build import build
from labkit.reports import helgrind

_LOG = "log_path={log}"
# The shim's delays are short here: a row has few calls, and each shall meet several of them.
_SHIM = {"PERTURB_SEED": "{seed}", "PERTURB_PERCENT": "25", "PERTURB_MAX_US": "300"}


def _tsan(kind: str, options: str) -> Callable[[], Way]:
    def way() -> Way:
        words = {"TSAN_OPTIONS": f"{_LOG}:{options}"}
        name = f"{kind}{' ' + options if options else ''}"
        return Way(name, building.group(kind), reports.of_tsan, environment=words)

    return way


def _valgrind(tool: str) -> Callable[[], Way]:
    def way() -> Way:
        words = ("valgrind", "-q", f"--tool={tool}", "--vgdb=no", "--xml=yes", "--xml-file={log}")
        return Way(tool, building.group("plain"), reports.of_valgrind, words)

    return way


def tsan_here() -> Way:
    """gcc's ThreadSanitizer as the checks use it: trusted options, canary, shim, our verdicts."""
    words = {"TSAN_OPTIONS": _LOG, "LD_PRELOAD": str(build.shim()), **_SHIM}
    return Way(
        "tsan here",
        building.watched(),
        reports.verdicts_of_tsan,
        environment=words,
        others=building.watched_asking(),
    )


def helgrind_here() -> Way:
    """Helgrind as the checks use it: its options, the shim, our verdicts."""
    before = tuple(helgrind.command("{log}", build.NATIVE / "perturb.supp"))
    words = {"LD_PRELOAD": str(build.shim()), **_SHIM}
    program = building.group("plain")
    return Way("helgrind here", program, reports.verdicts_of_helgrind, before, words)


# By the name in the results. What comes first of a tool is how it comes out of its package.
WAYS: dict[str, Callable[[], Way]] = {
    "gcc-tsan": _tsan("gcc-tsan", ""),
    "gcc-tsan io_sync=0": _tsan("gcc-tsan", "io_sync=0"),
    "clang-tsan": _tsan("clang-tsan", ""),
    "clang-tsan io_sync=0": _tsan("clang-tsan", "io_sync=0"),
    "helgrind": _valgrind("helgrind"),
    "drd": _valgrind("drd"),
    "tsan here": tsan_here,
    "helgrind here": helgrind_here,
}
