"""What a program has drawn on a terminal is read as a person sees it."""

from __future__ import annotations

import pytest

from labkit.ground.faults import Fault
from labkit.wire.terminal import bar_fits, bar_is_calm, redraws, shown


@pytest.mark.parametrize(
    "data, percentages",
    [
        (b"", []),
        (b"100%", []),  # not redrawn: it does not begin with CR
        (b"\r[#   ]  25%\r[####] 100%\n", [25, 100]),
        (b"\r\x1b[K\x1b[32m##\x1b[0m  7 %", [7]),
        (b"\x1b[2K\r50% [##]", [50]),
        (b"\r          \r12/60 (20%)", [20]),
        (b"\rPort 7 is open\r\n", []),
        (b"one\r\n[##] 50%\r\n", []),  # the CR of a line's end
        (b"\r\xe2\x96\x88\xe2\x96\x88 40%", [40]),
        (b"\r1%\x1b[K\r1%\x1b[K", [1, 1]),
    ],
)
def test_redraws(data: bytes, percentages: list[int]) -> None:
    """A redraw begins with CR and holds a whole number and `%` on the same line."""
    assert redraws(data) == percentages


@pytest.mark.parametrize(
    "erase",
    [b"\r\x1b[K", b"\x1b[2K\r", b"\r                \r"],
    ids=["to the end", "the line", "blanks"],
)
def test_an_erased_bar_is_not_seen(erase: bytes) -> None:
    """In whatever way a bar gives way to a line, the line is whole."""
    data = b"\r[###   ]  50%" + erase + b"Port 7 is open\r\n\r[######] 100%\r\n"
    assert shown(data, 40) == ["Port 7 is open", "[######] 100%", ""]


def test_a_bar_that_is_not_erased_spoils_the_line() -> None:
    """What stands longer than the line remains behind it; what is printed behind the bar follows it."""
    assert shown(b"\r[##########]  50%\rPort 7 is open\r\n", 40)[0] == "Port 7 is open50%"
    assert shown(b"\r[##]  50%Port 7 is open\r\n", 40)[0] == "[##]  50%Port 7 is open"


def test_a_long_bar_fills_a_narrow_window() -> None:
    """CR leads back to the begin of the last of the lines over which a bar goes."""
    bar = b"\r" + b"#" * 25 + b" 50%"
    assert shown(bar * 2, 20) == ["#" * 20, "#" * 20, "#" * 5 + " 50%"]
    assert shown(b"\r" + b"#" * 10 + b" 50%", 20) == ["#" * 10 + " 50%"]


def test_cursor() -> None:
    """What stands left of the cursor tells whether the shell's prompt would follow something."""
    assert shown(b"\r[##] 50%", 40, cursor=True) == ["[##] 50%"]
    assert shown(b"\r[##] 50%\r", 40, cursor=True) == [""]
    assert shown(b"\r[##] 50%\r", 40) == ["[##] 50%"]


def test_russian_lines() -> None:
    """Lines are UTF-8, a letter a column."""
    assert shown("Порт 7 открыт\r\n".encode(), 20) == ["Порт 7 открыт", ""]


def test_a_bar_fits_into_a_window_made_narrow() -> None:
    """The first redraw may still have the old width; none of the others."""
    wide, narrow = b"\r[" + b"#" * 30 + b"] 50%", b"\r[##  ] 50%"
    bar_fits(wide + narrow + narrow, 20)
    with pytest.raises(Fault) as raised:
        bar_fits(narrow + wide + narrow, 20)
    assert raised.value.cause == "bar-scrolls"


def test_a_bar_is_calm() -> None:
    """20 redraws a second, and one more for each line that took its place."""
    bar_is_calm(b"\r5%" * 33, 1.0, 10)
    with pytest.raises(Fault) as raised:
        bar_is_calm(b"\r5%" * 34, 1.0, 10)
    assert raised.value.cause == "bar-too-often"
