"""Is everything there, and does it do its work? Tools, modules, sanitizers, Helgrind."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labkit.doctor.finding import BAD, FINE, SET_UP, WARNING, Finding, Ran, run, sysctl
from labkit.ground.catalog import BUILD, HARNESS
from labkit.ground.words import _

TOOLS = ("gcc", "clang", "make", "valgrind", "gdb", "bwrap")
STARTS = 10  # of each program under ThreadSanitizer
NOT_RANDOM = ("setarch", "-R")
RACE = "WARNING: ThreadSanitizer: data race"
BAD_READ = "AddressSanitizer: heap-buffer-overflow"
LOCK_ORDER = "lock order"


class CannotBuild(Exception):
    """The compiler refused a program of ours; its last words."""


def tools() -> Iterator[Finding]:
    """The commands that checks start, by version; with the place, if it is not where apt puts them."""
    for name in TOOLS:
        path = shutil.which(name)
        if not path:
            yield Finding(name, BAD, _("not there"), SET_UP)
            continue
        version = run(path, "--version").words.partition("\n")[0]
        usual = path.startswith(("/usr/bin/", "/bin/"))
        yield Finding(name, FINE, version if usual else f"{version} ({path})")


def python() -> Iterator[Finding]:
    """The Python that runs this, and the packages of both groups of harness/setup.sh."""
    modules = (f"{name} {metadata.version(name)}" for name in ("pytest", "rich", "psutil"))
    seen = ", ".join((f"{sys.executable} {platform.python_version()}", *modules))
    yield Finding("python", FINE, seen)
    for group, state in (("student", BAD), ("maintainer", WARNING)):
        missing = run(HARNESS / "setup.sh", "--missing", group).words.split()
        if missing:
            seen = _("missing: {names}").format(names=" ".join(missing))
            if state == WARNING:
                seen += " " + _("(for `make test` only)")
            yield Finding(_("packages"), state, seen, f"harness/setup.sh {group}")
            return
    yield Finding(_("packages"), FINE, _("all there, for students and maintainers"))


def build(program: str, *flags: str) -> Path:
    """Compile one of harness/native/doctor. Raises CannotBuild."""
    source = HARNESS / "native" / "doctor" / f"{program}.c"
    binary = BUILD / "doctor" / "-".join((program, *(flag.partition("=")[2] for flag in flags)))
    binary.parent.mkdir(parents=True, exist_ok=True)
    done = run("gcc", "-std=c11", "-g", "-O1", "-pthread", *flags, source, "-o", binary)
    if done.status != 0:
        raise CannotBuild(done.last_line)
    return binary


@dataclass(frozen=True)
class Rates:
    """How often programs ran under ThreadSanitizer, of `tries`, and reported a race when they ran."""

    tries: int
    ran: int
    found: int
    false: int
    failure: str

    def __str__(self) -> str:
        words = _(
            "starts {ran} of {tries} times; finds a race {found} of {half}, a false one {false} of {half}"
        )
        text = words.format(
            ran=self.ran, tries=self.tries, found=self.found, false=self.false, half=self.tries // 2
        )
        return f"{text} ({self.failure})" if self.failure else text


def measure(racy: Path, clean: Path, *prefix: str) -> Rates:
    """Start both programs STARTS times each, behind the words of `prefix`."""
    ran = found = false = 0
    failure = ""
    for program in (racy, clean) * STARTS:
        done = run(*prefix, program, TSAN_OPTIONS="io_sync=0 exitcode=66")
        race = RACE in done.words
        if not race and done.status != 0:
            failure = done.last_line
            continue
        ran += 1
        found += race and program is racy
        false += race and program is clean
    return Rates(2 * STARTS, ran, found, false, failure)


def thread_sanitizer() -> Iterator[Finding]:
    """A racy and a clean program, with address space randomisation and, as checks do it, without."""
    racy, clean = (build(program, "-fsanitize=thread") for program in ("racy", "clean"))
    random = measure(racy, clean)
    refused = run(*NOT_RANDOM, "true")
    if refused.status == 0:
        rates = measure(racy, clean, *NOT_RANDOM)
        yield judge_rates("TSan, setarch -R", rates)
        yield Finding("TSan", FINE, _("{rates}; checks don't use it so").format(rates=random))
    else:
        yield no_setarch(refused)
        yield judge_rates("TSan", random)


def judge_rates(what: str, rates: Rates) -> Finding:
    """Every start must succeed and every verdict be right; a race may be missed once."""
    if rates.ran < rates.tries:
        return Finding(what, BAD, str(rates), sysctl("vm.mmap_rnd_bits", 28))
    if rates.false or rates.found < STARTS - 1:
        return Finding(what, BAD, str(rates), "sudo apt-get install --reinstall gcc")
    return Finding(what, FINE, str(rates))


def no_setarch(refused: Ran) -> Finding:
    """Containers refuse personality(2) unless an option allows it."""
    seen = _("refused: {why}").format(why=refused.last_line)
    return Finding("setarch -R", BAD, seen, "docker run --security-opt seccomp=unconfined …")


def address_sanitizer() -> Finding:
    """A program that reads past its allocation, and one that is right."""
    flags = "-fsanitize=address,undefined"
    bad, clean = (run(build(program, flags)) for program in ("bad_read", "clean"))
    fine = _("starts, finds a bad read, reports nothing of a correct program")
    return judge_pair("ASan", BAD_READ in bad.words, clean, fine, sysctl("vm.mmap_rnd_bits", 28))


def helgrind() -> Finding:
    """A program that takes two locks in both orders, and one that is right."""
    command = ("valgrind", "-q", "--tool=helgrind", "--error-exitcode=66")
    order, clean = (run(*command, build(program)) for program in ("lock_order", "clean"))
    fine = _("starts, finds a wrong lock order, reports nothing of a correct program")
    remedy = "sudo apt-get install --reinstall valgrind libc6-dbg"
    return judge_pair("Helgrind", LOCK_ORDER in order.words, clean, fine, remedy)


def judge_pair(what: str, found: bool, clean: Ran, fine: str, remedy: str) -> Finding:
    """The faulty program must be found so, the right one must end well."""
    if clean.status != 0:
        why = clean.last_line or _("fails with a correct program")
        return Finding(what, BAD, why, remedy)
    if not found:
        return Finding(what, BAD, _("does not find the fault that is there"), remedy)
    return Finding(what, FINE, fine)


def sanitizers() -> Iterator[Finding]:
    """All three; where gcc itself does not work, that once."""
    try:
        yield from thread_sanitizer()
        yield address_sanitizer()
        yield helgrind()
    except CannotBuild as error:
        yield Finding("gcc", BAD, str(error), "sudo apt-get install --reinstall gcc libc6-dev")
    except OSError as error:
        yield Finding("build/", BAD, str(error), "ls -ld build; df -h .")
