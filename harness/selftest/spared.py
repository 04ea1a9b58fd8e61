"""For the self-tests: what one mutant after another would have made anew is kept, where it is the same.

A mutant differs from its reference in one file or two; the objects of all others are taken from build/cache. And how
slow the machine is, is measured for all that begin within some seconds, and the least that was measured counts: more
than that is the load, which their deadlines follow besides.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.build import build
from labkit.build.build import CACHE, Builder, Flavour
from labkit.grading import calibrate
from labkit.ground.faults import Trouble
from labkit.ground.pace import MOST, Pace
from labkit.ground.scratch import Scratch

MEASURED_SECONDS = 30.0  # for which a measured pace holds
NO_HEADER = re.compile(
    rb'#\s*include\s*(?!<|"[^"]+\.h")'
)  # then other files than headers count, too

_CompileUnit = Callable[[Builder, str, Flavour, Path, float], tuple[str, float]]


class Measured:
    """How slow the machine is, whatever its load: the least that was measured.

    A measurement beside other tests shows their load as well. Kept for later ones, it would make each wait for what
    never comes as much longer, at moments without that load, too.
    """

    def __init__(self) -> None:
        self._when, self._pace = -MEASURED_SECONDS, MOST

    def renew(self) -> None:
        """Measure again, if it is time to; for what is forked off now."""
        if time.monotonic() - self._when > MEASURED_SECONDS:
            with suppress(Trouble, OSError):
                self._pace = min(self._pace, calibrate.measure().measured)
            self._when = time.monotonic()

    def adopt(self) -> None:
        """Let this process go by what was measured."""
        calibrate.measure = lambda: Pace(self._pace)  # type: ignore[assignment]


def keep_objects() -> None:
    """Let builds in this process take objects of files that were compiled before, beside the same headers."""
    setattr(Builder, "_compile_unit", _kept(Builder._compile_unit))


def _kept(compile_unit: _CompileUnit) -> _CompileUnit:
    def compile_or_take(
        builder: Builder, unit: str, flavour: Flavour, out: Path, cpu: float
    ) -> tuple[str, float]:
        home, name = CACHE / f"unit-{_key(builder, unit, flavour)}", f"{unit[:-2]}.o"
        if (home / "words").exists():
            shutil.copy(home / name, out / name)
            return (home / "words").read_text(encoding="utf-8"), 0.0
        words, used = compile_unit(builder, unit, flavour, out, cpu)
        scratch = Scratch("new", CACHE)
        shutil.copy(out / name, scratch.path / name)
        (scratch.path / "words").write_text(words, encoding="utf-8")
        try:
            scratch.path.rename(home)
        except OSError:  # another worker was faster
            scratch.remove()
        return words, used

    return compile_or_take


def _key(builder: Builder, unit: str, flavour: Flavour) -> str:
    """A digest of all that an object is made of."""
    sources = builder.sources
    texts = {name: (sources.directory / name).read_bytes() for name in sources.files}
    alone = not any(NO_HEADER.search(texts[name]) for name in texts)
    seen = {name: text for name, text in texts.items() if name == unit or name.endswith(".h")}
    parts = [
        unit,
        str(flavour),
        str(builder.lab.flags),
        build._tools(),
        build._digest_of(build.COMMON),
    ]
    parts += [repr(sorted((seen if alone else texts).items())), repr(sorted(texts))]
    whole = "\0".join(parts).encode("utf-8", "surrogateescape")  # a file may have any name
    return hashlib.sha256(whole).hexdigest()[:24]
