"""Set-up: what is missing is named, then installed; whatever Python stands first in PATH, the right one is taken."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "harness"


@dataclass(frozen=True)
class House:
    """A copy of the set-up scripts, on a machine whose commands are all in `bin`."""

    root: Path
    bin: Path

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, with this machine's commands and no others."""
        return subprocess.run(
            command,
            cwd=self.root,
            env={"PATH": str(self.bin), "HOME": str(self.root), "LANG": "C.UTF-8", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def command(self, name: str, script: str) -> None:
        """Replace a command by a shell script, in which LOG stands for a file, see `log`."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/sh\n" + script.replace("LOG", str(self.root / "log")))
        path.chmod(0o755)

    def without(self, *names: str) -> None:
        """Take commands away."""
        for name in names:
            (self.bin / name).unlink(missing_ok=True)

    @property
    def log(self) -> list[str]:
        """The lines that commands wrote to LOG."""
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A machine on which nothing is missing, where one is root, and apt-get and sudo only write down their words."""
    root, place = tmp_path / "house", tmp_path / "bin"
    (root / "harness").mkdir(parents=True)
    place.mkdir()
    for name in ("Makefile", "harness/lab", "harness/python.sh", "harness/setup.sh"):
        shutil.copy2(ROOT / name, root / name)
    for path in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        if not (place / path.name).exists():
            (place / path.name).symlink_to(path)
    house = House(root, place)
    house.command("id", "echo 0")
    house.command("sudo", 'echo "sudo $*" >>LOG; [ "$1" != -n ] || shift; exec "$@"')
    apt = 'echo "apt-get $* ($DEBIAN_FRONTEND)" >>LOG\n'
    apt += f"case $* in *simulate*) ;; *install*) ln -s /bin/true {place}/gdb ;; esac"
    house.command("apt-get", apt)
    return house


def test_silent_and_quick_when_nothing_is_missing(house: House) -> None:
    """It says nothing and asks neither dpkg, nor apt, nor Python, which would take its time."""
    for name in ("python3", "dpkg", "dpkg-query", "apt-get", "apt-cache"):
        house.command(name, f"echo {name} >>LOG; exit 1")
    done = house.run("harness/setup.sh", "maintainer")
    assert (0, "", "", []) == (done.returncode, done.stdout, done.stderr, house.log)


def test_names_what_is_missing_then_installs_it(house: House) -> None:
    """apt-get gets the package and no other, and may ask nothing."""
    house.without("gdb")
    done = house.run("harness/setup.sh", "student")
    assert 0 == done.returncode
    assert "Missing here: gdb" == done.stderr.splitlines()[0]
    install = house.log[-1]
    assert install.startswith("apt-get -y ") and install.endswith(" gdb (noninteractive)")
    assert not any("update" in line for line in house.log)


def test_fetches_lists_where_apt_has_none(house: House) -> None:
    """On a fresh machine apt-get can't find a package before its lists are fetched."""
    house.without("gdb")
    house.command(
        "apt-get",
        "for word; do :; done; case $* in *update*) echo update >>LOG ;; *simulate*) exit 100 ;;\n"
        f"*) echo install $word >>LOG; ln -s /bin/true {house.bin}/gdb ;; esac",
    )
    assert 0 == house.run("harness/setup.sh", "student").returncode
    assert ["update", "install gdb"] == house.log


def test_sudo_where_it_asks_nothing(house: House) -> None:
    """An ordinary user's sudo is used without a question."""
    house.without("gdb")
    house.command("id", "echo 1000")
    assert 0 == house.run("harness/setup.sh", "student").returncode
    assert any(re.match("sudo -n env .*apt-get .*install .*gdb", line) for line in house.log)


@pytest.mark.parametrize("sudo", ["absent", "asks"])
def test_without_rights_says_what_to_type(house: House, sudo: str) -> None:
    """Without root, and nobody there to type a password, there is a command to paste, and exit status 3."""
    house.without("gdb", "sudo")
    house.command("id", "echo 1000")
    if sudo == "asks":
        house.command("sudo", "echo sudo: a password is required >&2; exit 1")
    done = house.run("harness/setup.sh", "student")
    assert 3 == done.returncode
    assert "sudo apt-get install --no-install-recommends gdb" in done.stderr.replace(
        "apt-get update && sudo ", ""
    )
    assert [] == house.log


def test_without_apt_says_what_to_install(house: House) -> None:
    """On another distribution the packages are named, and the exit status is 3."""
    house.without("gdb", "valgrind", "apt-get")
    done = house.run("harness/setup.sh", "student")
    assert 3 == done.returncode
    assert "no apt-get" in done.stderr and "    valgrind gdb\n" in done.stderr


def test_a_failed_installation_shows_why(house: House) -> None:
    """apt-get's last words are shown, and what to type."""
    house.without("gdb")
    house.command("apt-get", "echo E: no space left; exit 100")
    done = house.run("harness/setup.sh", "student")
    assert 3 == done.returncode
    assert (
        "E: no space left" in done.stderr and "install --no-install-recommends gdb" in done.stderr
    )


def test_speaks_russian(house: House) -> None:
    """LANGUAGE decides, as it does for the catalogs."""
    house.without("gdb")
    assert "Здесь не хватает: gdb" in house.run("harness/setup.sh", "student", LANGUAGE="ru").stderr


def test_wrong_arguments(house: House) -> None:
    """Exit status 2, and how it is called."""
    done = house.run("harness/setup.sh", "everything")
    assert 2 == done.returncode and "usage" in done.stderr


def taken(house: House, code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python code by the Python that harness/lab would take."""
    script = '. harness/python.sh; find_python $student_modules && "$python" -c "$CODE"'
    return house.run("bash", "-c", script, CODE=code, **env)


@pytest.mark.parametrize("kind", ["empty", "broken"])
def test_another_python_first_in_path(house: House, kind: str) -> None:
    """pyenv's and conda's Python has none of apt's modules, or does not even start: the system's is taken."""
    house.command("python3", "exit 127" if kind == "broken" else f"exec {sys.executable} -I -S $@")
    done = taken(house, "import sys, rich; print(sys.executable)")
    assert ("", "/usr/bin/python3\n") == (done.stderr, done.stdout)


def test_a_foreign_environment_stays_out(house: House) -> None:
    """PYTHONHOME, PYTHONPATH, a person's own modules, files of the current directory: none reaches in."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = house.root / ".local/lib" / version / "site-packages"
    own.mkdir(parents=True)
    (own / "rich.py").write_text("raise SystemExit('a rich of my own')")
    (house.root / "rich.py").write_text("raise SystemExit('the wrong rich')")
    (house.root / "random.py").write_text("raise SystemExit('the wrong random')")
    done = taken(house, "import random, rich", PYTHONPATH=str(house.root), PYTHONHOME="/nowhere")
    assert (0, "") == (done.returncode, done.stderr)


def test_lab_python_goes_first(house: House) -> None:
    """LAB_PYTHON names a Python of the user's choice."""
    house.command("mine", 'echo mine >>LOG; exec /usr/bin/python3 "$@"')
    assert 0 == taken(house, "import rich", LAB_PYTHON="mine").returncode
    assert ["mine", "mine"] == house.log


def test_an_unfit_lab_python_is_named(house: House) -> None:
    """It is passed over, but not in silence."""
    house.command("mine", "exit 1")
    done = taken(house, "print('fine')", LAB_PYTHON="mine")
    assert "fine\n" == done.stdout and "LAB_PYTHON=mine is not used" in done.stderr


def words_of(house: House, variable: str) -> list[str]:
    """A list that a shell variable of python.sh holds."""
    return house.run("bash", "-c", f". harness/python.sh; echo ${variable}").stdout.split()


def probed() -> dict[str, str]:
    """Module -> package, as the table in setup.sh has them."""
    table = (HARNESS / "setup.sh").read_text()
    return {module: name for name, module in re.findall(r"^(\S+) +module:([\w-]+)", table, re.M)}


# They hold no file that anybody uses: what they stand for comes with the packages that they depend on.
STANDS_FOR_OTHERS = {"libclang-rt-dev", "python3", "telnet"}
# Python has it by itself from 3.11 on.
NOT_NEEDED_EVERYWHERE = {"python3-tomli"}


def dpkg(*words: str) -> str:
    """What dpkg-query says; nothing where it knows no such thing."""
    return subprocess.run(["dpkg-query", *words], capture_output=True, text=True).stdout


def owners(path: str) -> set[str]:
    """The packages that hold a file; dpkg may know it by its name before /bin became a part of /usr."""
    said = "".join(dpkg("-S", name) for name in (path, path.removeprefix("/usr")))
    return {name.partition(":")[0] for name in re.findall(r"^(\S+): /", said, re.M)}


def depends(package: str) -> set[str]:
    """All that is installed with a package, by its dependencies and theirs."""
    found: set[str] = set()
    todo = {package}
    while todo:
        found |= todo
        fields = dpkg("-W", "-f", "${Pre-Depends}, ${Depends},", *sorted(todo))
        todo = {name for name in re.findall(r"([a-z0-9][a-z0-9+.-]+)[^,|]*[,|]", fields)} - found
    return found


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg here")
def test_a_probe_finds_what_is_its_own_packages() -> None:
    """What another package brings along would show a package that is not there.

    So it was with the type stubs, of which mypy has some by itself.
    """
    env = {"PATH": "/usr/bin:/bin"}
    shown = subprocess.run(
        [HARNESS / "setup.sh", "--found", "maintainer"], env=env, capture_output=True, text=True
    ).stdout
    found = dict(line.split("\t") for line in shown.splitlines())
    assert "python3-typeshed" in found and "mkdocs-material" in found
    wrong = {}
    for package, path in found.items():
        has_it = owners(path) or owners(os.path.realpath(path))
        allowed = depends(package) if package in STANDS_FOR_OTHERS else {package}
        if package not in NOT_NEEDED_EVERYWHERE and not has_it & allowed:
            wrong[package] = (path, has_it)
    assert {} == wrong


def imported(directory: Path) -> set[str]:
    """The modules that Python files below a directory import, without the standard library's and our own."""
    found = set()
    for path in directory.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    files = [*directory.rglob("*.py"), *(ROOT / "docs/site").glob("*.py")]
    ours = {"labkit", "checks", "knowledge", "selftest", *(path.stem for path in files)}
    return {name.lstrip("_") for name in found - sys.stdlib_module_names - ours}


def test_every_import_has_a_package(house: House) -> None:
    """What labkit and the checks import comes with the student's packages, the rest with the maintainer's."""
    student = set(words_of(house, "student_modules"))
    docs = set(words_of(house, "docs_modules"))
    maintainer = set(words_of(house, "maintainer_modules"))
    named = {name for names in student | docs | maintainer for name in names.split("|")}
    assert named - {"tomllib", "tomli"} == set(probed())
    for directory in ("labkit", "checks"):
        assert imported(HARNESS / directory) <= {n for names in student for n in names.split("|")}
    assert imported(HARNESS / "selftest") <= named
    # Python-Markdown comes with mkdocs, which can't do without it.
    assert imported(ROOT / "docs/site") - {"markdown"} <= named


@pytest.fixture
def echoing(house: House) -> House:
    """A house whose harness/lab prints its arguments, one a line, and whose set-up does nothing."""
    (house.root / "harness/setup.sh").write_text("#!/bin/sh\n")
    (house.root / "harness/lab").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    return house


@pytest.mark.parametrize("language", ["en", "ru"])
def test_make_lists_every_command(house: House, language: str) -> None:
    """`make` alone shows a line or two for each target, and none for what does not exist."""
    listed = house.run("make", LANGUAGE=language).stdout
    targets = re.search(r"^\.PHONY: help (.*)", (ROOT / "Makefile").read_text(), re.M)
    shown = dict.fromkeys(re.findall(r"^ +make ([\w-]+)", listed, re.M))
    assert targets and targets[1].split() == list(shown)
    assert max(map(len, listed.splitlines())) <= 80
    assert ("ru" == language) == bool(re.search("[а-я]", listed))


def test_make_check_without_a_lab(echoing: House) -> None:
    """It says what is missing, with an example."""
    done = echoing.run("make", "check")
    assert 2 == done.returncode and "make check LAB=02" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_make_passes_words_on_unchanged(echoing: House) -> None:
    """A directory may have blanks and quotes in its name."""
    done = echoing.run("make", "check", "LAB=2", "STEP=3", "WORK=a 'b\" $$x", "SEED=7")
    expected = ["check", "2", "--work", "a 'b\" $x", "--step", "3", "--seed", "7"]
    assert expected == done.stdout.splitlines()


def test_make_quiz(echoing: House) -> None:
    """All labs or one, and answered questions only where AGAIN says so."""
    assert ["quiz"] == echoing.run("make", "quiz").stdout.splitlines()
    done = echoing.run("make", "quiz", "LAB=02", "AGAIN=1", LAB="x")
    assert ["quiz", "02", "--again"] == done.stdout.splitlines()


def test_make_takes_no_work_from_the_environment(echoing: House) -> None:
    """On many clusters WORK is a variable of everybody's environment, and means something else."""
    done = echoing.run("make", "grade", WORK="/scratch", LAB="x")
    assert ["grade", "--work", "labs"] == done.stdout.splitlines()


@pytest.mark.parametrize("words, env", [(["SANDBOX=none"], {}), ([], {"SANDBOX": "none"})])
def test_make_passes_the_order_on(echoing: House, words: list[str], env: dict[str, str]) -> None:
    """To run without the sandbox is ordered on the command line or in the environment."""
    (echoing.root / "harness/lab").write_text('#!/bin/sh\necho "$SANDBOX"\n')
    assert "none\n" == echoing.run("make", "check", "LAB=01", *words, **env).stdout
    assert "\n" == echoing.run("make", "check", "LAB=01").stdout


# -- other releases: what costs nothing to try; harness/platforms.sh tries the rest ---------------------


@pytest.mark.parametrize("words", [(), ("trixie", "everything"), ("-x", "trixie")])
def test_platforms_says_how_it_is_called(words: tuple[str, ...]) -> None:
    """Exit status 2, and the trials that there are; nothing is made."""
    done = subprocess.run(
        [HARNESS / "platforms.sh", *words], capture_output=True, text=True, timeout=60
    )
    assert 2 == done.returncode and "RELEASE [TRIAL...]" in done.stderr
    assert "packages" in done.stderr.splitlines()[-1]


def test_each_trial_of_a_release_is_explained_and_there() -> None:
    """What the command takes, its head describes, and the script inside the root does."""
    script = (HARNESS / "platforms.sh").read_text()
    inside = (HARNESS / "platforms/trials.sh").read_text()
    named = re.search(r"^trials=\((.*)\)$", script, re.M)
    assert named
    trials = named[1].split()
    assert trials == [name for name in re.findall(r"^#   (\w+)  +\S", script, re.M)]
    assert trials == [name for name in trials if re.search(rf"^{name}(\(\) \{{|\))", inside, re.M)]
