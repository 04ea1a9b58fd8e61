"""The workbook's experiments: small programs that prove what it says, built and run on demand.

`docs/experiments/NAME.c` (or `.py`) is an experiment, `NAME.expect` what it must print. They are built in the
sandbox, cached by content below build/, and run in a directory and a network of their own, for a bounded time.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.box import sandbox
from labkit.build import compiler
from labkit.ground.catalog import BUILD, ROOT
from labkit.ground.faults import DidNotCompile, Trouble
from labkit.ground.words import _
from labkit.workbook.boxed import Outcome, run_program, scratch

DIRECTORY = ROOT / "docs" / "experiments"
CACHE = BUILD / "experiments"
MOST_OUTPUT = 64 << 10  # bytes
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-g", "-O1", "-pthread")
# The library that a header's functions are in, where it is not the C library.
LIBRARIES = {"crypt.h": "-lcrypt", "math.h": "-lm"}
# Where the source seems to have been, in a sanitizer's reports: not a directory of this machine.
SHOWN_AS = "/experiments"


@dataclass(frozen=True)
class Tool:
    """A way of building and running an experiment."""

    compiler: str = "gcc"
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None


# Of ThreadSanitizer the options of harness/native/trusted_tsan.c, with the report among the program's output.
TSAN = (
    f"color=never:io_sync=0:halt_on_error=0:exitcode=66:strip_path_prefix={SHOWN_AS}/:"
    "report_bugs=1:report_thread_leaks=1:detect_deadlocks=1:"
    "second_deadlock_stack=1:history_size=4:atexit_sleep_ms=100"
)
TOOLS = {
    "plain": Tool(),
    "tsan": Tool(
        flags=("-fsanitize=thread", "-fno-omit-frame-pointer"), environment={"TSAN_OPTIONS": TSAN}
    ),
    "clang": Tool("clang"),
}


@dataclass(frozen=True)
class Expected:
    """What NAME.expect says: how to run the experiment, and a pattern for each line that it prints."""

    arguments: tuple[str, ...] = ()
    status: int = 0
    tool: str = "plain"
    patterns: tuple[str, ...] = ()


# -- what there is -------------------------------------------------------------------------------------


def names(directory: Path | None = None) -> list[str]:
    """The names of all experiments, in order."""
    home = directory or DIRECTORY
    return sorted({path.stem for path in [*home.glob("*.c"), *home.glob("*.py")]})


def source(name: str, directory: Path | None = None) -> Path:
    """The file of an experiment, NAME.c or NAME.py; Trouble if there is none, or both."""
    home = directory or DIRECTORY
    found = [path for path in (home / f"{name}.c", home / f"{name}.py") if path.is_file()]
    if not re.fullmatch(r"\w+", name) or not found:
        raise Trouble(_("there is no experiment {name}").format(name=name))
    if len(found) > 1:
        raise Trouble(_("{name} is an experiment in C and in Python").format(name=name))
    return found[0]


def expected(name: str, directory: Path | None = None) -> Expected:
    """What NAME.expect says; Trouble if it is not there or not understood."""
    path = source(name, directory).with_suffix(".expect")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Trouble(f"{path.name}: {error.strerror}") from error
    said = dict[str, str]()
    while lines and (match := re.fullmatch(r"# (run|status|tool): ?(.*)", lines[0])):
        said[match[1]] = match[2]
        del lines[0]
    try:
        status = int(said.get("status", "0"))
        patterns = tuple(line for line in lines if re.compile(line))
    except (ValueError, re.error) as error:
        raise Trouble(f"{path.name}: {error}") from error
    tool = said.get("tool", "plain").strip()
    if tool not in ("plain", "tsan"):
        raise Trouble(f"{path.name}: tool: {tool}")
    return Expected(tuple(said.get("run", "").split()), status, tool, patterns)


# -- building ------------------------------------------------------------------------------------------


def build(name: str, tool: str = "plain", directory: Path | None = None) -> Path:
    """The program of an experiment, built if need be; of one in Python the source itself.

    Trouble with the compiler's words where it does not compile.
    """
    path = source(name, directory)
    if path.suffix == ".py":
        return path
    try:
        return build_text(path.read_text(encoding="utf-8"), name, tool)
    except DidNotCompile as fault:
        raise Trouble(f"{path.name}: {fault}\n{fault.details}") from fault


def build_text(text: str, name: str, tool: str = "plain") -> Path:
    """The program made of a C source, kept by its content. DidNotCompile where the compiler refuses it."""
    how = TOOLS[tool]
    key = hashlib.sha256("\0".join([text, *_flags(text, how), _version(how.compiler)]).encode())
    kept = CACHE / f"{tool}-{key.hexdigest()[:24]}" / name
    if not kept.exists():
        with scratch() as stage:
            compile_text(text, name, tool, Path(stage))
            _keep(Path(stage) / name, kept)
    return kept


def _keep(built: Path, kept: Path) -> None:
    """Put a program where it is kept, in one rename and by a name of our own: others may build the same now."""
    moved = kept.parent / f".{kept.name}.{uuid.uuid4().hex}"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built, moved)
        moved.replace(kept)
    except OSError as error:
        raise Trouble(str(error)) from error


def compile_text(text: str, name: str, tool: str, stage: Path) -> str:
    """Compile a C source in a directory, into it; returns the compiler's words, empty if it is content."""
    how = TOOLS[tool]
    (stage / f"{name}.c").write_text(text, encoding="utf-8")
    view = sandbox.View(cwd=stage)
    flags = [*_flags(text, how), *(f"-ffile-prefix-map={d}={SHOWN_AS}" for d in ("/here", stage))]
    return compiler.compile_in(view, how.compiler, [f"{name}.c", "-o", name, *flags])[0]


def warnings(name: str, tool: str = "plain", directory: Path | None = None) -> str:
    """What the compiler says of an experiment that compiles; empty for one in Python."""
    path = source(name, directory)
    if path.suffix == ".py":
        return ""
    with scratch() as stage:
        return compile_text(path.read_text(encoding="utf-8"), name, tool, Path(stage))


def _flags(text: str, tool: Tool) -> list[str]:
    """The compiler's flags for a source; libraries follow what it includes."""
    included = re.findall(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", text, re.MULTILINE)
    libraries = [LIBRARIES[header] for header in LIBRARIES if header in included]
    return [*FLAGS, *tool.flags, *libraries]


@functools.cache
def _version(name: str) -> str:
    """The compiler's version: another one makes another program."""
    try:
        return subprocess.run([name, "--version"], capture_output=True, text=True).stdout
    except OSError as error:
        raise Trouble(_("{tool} is not installed").format(tool=name)) from error


# -- running -------------------------------------------------------------------------------------------


def transcript(
    name: str, arguments: Sequence[str] = (), tool: str = "plain", directory: Path | None = None
) -> str:
    """What a person would see: `$ ./NAME ARGUMENTS`, then what it prints; after it an exit status that is not 0.

    Trouble where it does not build, does not end in time or prints too much.
    """
    outcome = run(name, arguments, tool, directory)
    path = source(name, directory)
    lines = [f"$ {command(path, arguments)}", outcome.output.rstrip("\n")]
    assert outcome.ended
    if outcome.ended.signal or outcome.ended.status:
        lines.append(f"[{outcome.ended}]")
    return "".join(f"{line}\n" for line in lines if line)


def command(path: Path, arguments: Sequence[str] = ()) -> str:
    """What a person would type to run the experiment of a source file."""
    program = f"python3 {path.name}" if path.suffix == ".py" else f"./{path.stem}"
    return " ".join([program, *arguments])


def compile_command(path: Path, tool: str = "plain") -> str:
    """What a person would type to build the experiment of a source file, without the warnings; empty for Python."""
    if path.suffix == ".py":
        return ""
    flags = _flags(path.read_text(encoding="utf-8"), TOOLS[tool])
    told = " ".join(flag for flag in flags if not flag.startswith(("-W", "-std", "-l")))
    libraries = "".join(f" {flag}" for flag in flags if flag.startswith("-l"))
    return f"{TOOLS[tool].compiler} {told} {path.name} -o {path.stem}{libraries}"


def run(
    name: str, arguments: Sequence[str] = (), tool: str = "plain", directory: Path | None = None
) -> Outcome:
    """Build and run an experiment on a terminal of its own; Trouble where it does not end in time."""
    program = build(name, tool, directory)
    outcome = run_program(program, arguments, TOOLS[tool].environment or {})
    if outcome.ended is None:
        raise Trouble(_("{program} did not come to an end").format(program=program.name))
    if len(outcome.output) > MOST_OUTPUT:
        raise Trouble(
            _("{program} prints more than {n} KiB").format(
                program=program.name, n=MOST_OUTPUT >> 10
            )
        )
    return outcome
