"""Whose submission an entry of a download is, which attempt of theirs, and whether it came late: by its name.

Where the forms are from:
Moodle: mod/assign/classes/downloader.php of its source, get_student_prefix and load_submissionplugin_filelist.
Canvas: lib/content_zipper.rb of its source, get_filename and add_upload_submission.
Gradescope: other people's graders that read the folders and the submission_metadata.yml of "Export Submissions".
PrairieLearn: instructorAssessmentDownloads.tsx of its source, extractFilesForSubmissions.
GitHub: `gh classroom clone student-repos`, student-repos.go of github/gh-classroom: SLUG-submissions/SLUG-USER.
Any other name is the student's, perhaps with the time of the attempt behind it: ivanov_2026-05-01T23-59.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime

MOST_NAME = 60  # characters of a name that becomes a directory's

_MOODLE = re.compile(r"(?P<who>.+)_(?P<id>\d+)_assignsubmission_file(?:_(?P<file>.*))?", re.S)
_CANVAS = re.compile(r"(?P<who>.+?)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)", re.S)
_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<who>anon_[^_]+)_\d+_(?P<file>.+)", re.S
)  # Canvas, too
_PRAIRIE = re.compile(
    r"(?P<who>[^@/]+@[^_/]+)_\d+_(?P<question>.+)_\d+_\d+_(?P<number>\d+)_(?P<file>.+)", re.S
)
_TIMED = re.compile(r"(?P<who>.+)[_@](?P<when>\d{4}-\d\d-\d\dT\d\d[-:]?\d\d(?:[-:]?\d\d)?)")
_ARCHIVE = re.compile(r"\.(?:zip|tar\.gz|tgz|tar)$", re.I)
_SECTION = re.compile(r"  :(?P<key>\w+): *(?P<value>.*)")
_META = re.compile(r"\s+(?:- )?:(?P<key>name|sid|email): *(?P<value>.*)")


@dataclass(frozen=True)
class Label:
    """What an entry's name says.

    student: what tells this student from all others. name, email: as far as known, else empty. when: the time of the
    attempt, without a zone, None if it is not known. number: of attempts at one time the highest is the last. late: as
    the platform says. inside: the path that the file has in the submission, empty where the entry is all of it.
    """

    student: str
    name: str = ""
    email: str = ""
    when: datetime | None = None
    number: int = 0
    late: bool = False
    inside: tuple[str, ...] = ()


def label(entry: str, is_file: bool, folder: str = "") -> Label:
    """What the name of an entry of the folder says; is_file: it is one, and may be a part of a submission."""
    for read in (_moodle, _prairie, _canvas):
        found = read(entry, is_file)
        if found:
            return found
    bare = _ARCHIVE.sub("", entry) if is_file else entry
    slug = folder[: -len("submissions")] if folder.endswith("-submissions") else ""
    if slug and bare.startswith(slug) and len(bare) > len(slug):
        bare = bare[len(slug) :]
    timed = _TIMED.fullmatch(bare)
    if timed and (when := moment(timed["when"])):
        return Label(timed["who"], timed["who"], when=when)
    return Label(bare, bare)


def _moodle(entry: str, is_file: bool) -> Label | None:
    found = _MOODLE.fullmatch(entry)
    if not found or (is_file and not found["file"]):
        return None
    inside = (found["file"],) if is_file else ()
    return Label(f"{found['who']}_{found['id']}", found["who"], inside=inside)


def _canvas(entry: str, is_file: bool) -> Label | None:
    """The files of a student's last attempt, the only one that Canvas hands out, have attachment numbers each."""
    if not is_file:
        return None
    found = _ANONYMOUS.fullmatch(entry)
    if found:
        return Label(found["who"], late=bool(found["late"]), inside=(found["file"],))
    found = _CANVAS.fullmatch(entry)
    if not found:
        return None
    student = f"{found['who']}_{found['id']}"
    return Label(student, found["who"], late=bool(found["late"]), inside=(found["file"],))


def _prairie(entry: str, is_file: bool) -> Label | None:
    """The question's name stays in the path: it may be the lab's."""
    found = _PRAIRIE.fullmatch(entry) if is_file else None
    if not found:
        return None
    number, inside = int(found["number"][:18]), (found["question"], found["file"])
    return Label(found["who"], email=found["who"], number=number, inside=inside)


def moment(text: str) -> datetime | None:
    """A time as 2026-05-01T23:59, with or without seconds, colons also as hyphens or left out; None if it is none."""
    digits = re.sub(r"\D", "", text)
    form = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    try:
        return datetime.strptime(digits, form) if form else None
    except ValueError:
        return None


def gradescope(metadata: str) -> dict[str, list[Label]]:
    """The students of each folder of an export, from the text of submission_metadata.yml.

    A history of earlier attempts, which may stand there too, counts for nothing.
    """
    found: dict[str, list[Label]] = {}
    whens: dict[str, datetime | None] = {}
    folder = section = ""
    for line in metadata.splitlines():
        if re.fullmatch(r"[\w.-]+:\s*", line):
            folder = line.strip()[:-1]
            found[folder] = []
        elif folder and (heading := _SECTION.match(line)):
            section = heading["key"]
            if section == "created_at":
                whens[folder] = moment(re.split(r"[.Z+]", heading["value"])[0])
        elif folder and section == "submitters" and (entry := _META.match(line)):
            value = entry["value"].strip().strip("'\"")
            if entry["key"] == "name":
                found[folder].append(Label(value, value))
            elif found[folder]:
                found[folder][-1] = _with(found[folder][-1], entry["key"], value)
    return {
        folder: [replace(one, when=whens.get(folder)) for one in labels]
        for folder, labels in found.items()
    }


def _with(one: Label, key: str, value: str) -> Label:
    if key == "email":
        return replace(one, email=value)
    return replace(one, student=value) if value else one


def directory_name(student: str) -> str:
    """A name for a student's directories: printable, no path, and another one for each student."""
    safe = re.sub(r"[^\w.@+-]+", "-", student).strip(".-")[:MOST_NAME]
    if safe and safe == student:
        return safe
    return (
        f"{safe or 'student'}-{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:8]}"
    )
