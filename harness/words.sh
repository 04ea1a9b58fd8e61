#!/usr/bin/env bash
# Brings the catalogs of the harness's words up to date: new messages come in without a translation,
# changed ones with the old translation marked fuzzy, those that are gone go.
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"

# shellcheck disable=SC2086 # a list of words
find_python $student_modules $maintainer_modules || { "$root/harness/setup.sh" --advise maintainer; exit 3; }
cd "$root/harness/selftest"
PYTHONPATH+=:$PWD exec "$python" messages.py
