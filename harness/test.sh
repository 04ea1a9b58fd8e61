#!/usr/bin/env bash
# Runs the tests of the harness itself, two for each processor at a time, since most of them wait for
# deadlines; `make test` calls it after lint.
# Arguments go to pytest: harness/test.sh -k words, harness/test.sh harness/selftest/test_setup.py
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
cd "$root"

harness/setup.sh maintainer
# shellcheck disable=SC2086 # a list of words
find_python $student_modules $docs_modules $maintainer_modules || exit 3
mkdir -p build
workers=$((2 * $(nproc)))
export HYPOTHESIS_STORAGE_DIRECTORY=build/hypothesis
# The workbook's site is built before all processors are busy; its tests say what is wrong with it.
(($#)) || harness/docs.sh --if-changed >build/docs.log 2>&1 || true
export LANGUAGE=en # what the tests compare, whatever the language of who runs them
exec "$python" -m pytest -n "$workers" --timeout 240 --junitxml build/selftest.xml "$@"
