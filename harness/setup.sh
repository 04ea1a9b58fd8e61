#!/usr/bin/env bash
# Installs what the labs need and this machine lacks.
#
#   harness/setup.sh student      what `make check` and `make grade` need
#   harness/setup.sh docs         that, and what `make docs` needs besides
#   harness/setup.sh maintainer   that, and what `make test` needs besides
#   harness/setup.sh --missing GROUP   only prints the missing packages, one a line
#   harness/setup.sh --advise GROUP    only says what to type
#   harness/setup.sh --found GROUP     only prints what shows that a package is there: its name, a tab, a path
#
# Make targets call it each time, so it has to be quick when nothing is missing: it looks for one
# command or file of each package, which takes milliseconds, and asks neither dpkg nor Python. It
# keeps no record of an earlier run: what it sees is what is there, so nothing can go stale.
#
# Exit status: 0 nothing is missing (any more), 2 wrong arguments, 3 something is missing and
# can't be installed from here.
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"

# Debian has a second nc, without the options that the handouts use; elsewhere the one we want is nc.
netcat=nc.openbsd
[[ -e /etc/debian_version ]] || netcat=nc

# Debian keeps libraries of several architectures apart.
libseccomp='/usr/lib/*/libseccomp.so.2'
[[ -e /etc/debian_version ]] || libseccomp='/usr/lib*/libseccomp.so.2'

# Ubuntu has its browsers as snaps, which see neither another's home nor /tmp: there the site's tests in a
# browser are left out.
browser="
chromium               chromium
chromium-driver        chromedriver"
! grep -qs '^ID=ubuntu' /etc/os-release || browser=

# A package of Debian and Ubuntu, and what shows that it is there: a command, a file (or a pattern of its
# name), a Python module (toml: one of two), a theme of mkdocs, a library of clang's. It is what our
# commands need of the package, in a form that all releases have in common, and nothing that another package
# brings along: a self-test compares it with dpkg's lists, and `harness/platforms.sh RELEASE packages`
# removes each package in turn. Names are the same in Debian 12 and 13 and in Ubuntu 22.04 and 24.04.
# The variable's name is the group's.
student="
gcc                    gcc
clang                  clang
make                   make
valgrind               valgrind
gdb                    gdb
libc6-dev              /usr/include/stdio.h
libcrypt-dev           /usr/include/crypt.h
bubblewrap             bwrap
libseccomp2            $libseccomp
util-linux             nsenter
netcat-openbsd         $netcat
iproute2               ss
strace                 strace
procps                 ps
gettext                msgfmt
python3                stdlib:ctypes
python3-tomli          toml
python3-pytest         module:pytest
python3-psutil         module:psutil
python3-rich           module:rich
python3-pexpect        module:pexpect
python3-pyte           module:pyte"
# shellcheck disable=SC2034 # read by its name, in missing()
docs="$student
mkdocs                 module:mkdocs
mkdocs-material        theme:material
python3-pymdownx       module:pymdownx
graphviz               dot
python3-matplotlib     module:matplotlib"
# shellcheck disable=SC2034 # read by its name, in missing()
maintainer="$docs
python3-pytest-xdist   module:xdist
python3-pytest-timeout module:pytest_timeout
python3-hypothesis     module:hypothesis
python3-jsonschema     module:jsonschema
python3-babel          module:babel
telnet                 telnet
socat                  socat
shellcheck             shellcheck
black                  module:black
python3-mypy           module:mypy
python3-typeshed       module:markdown-stubs
libclang-rt-dev        clang:libclang_rt.tsan*.a
llvm                   llvm-symbolizer
clang-format           clang-format
cppcheck               cppcheck
hunspell               hunspell
hunspell-en-us         /usr/share/hunspell/en_US.dic
hunspell-ru            /usr/share/hunspell/ru_RU.dic
python3-selenium       module:selenium$browser"

# has PROBE: whether what the second column names is there; `found` is then its path.
has() {
	found=
	case $1 in
	toml) has_stdlib tomllib || has_module tomli ;;
	stdlib:*) has_stdlib "${1#stdlib:}" || imports "${1#stdlib:}" ;;
	module:*) has_module "${1#module:}" ;;
	theme:*) has_theme "${1#theme:}" ;;
	clang:*) has_runtime "${1#clang:}" ;;
	/*) found=$(compgen -G "$1" | head -n 1) && [[ -n $found ]] ;;
	*) found=$(type -P "$1") ;;
	esac
}

# has_file PATH...: whether one of them is there.
has_file() {
	for found; do
		[[ ! -e $found ]] || return 0
	done
	found=
	return 1
}

# has_module NAME: whether it is where Debian's packages put it. If not, or if the user named another
# Python, modules count only where one Python has all that the group needs: apt completes Debian's,
# and no other.
has_module() {
	local place=/usr/lib/python3/dist-packages/$1
	{ [[ -z ${LAB_PYTHON-} ]] && has_file "$place" "$place.py"; } || a_python_has_all
}

# has_stdlib NAME: whether Debian's Python has that module by itself: not all that is called python3 has
# all of the standard library, nor was tomllib always part of it.
has_stdlib() {
	local place
	for place in /usr/lib/python3.*/; do
		place=${place%/}
		if [[ /usr/bin/python3 -ef /usr/bin/${place##*/} ]]; then
			has_file "$place/$1"
			return
		fi
	done
	return 1
}

# imports NAME: whether the Python that PATH finds has that module.
imports() {
	found=$(type -P python3) && "$found" -c 'import sys; __import__(sys.argv[1])' "$1" 2>/dev/null
}

# has_theme NAME: whether mkdocs has it. Debian 12 keeps themes in a place of their own, later releases
# where a theme's package has them; of another Python mkdocs itself knows.
has_theme() {
	if [[ -z ${LAB_PYTHON-} ]]; then
		has_file "/usr/share/mkdocs/themes/$1" "/usr/lib/python3/dist-packages/$1" && return
	fi
	a_python_has_all && "$found" -c '
import sys
from mkdocs.utils import get_theme_names
sys.exit(sys.argv[1] not in get_theme_names())' "$1"
}

# has_runtime PATTERN: whether that clang which is called clang has such a file among its libraries: several
# releases of it may be installed.
has_runtime() {
	local place
	place=$(readlink -f "$(type -P clang)") || return 1
	found=$(compgen -G "${place%/bin/*}/lib/clang/*/lib/*/$1" | head -n 1)
	[[ -n $found ]]
}

# a_python_has_all: whether harness/lab would find a Python with all modules of $group. Asked once.
a_python_has_all() {
	if [[ -z ${all_there-} ]]; then
		local modules=$student_modules
		[[ $group == student ]] || modules+=" $docs_modules"
		[[ $group != maintainer ]] || modules+=" $maintainer_modules"
		# shellcheck disable=SC2086 # a list of words
		all_there=$(find_python $modules && type -P "$python" || echo no)
	fi
	found=$all_there
	[[ $all_there != no ]]
}

# missing: the packages of $group that are not there, one a line.
missing() {
	local package probe found
	while read -r package probe; do
		[[ -z $package ]] || has "$probe" || printf '%s\n' "$package"
	done <<<"${!group}"
}

# shown: each package of $group that is there, a tab, and what shows it.
shown() {
	local package probe found
	while read -r package probe; do
		[[ -z $package ]] || ! has "$probe" || printf '%s\t%s\n' "$package" "$found"
	done <<<"${!group}"
}

# advise PACKAGE...: says what to type, for a person who may, or on a machine that has no apt.
advise() {
	if command -v apt-get >/dev/null; then
		say "To install it, type (or have the machine's administrator type):" \
			"Чтобы установить, наберите (или попросите администратора машины набрать):"
		say "    sudo apt-get update && sudo apt-get install --no-install-recommends $*" \
			"    sudo apt-get update && sudo apt-get install --no-install-recommends $*"
		return
	fi
	say "This machine has no apt-get. Install with its own package manager what Debian calls:" \
		"На этой машине нет apt-get. Установите её средствами то, что в Debian называется:"
	say "    $*" "    $*"
	say "The labs need Linux. Python's modules may also come from pip: then set LAB_PYTHON to that Python." \
		"Нужен Linux. Модули Python можно взять и из pip: тогда укажите этот Python в LAB_PYTHON."
}

# become_root: sets `as_root`, the words that run a command as root; returns 1 if there are none.
# sudo is used where it asks nothing, or where somebody is at the terminal to answer.
become_root() {
	as_root=()
	[[ $(id -u) != 0 ]] || return 0
	command -v sudo >/dev/null || return 1
	as_root=(sudo)
	if sudo -n true 2>/dev/null; then
		as_root=(sudo -n)
	elif [[ ! -t 0 || ! -t 2 ]]; then
		return 1
	fi
}

# apt WORD...: apt-get that asks nothing and waits its turn: a fresh machine often still updates itself.
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
		apt-get -y -o DPkg::Lock::Timeout=300 "$@"
}

# install PACKAGE...: fetches apt's lists only if they lack the packages, or name versions that are gone.
install() {
	if ! apt install --simulate "$@" >/dev/null 2>&1; then
		apt update
	fi
	apt install --no-install-recommends "$@" && return
	apt update && apt install --no-install-recommends "$@"
}

main() {
	local mode=install log=$root/build/setup.log
	group=${1-}
	case $group in --missing | --advise | --found) mode=${1#--} group=${2-} ;; esac
	case $group in student | docs | maintainer) ;; *)
		say "usage: harness/setup.sh [--missing | --advise | --found] student | docs | maintainer" \
			"вызов: harness/setup.sh [--missing | --advise | --found] student | docs | maintainer"
		return 2
		;;
	esac

	if [[ $mode == found ]]; then
		shown
		return 0
	fi
	local packages
	mapfile -t packages < <(missing)
	((${#packages[@]})) || return 0
	if [[ $mode == missing ]]; then
		printf '%s\n' "${packages[@]}"
		return 0
	fi
	say "Missing here: ${packages[*]}" "Здесь не хватает: ${packages[*]}"
	if [[ $mode == advise ]] || ! command -v apt-get >/dev/null || ! become_root; then
		advise "${packages[@]}"
		return 3
	fi

	mkdir -p "$root/build"
	say "Installing with ${as_root[*]+${as_root[*]} }apt-get; this can take some minutes. Its words go to build/setup.log." \
		"Устанавливаю: ${as_root[*]+${as_root[*]} }apt-get; это может занять несколько минут. Подробности — в build/setup.log."
	if ! install "${packages[@]}" >"$log" 2>&1 </dev/null || [[ -n $(missing) ]]; then
		tail -n 15 "$log" >&2
		say "That did not work; all of apt-get's words are in $log." \
			"Не получилось; весь вывод apt-get — в $log."
		advise "${packages[@]}"
		return 3
	fi
	say "Installed." "Установлено."
}

main "$@"
