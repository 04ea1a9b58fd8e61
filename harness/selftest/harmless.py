"""For the self-tests: references that do something else and are correct all the same; how they are made."""

from __future__ import annotations

from labkit.ground.catalog import find
from labkit.workbook.answers import Change, Mutant

INCLUDE = "#include <stdlib.h>\n"


def harmless(number: str, step: int, name: str, *changes: Change) -> Mutant:
    """A reference that does something else, and is correct all the same; the check that must not mind."""
    return Mutant(find(number), name, "none", step, name, "none", changes)


def timed(number: str, step: int, name: str, file: str, before: str, call: str) -> Mutant:
    """A reference with a call of <time.h> before a line."""
    return harmless(
        number,
        step,
        name,
        Change(file, before, f"\t{call};\n{before}"),
        Change(file, INCLUDE, f"{INCLUDE}#include <time.h>\n"),
    )


def exits(number: str, step: int, name: str, file: str, last: str) -> Mutant:
    """A reference whose threads end with pthread_exit; glibc opens a library for the first one of them."""
    change = Change(file, f"{last}\treturn NULL;\n}}\n", f"{last}\tpthread_exit(NULL);\n}}\n")
    return harmless(number, step, name, change)
