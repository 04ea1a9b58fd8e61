#!/usr/bin/env bash
# Measures what ThreadSanitizer, Helgrind and DRD know of the calls that order threads, and writes
# docs/what-tools-know.md; harness/knowledge/README.md says how. Arguments go to the program: --help lists them.
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"

# shellcheck disable=SC2086 # a list of words
find_python $student_modules || { "$root/harness/setup.sh" --advise maintainer; exit 3; }
cd "$root"
exec "$python" -m knowledge "$@"
