"""Whether what a program says about an error is the error's own reason, in the words of strerror(3)."""

from __future__ import annotations

import errno
import os

from labkit.faults import Fault
from labkit.program import Program
from labkit.words import _

SUCCESS = os.strerror(0)
NO_THREAD = (errno.EAGAIN, errno.ENOMEM, errno.EPERM)


def true_reason(program: Program, *codes: int) -> None:
    """What stderr says must name no other error than these; it may use words of its own."""
    said = program.stderr.text()
    others = [os.strerror(code) for code in errno.errorcode if code not in codes]
    false = [words for words in (SUCCESS, *others) if f": {words}\n" in said]
    allowed = [os.strerror(code) for code in codes]
    if false and not any(words in said for words in allowed):
        raise Fault(
            _("a message names a reason that is not the error's own"),
            expected=allowed[0],
            got=said[:2000],
            cause="stale-errno",
        )
