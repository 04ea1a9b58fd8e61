#!/usr/bin/env bash
# Runs the tests of the harness itself, three for each processor at a time, since most of them wait for
# deadlines; then those that need the machine for themselves, or load it. A few that failed are run again, alone.
#
#   harness/test.sh            all tests
#   harness/test.sh --lint     lint before them, beside the building of the site; `make test` calls it so
#   harness/test.sh -k words   arguments go to pytest; harness/selftest/test_setup.py is one, too
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
cd "$root"
lint=
[[ ${1-} != --lint ]] || { lint=1; shift; }

harness/setup.sh maintainer
# shellcheck disable=SC2086 # a list of words
find_python $student_modules $docs_modules $maintainer_modules || exit 3
mkdir -p build
workers=$((3 * $(nproc)))
MOST_AGAIN=20 # failed tests that can be chance
TIMEOUT=600 # seconds of one test: a whole grading on a machine that has other work, too
export HYPOTHESIS_STORAGE_DIRECTORY=build/hypothesis
# The workbook's site is built before all processors are busy; its tests say what is wrong with it. mypy and that
# building have one processor each. A background job of a script ignores Ctrl-C, hence the trap.
trap 'kill %1 2>/dev/null || true' EXIT
(($#)) || harness/docs.sh --if-changed >build/docs.log 2>&1 &
[[ -z $lint ]] || harness/lint.sh
wait
# Hundreds of checks start a Python of their own; compiling the harness anew would be a sixth of what each costs. Not in
# build/, which some tests fill: Python takes a file for whole that it could write only in part.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$root/__pycache__"
export LANGUAGE=en # what the tests compare, whatever the person's own language is
status=0
if (($#)); then
	"$python" -m pytest -n "$workers" --timeout "$TIMEOUT" --junitxml build/selftest.xml "$@" || status=$?
else
	"$python" -m pytest -n "$workers" --timeout "$TIMEOUT" --junitxml build/selftest.xml -m "not alone" || status=$?
	"$python" -m pytest -n 0 --timeout "$TIMEOUT" --junitxml build/selftest-alone.xml -m alone || status=$?
fi

# A mutant that spins or starts thousands of threads may have had all processors while another test judged by time. So
# the few that failed run once more, one at a time, after their names. A test that fails then, too, has failed.
failed=$(grep -c '": true' build/pytest/v/cache/lastfailed 2>/dev/null) || failed=0
((status == 1 && failed <= MOST_AGAIN)) || exit "$status"
say "Failed beside others; now each alone:" "Не прошли рядом с другими; теперь по одному:"
sed -n 's/^ *"\(.*\)": true.*/  \1/p' build/pytest/v/cache/lastfailed
exec "$python" -m pytest -n 0 --last-failed --timeout "$TIMEOUT" --junitxml build/selftest-again.xml harness/selftest
