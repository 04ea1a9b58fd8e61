"""Copies in a class are found, whatever was done to them; programs written apart are not taken for copies."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import zipped
from commandline import Ran, lab, two
from labkit.classroom import fingerprints, likeness, similar
from labkit.classroom.fingerprints import GRAM, WINDOW, Program, TooLarge
from labkit.ground.catalog import LABS, SOLUTIONS, Lab, all_labs
from labkit.workbook.answers import taken, variants

_DEFINED = re.compile(r"^(\w+)\([^;{]*\)\n\{", re.M)
_LOCAL = re.compile(
    r"^\t+(?:struct \w+|int|char|size_t|ssize_t|pthread_t) \*?(\w+)(?: =|;|\[)", re.M
)


def sources(home: Path) -> dict[str, bytes]:
    """The C files of a directory, by name."""
    return {path.name: path.read_bytes() for path in sorted(home.glob("*.[ch]"))}


def made(lab: Lab, name: str, files: Mapping[str, bytes]) -> Program:
    """The program, compared as in a class."""
    paths = likeness._given(lab, None)
    return fingerprints.program(name, files, fingerprints.given(p.read_bytes() for p in paths))


def disguised(data: bytes) -> bytes:
    """A source with other names and comments, other line ends, and its functions the other way round."""
    text = re.sub(r"/\*.*?\*/", "/* mine */", data.decode(), flags=re.S)
    for name in {*_DEFINED.findall(text), *_LOCAL.findall(text)} - {"main"}:
        text = re.sub(rf"\b{name}\b", f"my_{name[::-1]}", text)
    parts = re.split(r"(?<=^\}\n)", text, flags=re.M)
    return "".join([parts[0], *parts[-2:0:-1], parts[-1]]).replace("\n", " \r\n").encode()


def share(first: Program, second: Program) -> float:
    """The share that a comparison finds, 0 where it is too small to be told."""
    return max((pair.share for pair in similar.pairs([first, second])), default=0.0)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_a_disguise_does_not_hide_a_copy(lab: Lab) -> None:
    """Other names, another order, other comments and other spaces are seen through."""
    files = sources(SOLUTIONS / lab.name)
    copy = made(lab, "copy", {f"x_{n}": disguised(data) for n, data in files.items()})
    assert share(made(lab, "original", files), copy) > 0.5


SAME = {"main-leaves", "one-heap"}  # these are the reference but for a few lines


def apart(lab: Lab) -> list[Path]:
    """The reference, and the variants of which no file is the reference's."""
    found = [path for _lab, path in variants([lab]) if not taken(path) and path.name not in SAME]
    return [SOLUTIONS / lab.name, *found]


@pytest.mark.parametrize(
    "lab", [lab for lab in all_labs() if len(apart(lab)) > 1], ids=lambda lab: lab.name
)
def test_programs_written_apart_are_no_copies(lab: Lab) -> None:
    """They solve one problem, each in its way."""
    programs = [made(lab, path.name, sources(path)) for path in apart(lab)]
    told = [(p.first.name, p.second.name, p.share) for p in similar.pairs(programs)]
    assert told == []


def test_what_was_given_does_not_count() -> None:
    """A starter has nothing of its own, and two students who wrote nothing are not alike."""
    for one in all_labs():
        assert not made(one, "starter", sources(LABS / one.name)).places


def numbered(count: int, seed: int) -> bytes:
    """A text of so many tokens that no other seed has."""
    words = ["+", "-", "*", "/", "<", ">", "(", ")", "if", "while", "x", "1"]
    return " ".join(words[hash((i, seed)) % len(words)] for i in range(count)).encode()


@given(st.integers(0, 60), st.integers(0, 60), st.integers(GRAM + WINDOW - 1, 200))
def test_a_common_run_is_found_wherever_it_stands(before: int, after: int, length: int) -> None:
    """As the paper guarantees: from GRAM + WINDOW - 1 tokens on; its passage has it all."""
    common = numbered(length, 1)
    first = fingerprints.program("a", {"a.c": common + b" " + numbered(after, 2)}, set())
    second = fingerprints.program("b", {"b.c": numbered(before, 3) + b" " + common}, set())
    assert first.places.keys() & second.places.keys()
    pair = similar._pair(first, second, 1)
    assert max(passage.tokens for passage in similar.passages(pair)) >= length


def test_passages_name_the_lines() -> None:
    """Those of both files, as an editor counts them; what was given is in none."""
    own = "\n".join(f"if (x{i} > {i}) while (y) z += {i};" for i in range(8))
    starter = "int main(void) { return call(a, b, c, d, e, f, g, h, i, j, k, l); }\n"
    hashes = fingerprints.given([starter.encode()])
    first = fingerprints.program("a", {"a.c": f"{starter}{own}\n".encode()}, hashes)
    second = fingerprints.program("b", {"b.c": f"/*\n*/\n{own}\n{starter}".encode()}, hashes)
    (passage,) = similar.passages(similar._pair(first, second, 1))
    assert (passage.first_lines, passage.second_lines) == ((2, 9), (3, 10))


def test_what_is_too_large_is_not_compared() -> None:
    """A stranger's table of numbers takes neither the memory nor the time of a class."""
    with pytest.raises(TooLarge):
        fingerprints.program("a", {"a.c": b"1," * fingerprints.MOST_TOKENS}, set())
    with pytest.raises(TooLarge):
        fingerprints.program("a", {"a.c": b" " * (fingerprints.MOST_BYTES + 1)}, set())
    same = fingerprints.program("a", {"a.c": b"1," * 20_000}, set())
    assert sum(map(len, same.places.values())) <= fingerprints.MOST_PLACES * 2


class Cells(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def compared(submissions: Path, into: Path, *more: str | Path) -> Ran:
    """`lab similar` on lab 02."""
    return lab("similar", submissions, "--into", into, "--lab", "02", *more)


def test_a_class_is_compared(tmp_path: Path) -> None:
    """The copy is told, with its lines side by side; the starter, a broken archive and a hostile text harm nothing."""
    home, into, others = tmp_path / "class", tmp_path / "into", tmp_path / "others"
    home.mkdir()
    name, files = two().name, sources(SOLUTIONS / two().name)
    own = sources(next(path for _lab, path in variants([two()]) if path.name == "poll-and-keys"))
    hostile = {
        n: b"/* <script>alert(1)</script> \x1b[2J */\n" + disguised(d) for n, d in own.items()
    }
    for who, one in (("anna", own), ("boris", hostile), ("starter", sources(LABS / name))):
        content = {f"{name}/{file}": data for file, data in one.items()}
        (home / f"{who}.zip").write_bytes(zipped(content))
    (home / "half.zip").write_bytes(zipped({f"{name}/a.c": b""})[:-9])
    (others / "repository" / name).mkdir(parents=True)
    for file, data in own.items():
        (others / "repository" / name / file).write_bytes(data)
    ran = compared(home, into, "--against", others)
    assert (ran.status, ran.left) == (0, ()), ran.words
    with (into / "similar.csv").open(encoding="utf-8", newline="") as file:
        pairs = {(row["first"], row["second"]) for row in csv.DictReader(file)}
    found = Cells((into / "index.html").read_text(encoding="utf-8"))
    assert pairs == {("anna", "boris"), ("anna", "repository"), ("boris", "repository")}
    assert "not compared: half: half.zip" in ran.out and "no proof" in ran.out
    assert not found.tags & {"script", "img", "link", "a"} and "\x1b" not in found.text
    assert set(files) & set(own) and "echo_server.c:" in found.text


def test_wrong_arguments(tmp_path: Path) -> None:
    """A sentence each."""
    for more in ((), ("--against", tmp_path / "none"), ("--given", tmp_path / "none")):
        ran = compared(tmp_path / "none" if not more else tmp_path, tmp_path / "into", *more)
        assert ran.status == 2 and "there is no directory" in ran.err
