# shellcheck shell=bash
# For the scripts beside it to source: which Python runs the harness, and in what environment.
# It sets `root`, the project's directory, and offers find_python and say.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Modules of other projects that labkit needs (of two with a bar between them, one), those that the site
# needs besides, and those that maintainers do.
# shellcheck disable=SC2034 # read by the scripts that source this one
student_modules='pytest psutil rich pexpect pyte tomllib|tomli'
# shellcheck disable=SC2034
docs_modules='mkdocs pymdownx matplotlib'
# shellcheck disable=SC2034
maintainer_modules='xdist pytest_timeout hypothesis jsonschema babel black mypy markdown-stubs selenium'

# A Python set up for something else must not reach in: a foreign PYTHONHOME breaks every other
# Python, PYTHONPATH hides its modules, a file random.py in the current directory replaces random.
unset PYTHONHOME PYTHONSTARTUP PYTEST_ADDOPTS PYTEST_PLUGINS
export PYTHONPATH="$root/harness" PYTHONSAFEPATH=1
# A sign that the terminal's encoding lacks becomes a question mark, not a traceback.
export PYTHONIOENCODING=:replace

# say ENGLISH RUSSIAN: prints, on stderr, the one that LANGUAGE or the locale asks for. These few
# words don't come from the catalogs because they are needed before gettext is installed.
say() {
	case ${LANGUAGE:-${LC_ALL:-${LC_MESSAGES:-${LANG-}}}} in
	ru*) printf '%s\n' "$2" >&2 ;;
	*) printf '%s\n' "$1" >&2 ;;
	esac
}

# find_python MODULE...: sets `python` to the first of $LAB_PYTHON, /usr/bin/python3 and python3 that
# is 3.10 or newer and has the modules. The distribution's own goes before whatever PATH finds first,
# because apt installs modules for that one: pyenv and conda put a Python in front that has none.
# Modules of a person's own (pip install --user) count only where the system lacks some.
# Returns 1 if there is none; `python` is then empty.
find_python() {
	local candidate user_site probe='
import sys
from importlib.util import find_spec
missing = [names for names in sys.argv[1:] if not any(map(find_spec, names.split("|")))]
sys.exit(sys.version_info < (3, 10) or bool(missing))'
	for candidate in "${LAB_PYTHON-}" /usr/bin/python3 python3; do
		[[ -n $candidate ]] || continue
		for user_site in 1 ''; do
			export PYTHONNOUSERSITE=$user_site
			python=$candidate
			"$python" -c "$probe" "$@" 2>/dev/null && return
		done
		[[ $candidate != "${LAB_PYTHON-}" ]] ||
			say "LAB_PYTHON=$candidate is not used: no Python 3.10 or newer with $*." \
				"LAB_PYTHON=$candidate не подходит: это не Python 3.10 или новее с модулями $*."
	done
	python=
	return 1
}
