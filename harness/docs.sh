#!/usr/bin/env bash
# Builds the workbook as a site, build/site; `make docs` calls it.
#
#   harness/docs.sh               builds it
#   harness/docs.sh --if-changed  unless nothing changed since the last time
#   harness/docs.sh --serve PORT  builds it, then serves it on this machine's loopback until Ctrl-C
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
cd "$root"

# shellcheck disable=SC2086 # a list of words
find_python $student_modules $docs_modules || { harness/setup.sh --advise docs; exit 3; }

build=()
[[ ${1-} != --if-changed ]] || build=(--if-changed)
LANGUAGE=en PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PYTHONPATH:$root/docs/site" \
	"$python" docs/site/build.py "${build[@]}"
case ${1-} in
--if-changed) ;;
--serve) exec "$python" docs/site/serve.py build/site "$2" ;;
*) say "Built: $root/build/site/index.html" "Готово: $root/build/site/index.html" ;;
esac
