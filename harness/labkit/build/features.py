"""Feature macros: why a header does not declare what a source uses, told from the compiler's words.

Under -std=c11 the C library's headers declare what ISO C has, and more only for a source that asks for it by a
macro before the first #include (feature_test_macros(7)). -pthread is such a request, too, though nobody would
guess it: glibc takes the _REENTRANT that it defines for _POSIX_C_SOURCE 199506L.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from labkit.build.compiler import first_error
from labkit.ground.faults import Fault
from labkit.ground.words import _

# From what suffices for most to what declares everything.
MACROS = ("_POSIX_C_SOURCE 200809L", "_XOPEN_SOURCE 700", "_DEFAULT_SOURCE", "_GNU_SOURCE")

# How gcc 12 to 16 and clang 14 to 21 say that a name, a type or a part of one is not declared.
_UNDECLARED = re.compile(
    r"^(?P<file>[^\s:]+\.[ch]):\d+:\d+: (?:fatal )?(?:error|warning): "
    r".*(?:implicit(?:ly)? declar|undeclared|incomplete type|undefined type|isn.t known|unknown type name|no member named)",
    re.MULTILINE,
)


def lacking(words: str, again: Callable[[str], str]) -> Fault | None:
    """What a compiler's words mean where a feature macro is missing; None where none is.

    again: compiles the same with one more option and returns the compiler's words, of errors too.
    """
    found = _UNDECLARED.search(words)
    if not found:
        return None
    for macro in MACROS:
        if not _UNDECLARED.search(again("-D" + macro.replace(" ", "="))):
            return Fault(
                _("{file} uses names that the headers declare only on request").format(
                    file=found["file"]
                ),
                expected=_("#define {macro}  before the first #include").format(macro=macro),
                cause="no-feature-macro",
                details=first_error(words[found.start() :], most=12),
            )
    return None
