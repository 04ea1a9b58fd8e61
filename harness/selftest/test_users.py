"""labs/common's users and command: the identification file, and the lines of the protocol."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.ground.catalog import COMMON

HERE = Path(__file__).parent
HASH = b"$y$j75$DALePX2U15n8goFSZOBD60$v5Hei5o67TfwKLUV/hmJPIuVje9vGYloKCb0jdrgAy6"
HASH_SIZE = 384
Users = ctypes.c_void_p


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """users, command and text as a shared library."""
    path = tmp_path_factory.mktemp("common") / "common.so"
    sources = [str(COMMON / name) for name in ("users.c", "command.c", "text.c")]
    subprocess.run(
        ["gcc", "-std=c11", "-g", "-fPIC", "-shared", *sources, "-lcrypt", "-o", path], check=True
    )
    library = ctypes.CDLL(str(path), use_errno=True)
    library.users_open.restype = Users
    library.users_close.argtypes = [Users]
    library.users_count.argtypes = [Users]
    library.users_count.restype = ctypes.c_size_t
    library.users_find.argtypes = [Users, ctypes.c_char_p, ctypes.c_char_p]
    library.users_find.restype = ctypes.c_bool
    library.users_add.argtypes = [Users, ctypes.c_char_p, ctypes.c_char_p]
    library.users_clear.argtypes = [Users]
    for name in ("users_check", "users_is_name", "users_is_password", "text_is_plain"):
        getattr(library, name).restype = ctypes.c_bool
    library.command_number.argtypes = [ctypes.c_char_p, ctypes.c_long]
    library.command_number.restype = ctypes.c_long
    return library


class Store:
    """An identification file that is open."""

    def __init__(self, library: ctypes.CDLL, path: Path) -> None:
        self.library = library
        self.path = path
        self.users = library.users_open(bytes(path))
        assert self.users, errno.errorcode[ctypes.get_errno()]

    def add(self, name: bytes, hash_: bytes) -> str:
        """Add a user; the name of the error, or nothing."""
        failed = self.library.users_add(self.users, name, hash_)
        return errno.errorcode[ctypes.get_errno()] if failed else ""

    def find(self, name: bytes) -> bytes:
        """The hash that is kept for a name; nothing where there is none."""
        found = ctypes.create_string_buffer(b"?", HASH_SIZE)
        there = self.library.users_find(self.users, name, found)
        assert there == bool(found.value)
        return found.value

    def count(self) -> int:
        """How many users there are."""
        count: int = self.library.users_count(self.users)
        return count


@pytest.fixture
def open_store(library: ctypes.CDLL, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the file users.txt, as often as it is called."""
    opened: list[Store] = []

    def store() -> Store:
        opened.append(Store(library, tmp_path / "users.txt"))
        return opened[-1]

    yield store
    for one in opened:
        library.users_close(one.users)


def hash_of(library: ctypes.CDLL, password: bytes) -> bytes:
    """A hash of the lowest cost."""
    made = ctypes.create_string_buffer(HASH_SIZE)
    assert library.users_hash(password, 1, made) == 0
    return made.value


def test_a_password_is_known_by_its_hash(library: ctypes.CDLL) -> None:
    """Each hash has a salt of its own, and only its password fits it."""
    first, second = hash_of(library, b"secret"), hash_of(library, b"secret")
    assert first.startswith(b"$y$") and first != second
    assert library.users_check(first, b"secret", 1)
    for hash_, password in ((first, b"Secret"), (first, b""), (first, b"x" * 600), (b"", b"?")):
        assert not library.users_check(hash_, password, 1)
    assert library.users_hash(b"secret", 0, ctypes.create_string_buffer(HASH_SIZE)) == -1
    assert library.users_hash(b"secret", 12, ctypes.create_string_buffer(HASH_SIZE)) == -1


def test_users_outlive_the_program(library: ctypes.CDLL, open_store: Callable[[], Store]) -> None:
    """What was added is found, also after the file was opened again; a name is added once."""
    hash_, store = hash_of(library, b"secret"), open_store()
    assert store.add(b"anna", hash_) == ""
    assert store.add("Юля".encode(), hash_) == ""
    assert store.add(b"anna", hash_) == "EEXIST"
    assert store.add(b"a b", hash_) == "EINVAL"
    assert store.add(b"boris", b"secret") == "EINVAL"
    assert store.path.read_bytes() == b"anna:%s\n%s:%s\n" % (hash_, "Юля".encode(), hash_)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    again = open_store()
    assert (again.count(), again.find(b"anna"), again.find(b"boris")) == (2, hash_, b"")


def test_lines_that_cannot_be_read_stay(
    library: ctypes.CDLL,
    open_store: Callable[[], Store],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """They are reported with their number, and everything else goes on around them."""
    hash_ = hash_of(library, b"secret")
    half, other = hash_[:-5], hash_of(library, b"other")
    text = b"no line\n\nanna:%s\nanna:%s\nhalf:%s\nn\0:%s\n:%s\nold:plain\n\xff\xfe:%s\nlast:%s" % (
        (hash_, other, half, *[hash_] * 4)
    )
    path = tmp_path / "users.txt"
    path.write_bytes(text)
    path.chmod(0o644)
    store = open_store()
    lines = [line.split("line ")[1].split()[0] for line in capfd.readouterr().err.splitlines()]
    assert lines == ["1", "2", "4", "5", "6", "7", "8", "9"]
    assert (store.count(), store.find(b"anna"), store.find(b"last")) == (2, hash_, hash_)
    assert store.add(b"boris", hash_) == ""
    assert path.read_bytes() == text + b"\nboris:%s\n" % hash_
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failure_changes_nothing(
    library: ctypes.CDLL, open_store: Callable[[], Store], tmp_path: Path
) -> None:
    """Where the file cannot be written, file and memory stay as they were."""
    hash_, store = hash_of(library, b"secret"), open_store()
    assert store.add(b"anna", hash_) == ""
    before = store.path.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        error = store.add(b"boris", hash_)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert error == "EFBIG"
    assert store.path.read_bytes() == before
    assert (store.count(), store.find(b"boris")) == (1, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["users.txt"]
    assert store.add(b"boris", hash_) == ""


def test_clearing(library: ctypes.CDLL, open_store: Callable[[], Store]) -> None:
    """Nobody is left, in the file and in memory, and a name can be taken again."""
    hash_, store = hash_of(library, b"secret"), open_store()
    for name in (b"anna", b"boris", b"clara"):
        assert store.add(name, hash_) == ""
    assert library.users_clear(ctypes.c_void_p(store.users)) == 0
    assert (store.path.read_bytes(), store.count(), store.find(b"boris")) == (b"", 0, b"")
    assert store.add(b"boris", hash_) == ""
    assert store.path.read_bytes() == b"boris:%s\n" % hash_


WRITER = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.users_open.restype = ctypes.c_void_p
users = ctypes.c_void_p(library.users_open(sys.argv[2].encode()))
print("begins", flush=True)
for number in range(100000):
    assert library.users_add(users, b"user%d" % number, sys.argv[3].encode()) == 0
    print(number, flush=True)
"""


def test_no_line_is_torn_by_a_kill(library: ctypes.CDLL, tmp_path: Path) -> None:
    """Killed at any moment, a program leaves a file of whole lines, with all users that it has reported."""
    path = tmp_path / "users.txt"
    for milliseconds in (1, 5, 20, 50):
        path.unlink(missing_ok=True)
        words = [sys.executable, "-c", WRITER, library._name, str(path), HASH.decode()]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout and writer.stdout.readline() == "begins\n"
            time.sleep(milliseconds / 1000)
            writer.kill()
            told = len(writer.stdout.read().splitlines())
        lines = path.read_bytes().split(b"\n")
        assert lines.pop() == b""
        assert lines == [b"user%d:%s" % (number, HASH) for number in range(len(lines))]
        assert told <= len(lines) <= told + 1


# -- files that somebody has edited ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that adds a user to a file, with AddressSanitizer."""
    path = tmp_path_factory.mktemp("editor") / "edit"
    sources = [str(COMMON / name) for name in ("users.c", "text.c")]
    words = ["gcc", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    words += ["-I", str(COMMON), str(HERE / "users_programs/edit.c"), *sources, "-lcrypt"]
    subprocess.run([*words, "-o", str(path)], check=True)
    return path


NAME = st.sampled_from([b"anna", b"boris", "Юля".encode(), b"", b"x" * 32, b"x" * 33, b"a b"])
HASHES = st.sampled_from([HASH, HASH[:-1], HASH + b"x", b"", b"plain", HASH + b"\r", b"x" * 5000])
LINE = st.one_of(
    st.tuples(NAME, HASHES).map(b":".join),
    st.binary(max_size=60).filter(lambda line: b"$" not in line and b"\n" not in line),
)


def readable(line: bytes) -> bool:
    """Whether a line that LINE has made is a user's."""
    name, colon, hash_ = line.partition(b":")
    return bool(colon) and 0 < len(name) <= 32 and b" " not in name and hash_ == HASH


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINE, max_size=8), ended=st.booleans())
def test_any_file(editor: Path, lines: list[bytes], ended: bool) -> None:
    """Whatever a file holds, its users are found, all else stays, and a new line stands by itself."""
    text = b"\n".join(lines) + (b"\n" if lines and ended else b"")
    path = editor.parent / "users.txt"
    path.write_bytes(text)
    names = {line.partition(b":")[0] for line in lines if readable(line)}
    done = subprocess.run([editor, path, "new", HASH], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert done.stdout.split() == [b"%d" % len(names), b"%d" % (len(names) + 1)]
    if text and not text.endswith(b"\n"):
        text += b"\n"
    assert path.read_bytes() == text + b"new:%s\n" % HASH
    assert os.listdir(editor.parent).count("users.txt.new") == 0


def test_no_file_at_all(library: ctypes.CDLL, tmp_path: Path) -> None:
    """A directory, a device or a file in no directory is no identification file."""
    for path in (tmp_path, Path("/dev/full"), tmp_path / "none" / "users.txt"):
        assert library.users_open(bytes(path)) is None
        assert ctypes.get_errno()


@pytest.mark.parametrize(
    "name, fits",
    [
        (b"a", True),
        (b"x" * 32, True),
        ("ж".encode() * 16, True),
        ("😀".encode(), True),
        (b"", False),
        (b"x" * 33, False),
        (b"a b", False),
        (b"a:b", False),
        (b"a\tb", False),
        (b"a\x7f", False),
        (b"\xc2\x85", False),  # a control character of two bytes
        (b"\xc0\xaf", False),  # longer than it need be
        (b"\xed\xa0\x80", False),  # half of a surrogate pair
        (b"\xf4\x90\x80\x80", False),  # past the last character
        (b"\xd0", False),
        (b"\x80", False),
    ],
)
def test_names(library: ctypes.CDLL, name: bytes, fits: bool) -> None:
    """Names, and passwords by the same rules but for length and colon."""
    assert library.users_is_name(name) == fits
    longer = b"x" * (128 - len(name)) + name
    assert library.users_is_password(longer) == (fits or name in (b"", b"a:b", b"x" * 33))
    assert not library.users_is_password(longer + b"x")


class Command(ctypes.Structure):
    """struct command."""

    _fields_ = [("word", ctypes.c_int)] + [
        (name, ctypes.c_char_p) for name in ("name", "password", "argument", "text")
    ]


@pytest.mark.parametrize(
    "line, expected",
    [
        (b"REGISTER anna secret", (1, b"anna", b"secret", b"", b"")),
        (b"login  anna  my secret", (2, b"anna", b"my secret", b"", b"")),
        (b"LOGIN anna", (2, b"anna", b"", b"", b"")),
        (b"Login", (2, b"", b"", b"", b"")),
        (b"LOGIN an\0na secret", (2, b"an\1na", b"secret", b"", b"")),
        (b"RESUME 01ab", (3, b"", b"", b"01ab", b"")),
        (b"SAY  hello, you ", (4, b"", b"", b"", b" hello, you ")),
        (b"SAY", (4, b"", b"", b"", b"")),
        (b"say a\0b", (4, b"", b"", b"", b"a\1b")),
        (b"WHO is there", (5, b"", b"", b"is there", b"")),
        (b"HISTORY 10", (6, b"", b"", b"10", b"")),
        (b"quit", (7, b"", b"", b"", b"")),
        (b"QUIT\0", (0, b"", b"", b"", b"")),
        (b"SAYING", (0, b"", b"", b"", b"")),
        (b"", (0, b"", b"", b"", b"")),
    ],
)
def test_commands(
    library: ctypes.CDLL, line: bytes, expected: tuple[int, bytes, bytes, bytes, bytes]
) -> None:
    """A line is split into its command and what that command takes."""
    command, buffer = Command(), ctypes.create_string_buffer(line, 1025)
    library.command_parse(buffer, ctypes.c_size_t(len(line)), ctypes.byref(command))
    got = (command.word, command.name, command.password, command.argument, command.text)
    assert (got if command.word else (0, b"", b"", b"", b"")) == expected


def test_numbers(library: ctypes.CDLL) -> None:
    """Digits and nothing else; what is past the most counts as the most."""
    for text, number in ((b"0", 0), (b"007", 7), (b"500", 500), (b"501", 500), (b"9" * 90, 500)):
        assert library.command_number(text, 500) == number
    for text in (b"", b"-1", b"+1", b" 1", b"1 ", b"1x", b"0x1"):
        assert library.command_number(text, 500) == -1
