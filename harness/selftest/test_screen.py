"""The screen finds what hides from the sanitizers, and leaves innocent programs alone."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.box import symbols
from labkit.build import screen
from labkit.build.screen import CAUSE, FLAGS, Trick
from labkit.ground import ctext
from selftest.recorded import english  # noqa: F401: a fixture

PROGRAMS = Path(__file__).parent / "screen"
COMMON = PROGRAMS / "common"
INNOCENT = sorted(path.stem for path in PROGRAMS.glob("*.c"))
HARDENED = ("-std=c11", "-O2", "-pthread", "-fstack-protector-all", "-D_FORTIFY_SOURCE=2")
TSAN = "-fsanitize=thread"

SERVE = """
#include <pthread.h>
static int clients;
static void *serve_client(void *arg) { clients++; return arg; }
int main(void) { pthread_t t; return pthread_create(&t, NULL, serve_client, NULL); }
"""


@dataclass(frozen=True)
class Hidden:
    """A program with a trick. what: part of what must be said of it; line: where; built: its objects tell."""

    what: str
    line: int | None
    source: str
    built: bool = False
    header: str = ""


TRICKS = {
    "attribute": Hidden(
        "attribute no_sanitize_thread",
        2,
        "int n;\n__attribute__((no_sanitize_thread)) void f(void) { n++; }",
    ),
    "underscores": Hidden(
        "attribute no_sanitize",
        1,
        '__attribute__((unused, __no_sanitize__("thread"))) static int n(void) { return 1; }',
    ),
    "pasted": Hidden(
        "attribute no_sanitize",
        3,
        "#define J(a, b) a##b\n#define Q(x) __attribute__((x))\n"
        'Q(J(no_san, itize)("thread")) void f(void) {}',
    ),
    "spliced": Hidden(
        "attribute no_address_safety_analysis",
        1,
        "void f(void) __attri\\\nbute__((no_address_safety_analysis));",
    ),
    "brackets": Hidden(
        "attribute no_sanitize", 1, '[[gnu::no_sanitize("thread")]] void f(void) {}'
    ),
    "digraphs": Hidden(
        "attribute no_sanitize_thread", 1, "<:<:gnu::no_sanitize_thread:>:> void f(void);"
    ),
    "in a system macro": Hidden(
        "attribute no_sanitize",
        3,
        '#include <stdlib.h>\n#define C (1), no_sanitize("thread")\n'
        "void *f(int) __attribute_alloc_size__(C);",
    ),
    "in a header of the system's kind": Hidden(
        "assembler",
        2,
        '#include "own.h"\n',
        header='_Pragma("GCC system_header")\nstatic inline void f(void) { __asm__(""); }\n',
    ),
    "constructor": Hidden(
        "attribute constructor",
        2,
        "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { exit(0); }",
    ),
    "section": Hidden(
        "attribute section",
        1,
        '__attribute__((section(".init_array"))) void (*hook)(void) = 0;',
    ),
    "alias": Hidden(
        "attribute alias", 2, 'int f(void) { return 1; }\nint g(void) __attribute__((alias("f")));'
    ),
    "pragma": Hidden("pragma GCC optimize", 1, '_Pragma("GCC optimize (\\"O0\\")") int n;'),
    "pragma by a trigraph": Hidden(
        "pragma GCC push_options", 1, "??=pragma GCC push_options\nint n;"
    ),
    "renaming pragma": Hidden(
        "redefine_extname", 1, "#pragma redefine_extname f pthread_mutex_lock\nint f(void);"
    ),
    "asm": Hidden("assembler", 2, '#define J(a) a##asm__\nvoid f(void) { J(__)("nop"); }'),
    "asm name": Hidden("assembler", 1, 'int f(void) __asm__("pthread_mutex_lock");'),
    "asm name by a system macro": Hidden(
        "assembler", 2, "#include <stdio.h>\nint __REDIRECT(f, (void), pthread_mutex_lock);"
    ),
    "ifdef": Hidden(
        "when a sanitizer is on",
        2,
        "#ifndef __SANITIZE_THREAD__\nint clients;\n#endif\nint main(void) { return 0; }",
    ),
    "ifdef for another sanitizer": Hidden(
        "when a sanitizer is on", 2, "#if defined __SANITIZE_ADDRESS__\nint clients;\n#endif"
    ),
    "another file's name": Hidden(
        "#line", 2, 'int n;\n%:/* */line 5 "/usr/include/stdio.h"\nint m;'
    ),
    "a marker": Hidden("#line", 1, '# 5 "own.c" 3 4\nint n;'),
    "another file's name by a macro": Hidden(
        "#line", 2, '#define HERE 5 "/usr/include/stdio.h"\n#line HERE\nint n;'
    ),
    "the canary's name": Hidden(screen.CANARY, 1, f"int {screen.CANARY};"),
    "tsan's interface": Hidden(
        "symbol __tsan_acquire",
        1,
        "void __tsan_acquire(void *);\nint main(void) { __tsan_acquire(0); }",
        built=True,
    ),
    "whether tsan is there": Hidden(
        "symbol __tsan_init",
        1,
        "void __tsan_init(void) __attribute__((weak));\nint main(void) { return __tsan_init != 0; }",
        built=True,
    ),
    "tsan's options": Hidden(
        "symbol __tsan_default_options",
        1,
        'const char *__tsan_default_options(void) { return "report_bugs=0"; }',
        built=True,
    ),
    "annotations": Hidden(
        "symbol AnnotateHappensBefore",
        1,
        "void AnnotateHappensBefore(const char *f, int l, void *p);\n"
        'int main(void) { AnnotateHappensBefore("", 0, 0); }',
        built=True,
    ),
    "exec": Hidden(
        "symbol execv",
        2,
        "#include <unistd.h>\nint main(int n, char **a) { return execv(a[n], a); }",
        built=True,
    ),
    "dlsym": Hidden(
        "symbol dlsym",
        2,
        '#include <dlfcn.h>\nint main(void) { return dlsym(0, "write") == 0; }',
        built=True,
    ),
    "a lock of its own": Hidden(
        "symbol pthread_mutex_unlock",
        2,
        "#include <pthread.h>\nint pthread_mutex_unlock(pthread_mutex_t *m) { return m == 0; }",
        built=True,
    ),
    "an exit of its own": Hidden(
        "symbol _exit", 1, "void _exit(int s) { for (;; s++) ; }", built=True
    ),
    "the libraries before it": Hidden(
        "name LD_PRELOAD",
        2,
        '#include <stdlib.h>\nint main(void) { return getenv("LD_" "PRELOAD") != 0; }',
    ),
    "which libraries are in its memory": Hidden(
        "name libtsan",
        2,
        '#include <string.h>\nint f(const char *line) { return strstr(line, "lib" "tsan.so") != 0; }',
    ),
    "what is loaded": Hidden(
        "symbol dl_iterate_phdr",
        3,
        "#define _GNU_SOURCE\n#include <link.h>\n"
        "int main(void) { return dl_iterate_phdr(0, 0); }",
        built=True,
    ),
    "threads of its own kind": Hidden(
        "symbol clone",
        3,
        "#define _GNU_SOURCE\n#include <sched.h>\n"
        "int main(void) { return clone(0, 0, CLONE_VM, 0); }",
        built=True,
    ),
    "a request to valgrind": Hidden(
        "request to valgrind",
        None,
        "const unsigned char code[] = { 0x48, 0xc1, 0xc7, 3, 0x48, 0xc1, 0xc7, 13,\n"
        "0x48, 0xc1, 0xc7, 61, 0x48, 0xc1, 0xc7, 51, 0x48, 0x87, 0xdb };",
        built=True,
    ),
}


def compiled(source: Path, out: Path, *flags: str) -> Path:
    """An object of the source in the directory `out`."""
    target = out / f"{source.stem}{'.tsan' if TSAN in flags else ''}.o"
    words = ["gcc", *flags, "-w", f"-I{COMMON}", "-c", str(source), "-o", str(target)]
    subprocess.run(words, check=True, timeout=60)
    return target


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """The innocent programs, compiled without and with TSan, two at a time."""
    out = tmp_path_factory.mktemp("objects")

    def both(name: str) -> tuple[Path, Path]:
        source = PROGRAMS / f"{name}.c"
        return compiled(source, out, *FLAGS), compiled(source, out, *FLAGS, TSAN)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(INNOCENT, pool.map(both, INNOCENT)))


def found(hidden: Hidden, directory: Path) -> list[Trick]:
    """What the screen says of a program with a trick."""
    source = directory / "echo_server.c"
    source.write_text(hidden.source + "\n", encoding="utf-8")
    (directory / "own.h").write_text(hidden.header, encoding="utf-8")
    plain = [compiled(source, directory, *FLAGS)] if hidden.built else []
    return screen.screen([source], plain, [])


@pytest.mark.parametrize("name", INNOCENT)
def test_an_innocent_program_passes(name: str, objects: dict[str, tuple[Path, Path]]) -> None:
    plain, watched = objects[name]
    assert screen.screen([PROGRAMS / f"{name}.c"], [plain], [watched], [COMMON]) == []


@pytest.mark.parametrize("name", ["codegen", "sockets", "threads"])
def test_hardened_code_passes(name: str, tmp_path: Path) -> None:
    source = PROGRAMS / f"{name}.c"
    plain = compiled(source, tmp_path, *HARDENED)
    watched = compiled(source, tmp_path, *HARDENED, TSAN)
    assert screen.screen([source], [plain], [watched], [COMMON], flags=HARDENED) == []


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_is_found(name: str, tmp_path: Path) -> None:
    hidden = TRICKS[name]
    tricks = found(hidden, tmp_path)
    assert any(hidden.what in trick.what and trick.line == hidden.line for trick in tricks), tricks
    assert all(trick.why and trick.cause == CAUSE for trick in tricks)


def test_the_file_of_a_trick_is_the_one_it_stands_in(tmp_path: Path) -> None:
    tricks = found(TRICKS["in a header of the system's kind"], tmp_path)
    assert [trick.file for trick in tricks] == ["own.h"]


def test_only_the_students_files_are_read(tmp_path: Path) -> None:
    """A marker may name any file of this machine as the one that is included: it is not opened."""
    elsewhere = tmp_path / "elsewhere.c"
    elsewhere.write_text('#line 7 "other.c"\n')
    (tmp_path / "own").mkdir()
    source = tmp_path / "own" / "server.c"
    source.write_text(
        f'# 1 "{elsewhere}" 1\nint here;\n# 3 "server.c" 2\nint main(void) {{ return here; }}\n'
    )
    tricks = screen.screen([source], [], [])
    assert {trick.file for trick in tricks} == {"server.c"}


def test_a_hook_in_an_object_is_found_without_its_source(tmp_path: Path) -> None:
    hooked = tmp_path / "hooked.c"
    hooked.write_text(TRICKS["constructor"].source + "\n")
    source = PROGRAMS / "fork.c"
    (trick,) = screen.screen([source], [compiled(hooked, tmp_path, *FLAGS)], [])
    assert trick.what == "the section .init_array"


def test_a_function_that_tsan_does_not_see_is_found(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.c"
    hidden.write_text(
        "#include <stdio.h>\nint n;\n"
        '__attribute__((no_sanitize_thread)) void serve(void) { n++; puts("x"); }\n'
    )
    watched = compiled(hidden, tmp_path, *FLAGS, TSAN)
    (trick,) = screen.screen([PROGRAMS / "fork.c"], [], [watched])
    assert trick.what == "the function serve, which the sanitizer doesn't see"


def test_a_trick_in_a_second_source_is_told_by_its_file(tmp_path: Path) -> None:
    first, second = tmp_path / "echo_server.c", tmp_path / "list.c"
    first.write_text(SERVE)
    second.write_text("#include <unistd.h>\nint run(char **a) { return execvp(a[0], a); }\n")
    plain = [compiled(first, tmp_path, *FLAGS), compiled(second, tmp_path, *FLAGS)]
    (trick,) = screen.screen([first, second], plain, [])
    assert (trick.file, trick.line) == ("list.c", 2)


def test_the_compiler_can_be_run_elsewhere(tmp_path: Path) -> None:
    ran: list[str] = []

    def run(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        ran.append(" ".join(command))
        return symbols.plainly(command, cwd)

    source = tmp_path / "echo_server.c"
    source.write_text(SERVE)
    plain, watched = compiled(source, tmp_path, *FLAGS), compiled(source, tmp_path, *FLAGS, TSAN)
    assert screen.screen([source], [plain], [watched], run=run) == []
    assert sum(" -E " in command for command in ran) == 3
    assert not any(str(tmp_path) in command for command in ran)


def test_directives_are_read_as_a_compiler_does() -> None:
    text = (
        '/* # 1 */ # 2 "a"\nint n; // \\\n#line 3\nchar *s = "/*";\n??=li\\\nne 4 "b"\n%: pragma x'
    )
    seen = [(d.name, d.line) for d in ctext.directives(text)]
    assert seen == [("2", 1), ("line", 5), ("pragma", 7)]
