"""A class is taken in: whose a submission is, which attempt counts, which files are taken, what is refused."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import encrypted, tarred, zipped
from commandline import two
from labkit.classroom import intake, platforms, reading, roster
from labkit.classroom.intake import Student
from labkit.classroom.platforms import Label, label
from labkit.classroom.reading import Reading
from labkit.classroom.roster import Person
from labkit.ground.catalog import all_labs

NAME = two().name
SOURCE = b"int main(void) { return 0; }\n"
MAIN = {f"{NAME}/echo_server.c": SOURCE}


def taken(path: Path, deadline: datetime | None = None, alone: bool = False) -> dict[str, Student]:
    """The students of a directory, with what was taken of lab 02, by the names of their directories."""
    students = intake.students(path, ())
    for student in students:
        intake.take(student, [two()] if alone else all_labs(), deadline, alone)
    return {student.home: student for student in students}


def read(data: bytes, name: str = "work.zip") -> Reading:
    """What is read of an archive."""
    found = Reading()
    found._content((name,), data, 0)
    return found


def refusal(data: bytes, name: str = "work.zip") -> str:
    """The sentences with which an archive is refused, or parts of it."""
    found = read(data, name)
    assert found.unread
    return "; ".join(unread.why for unread in found.unread)


# -- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry, is_file, folder, expected",
    [
        (
            "Anna Petrova_4711_assignsubmission_file",
            False,
            "",
            Label("Anna Petrova_4711", "Anna Petrova"),
        ),
        (
            "Anna Petrova_4711_assignsubmission_file_work.zip",
            True,
            "",
            Label("Anna Petrova_4711", "Anna Petrova", inside=("work.zip",)),
        ),
        (
            "petrovaanna_LATE_77_12345_echo_server-1.c",
            True,
            "",
            Label("petrovaanna_77", "petrovaanna", late=True, inside=("echo_server-1.c",)),
        ),
        (
            "LATE_anon_x7Yq2_12345_echo_server.c",
            True,
            "",
            Label("anon_x7Yq2", late=True, inside=("echo_server.c",)),
        ),
        (
            "anna_p@example.org_1_02-threaded-echo_1_3_998_echo_server.c",
            True,
            "",
            Label(
                "anna_p@example.org",
                email="anna_p@example.org",
                number=998,
                inside=("02-threaded-echo", "echo_server.c"),
            ),
        ),
        ("lab-2-annap", False, "lab-2-submissions", Label("annap", "annap")),
        ("anna.zip", True, "", Label("anna", "anna")),
        (
            "anna_2026-05-01T23-59.tar.gz",
            True,
            "",
            Label("anna", "anna", when=datetime(2026, 5, 1, 23, 59)),
        ),
    ],
    ids=[
        "moodle",
        "moodle-flat",
        "canvas",
        "anonymous",
        "prairielearn",
        "github",
        "plain",
        "timed",
    ],
)
def test_a_name_is_understood(entry: str, is_file: bool, folder: str, expected: Label) -> None:
    """Each platform's form says who, and what else it knows."""
    assert label(entry, is_file, folder) == expected


def test_gradescope_names_its_students() -> None:
    """Two students may have handed in together; the history of earlier attempts counts for nothing."""
    text = (
        "submission_1:\n  :submitters:\n  - :name: Anna\n    :sid: '100'\n    :email: a@x.org\n"
        "  - :name: Boris\n    :sid: '200'\n    :email: b@x.org\n"
        "  :created_at: 2026-05-01 22:00:01.5 Z\n  :history:\n  - :id: 1\n"
        "    :created_at: 2026-04-01 22:00:01.5 Z\n"
    )
    when = datetime(2026, 5, 1, 22, 0, 1)
    one = Label("100", "Anna", "a@x.org", when)
    assert platforms.gradescope(text)["submission_1"] == [
        one,
        Label("200", "Boris", "b@x.org", when),
    ]


@given(st.lists(st.text(), unique=True, max_size=20))
def test_directories_are_safe_and_differ(names: list[str]) -> None:
    """A student's name leads nowhere, and to no other student."""
    made = [platforms.directory_name(name) for name in names]
    assert len(set(made)) == len(made)
    assert all(home.isprintable() and "/" not in home and home[:1] not in "." for home in made)


@given(st.text(), st.booleans(), st.text())
def test_any_name_is_somebodys(entry: str, is_file: bool, folder: str) -> None:
    """No name that a stranger can choose ends in an exception."""
    label(entry, is_file, folder)
    platforms.gradescope(entry)


def test_a_roster_knows_who_is_meant(tmp_path: Path) -> None:
    """By the id, the e-mail, the name, or the name as Canvas writes it; not where two may be meant."""
    path = tmp_path / "roster.csv"
    path.write_text("\ufeffName;ID;Email\nAnna Petrova;17;ap@x.org\nBoris Li;18;\nLi Boris;19;\n")
    people = roster.read(path)
    anna = Person("17", "Anna Petrova", "ap@x.org")
    for said in ("17", "AP@x.org", "anna petrova", "petrovaanna", "ap"):
        assert roster.match(people, [said]) == anna
    assert roster.match(people, ["boris li"]) is None
    assert roster.match(people, ["", "nobody"]) is None


def test_names_and_submissions_that_do_not_meet(tmp_path: Path) -> None:
    """Both are listed: a name without a submission, a submission without a name."""
    (tmp_path / "stranger").mkdir()
    students = intake.students(tmp_path, [Person("17", "Anna")])
    assert [(s.home, s.known, len(s.attempts)) for s in students] == [
        ("17", True, 0),
        ("stranger", False, 1),
    ]


# -- which attempt ---------------------------------------------------------------------------------------


def test_the_last_attempt_in_time_counts(tmp_path: Path) -> None:
    """Not a later one; where all are late, the last, and it is marked."""
    for who, when in (
        ("a", "2026-05-01T10-00"),
        ("a", "2026-05-01T12-00"),
        ("a", "2026-05-03T10-00"),
    ):
        (tmp_path / f"{who}_{when}.zip").write_bytes(
            zipped({f"{NAME}/echo_server.c": when.encode()})
        )
    lab = taken(tmp_path, datetime(2026, 5, 2))["a"].labs[NAME]
    assert (list(lab.files.values()), lab.late) == ([b"2026-05-01T12-00"], False)
    lab = taken(tmp_path, datetime(2026, 4, 2))["a"].labs[NAME]
    assert (list(lab.files.values()), lab.late) == ([b"2026-05-03T10-00"], True)
    lab = taken(tmp_path)["a"].labs[NAME]
    assert (list(lab.files.values()), lab.late) == ([b"2026-05-03T10-00"], False)


def test_files_of_one_attempt_belong_together(tmp_path: Path) -> None:
    """Canvas hands each of them out alone."""
    for name in ("echo_server.c", "more.h"):
        (tmp_path / f"petrovaanna_77_{len(name)}_{name}").write_bytes(SOURCE)
    (student,) = taken(tmp_path, alone=True).values()
    assert set(student.labs[NAME].files) == {("echo_server.c",), ("more.h",)}


# -- which files -----------------------------------------------------------------------------------------


def test_lab_directories_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """In a directory, in an archive, in an archive in a directory, in a clone; nothing else is taken."""
    deep = {
        f"a/b/{NAME}/echo_server.c": SOURCE,
        f"a/b/{NAME}/x/y.h": b"",
        f"a/b/{NAME}/run.sh": b"",
    }
    home = tmp_path / "dir" / "a" / NAME
    home.mkdir(parents=True)
    (home / "echo_server.c").write_bytes(SOURCE)
    (tmp_path / "zip.zip").write_bytes(zipped(deep))
    (tmp_path / "tar.tar.gz").write_bytes(tarred(deep))
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "w.zip").write_bytes(zipped({"w.tgz": tarred(MAIN)}))
    (tmp_path / "clone" / ".git" / NAME).mkdir(parents=True)
    (tmp_path / "clone" / ".git" / NAME / "echo_server.c").write_bytes(b"not this")
    (tmp_path / "clone" / NAME).mkdir()
    (tmp_path / "clone" / NAME / "echo_server.c").write_bytes(SOURCE)
    found = {home: set(s.labs[NAME].files.items()) for home, s in taken(tmp_path).items()}
    whole = {(("echo_server.c",), SOURCE), (("x", "y.h"), b"")}
    one = {(("echo_server.c",), SOURCE)}
    assert found == {"dir": one, "zip": whole, "tar": whole, "nested": one, "clone": one}


def test_no_link_and_no_pipe_is_taken(tmp_path: Path) -> None:
    """On the disk neither a link nor a pipe is opened, and the instructor hears of it."""
    home = tmp_path / "s" / NAME
    home.mkdir(parents=True)
    (tmp_path / "secret.c").write_bytes(b"secret")
    (home / "echo_server.c").symlink_to(tmp_path / "secret.c")
    os.mkfifo(home / "pipe.c")
    (home / "own.h").write_bytes(b"")
    (home / "lab").symlink_to(tmp_path)
    (tmp_path / "t").symlink_to(tmp_path / "s")
    found = taken(tmp_path)
    assert set(found["s"].labs[NAME].files) == {("own.h",)}
    assert len(found["s"].notes) == 2 and "t" in found and found["t"].labs == {}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_no_member_but_a_file_is_taken(kind: bytes) -> None:
    """Neither a link of either kind, nor a device or a pipe."""
    found = read(tarred(MAIN, kind, "/etc/hostname"), "w.tgz")
    assert found.files == {} and "no regular file" in found.notes[0]


def test_no_link_in_a_zip_is_taken() -> None:
    """There a link is a file with a mode."""
    found = read(zipped({"a.c": b"/etc/hostname"}, stat.S_IFLNK | 0o777))
    assert found.files == {} and "no regular file" in found.notes[0]


@pytest.mark.parametrize("name", ["../a.c", "/etc/a.c", "x/../../a.c", "c:/a.c", "x\\..\\a.c"])
def test_no_path_leads_out(name: str) -> None:
    """Of neither kind of archive, and the instructor hears of it."""
    for data in (zipped({name: SOURCE}), tarred({name: SOURCE})):
        found = read(data)
        assert found.files == {} and "leads out" in found.notes[0]


def test_bombs_are_refused() -> None:
    """What becomes large, what lies in itself, what has too many members: a sentence, no memory."""
    assert "100 times" in refusal(zipped({"a.c": bytes(32 << 20)}))
    assert "100 times" in refusal(tarred({"any": bytes(32 << 20)}), "w.tgz")
    nested = zipped(MAIN)
    for _again in range(3):
        nested = zipped({"w.zip": nested})
    assert "in one another" in refusal(nested)
    side_by_side = {f"{i}.zip": zipped(MAIN) for i in range(20)}
    assert "in one another" in refusal(zipped(side_by_side))
    many = {f"{i}": b"" for i in range(reading.MOST_ENTRIES + 1)}
    assert "more than 20000" in refusal(zipped(many, how=zipfile.ZIP_STORED))
    assert "more than 20000" in refusal(tarred(many), "w.tgz")


def test_what_cannot_be_read_is_refused() -> None:
    """An encrypted archive, an unusual one, half of one, none: a sentence each."""
    assert "encrypted" in refusal(encrypted(MAIN))
    assert "unusual" in refusal(zipped(MAIN, how=zipfile.ZIP_BZIP2))
    assert "end is missing" in refusal(zipped(MAIN)[:-30])
    assert "cannot be read" in refusal(tarred(MAIN)[:-30], "w.tgz")
    assert "cannot be read" in refusal(b"hello", "w.tar")
    assert "rar" in read(b"Rar!", "w.rar").notes[0]


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from([zipped(MAIN), tarred(MAIN)]))
def test_a_damaged_archive_is_read_or_refused(noise: bytes, place: int, whole: bytes) -> None:
    """No bytes that a stranger can hand in end in anything else."""
    data = whole[:place] + noise + whole[place + len(noise) :]
    assert all(unread.why.isprintable() for unread in read(data).unread)


def test_a_lab_has_bounds(tmp_path: Path) -> None:
    """200 files and 4 MiB; then the lab is refused, and it is not taken for one that was not handed in."""
    (tmp_path / "many.zip").write_bytes(zipped({f"{NAME}/{i}.h": b"" for i in range(201)}))
    (tmp_path / "large.zip").write_bytes(
        zipped({f"{NAME}/{i}.h": os.urandom(3 << 20) for i in (1, 2)})
    )
    for student in taken(tmp_path).values():
        assert "holds more than 200" in student.labs[NAME].refused


def labs_of(student: Student) -> dict[str, bytes | str]:
    """Of each lab of a student's why it is refused, else the words of its only file."""
    return {
        name: lab.refused or next(iter(lab.files.values())) for name, lab in student.labs.items()
    }


FIRST, LAST = (lab.name for lab in (all_labs()[0], all_labs()[-1]))
LARGE = bytes(reading.MOST_FILE + 1)


@pytest.mark.parametrize(
    "bad",
    [
        {f"{NAME}/large.c": LARGE},
        {f"{NAME}/work.zip": b"hello"},
        {f"{NAME}.zip": zipped(MAIN)[:-30]},
        {f"{NAME}/w.zip": encrypted(MAIN)},
        {f"{NAME}/{i}.h": b"" for i in range(201)},
    ],
    ids=["large", "broken", "named", "encrypted", "many"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["directory", "zip"])
def test_only_the_lab_concerned_is_refused(
    bad: dict[str, bytes], packed: bool, tmp_path: Path
) -> None:
    """Others of the same attempt and of earlier ones are taken; the refused one is looked for in no other."""
    good = {f"{LAST}/a.c": b"last", **bad}
    early = {f"{FIRST}/a.c": b"first", f"{NAME}/a.c": b"early"}
    (tmp_path / "a_2026-05-01T10-00.zip").write_bytes(zipped(early))
    later = tmp_path / "a_2026-05-01T12-00"
    if packed:
        later.with_name(f"{later.name}.zip").write_bytes(zipped(good))
    for name, data in () if packed else good.items():
        (later / name).parent.mkdir(parents=True, exist_ok=True)
        (later / name).write_bytes(data)
    found = labs_of(taken(tmp_path)["a"])
    refused = found.pop(NAME)
    assert isinstance(refused, str) and found == {FIRST: b"first", LAST: b"last"}


def test_an_attempt_that_names_no_lab_leaves_a_doubt(tmp_path: Path) -> None:
    """Labs of earlier attempts are taken and marked; what no attempt has is refused, for it may be in there."""
    (tmp_path / "a_2026-05-01T10-00.zip").write_bytes(zipped(MAIN))
    (tmp_path / "a_2026-05-01T12-00.zip").write_bytes(zipped(MAIN)[:-30])
    (tmp_path / "a_2026-05-01T14-00.zip").write_bytes(zipped({f"{LAST}/a.c": b"last"}))
    labs = taken(tmp_path)["a"].labs
    assert (labs[NAME].files, "end is missing" in labs[NAME].doubt) == (
        {("echo_server.c",): SOURCE},
        True,
    )
    assert (labs[LAST].refused, labs[LAST].doubt) == ("", "")
    assert "end is missing" in labs[FIRST].refused


def test_a_large_file_that_is_no_labs_harms_none(tmp_path: Path) -> None:
    """It is told of, and that is all."""
    (tmp_path / "a.zip").write_bytes(zipped({**MAIN, "old/large.c": LARGE}))
    student = taken(tmp_path)["a"]
    assert labs_of(student) == {NAME: SOURCE} and "larger than" in student.notes[0]


def test_of_half_an_archive_nothing_is_taken(tmp_path: Path) -> None:
    """Files that came before the break may be half of a lab."""
    whole = tarred({f"{NAME}/echo_server.c": SOURCE, f"{NAME}/b.h": os.urandom(90_000)})
    (tmp_path / "a.tar.gz").write_bytes(whole[:-30_000])
    student = taken(tmp_path)["a"]
    assert all(lab.refused for lab in student.labs.values()) and student.labs


def test_another_labs_directory_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """Both have a program of that name."""
    (tmp_path / "a.zip").write_bytes(zipped({f"{FIRST}/echo_server.c": SOURCE}))
    assert taken(tmp_path, alone=True)["a"].labs == {}


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.binary(max_size=20), max_size=8))
def test_what_is_taken_is_what_lies_there(files: dict[str, bytes]) -> None:
    """Every C file of the lab with its bytes, and nothing that is none, whatever the names."""
    inside = {f"{NAME}/{name}": data for name, data in files.items() if "\0" not in name}
    try:
        found = read(tarred(inside), "w.tgz")
    except UnicodeError:
        return  # no archive of such names can be made
    for parts, data in found.files.items():
        assert parts[-1].lower().endswith((".c", ".h")) and data in inside.values()
        assert not {"..", "", "."}.intersection(parts)
