#!/usr/bin/env bash
# Looks at the form of all code: a line for each tool that is content, its words for each that is not.
# With --format, puts the code in that form instead.
#
# Formatters and checkers change their minds from version to version. What counts is what those of
# Debian 12 say; another version is run too, but what it finds is shown as a note and fails nothing.
#
# Exit status: 0 fine, 1 something is to be mended, 3 a tool is missing.
set -eu
# shellcheck source-path=SCRIPTDIR source=python.sh
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
cd "$root"

# shellcheck disable=SC2086 # a list of words
find_python $student_modules $docs_modules $maintainer_modules || { harness/setup.sh --advise maintainer; exit 3; }

# sources DIR...: the C files below those of the directories that are there.
sources() {
	find "$@" -name '*.[ch]' 2>/dev/null | sort || true
}

# sound FILE...: those that do not say in their head comment that they show a bug.
sound() {
	local file
	for file in "$@"; do
		head -n 12 "$file" | grep -qi '\bbugs\?\b' || printf '%s\n' "$file"
	done
}

mapfile -t c_files < <(sources labs solutions docs harness/native harness/bench harness/knowledge harness/sample)
mapfile -t c_checked < <(sources labs/common solutions/[0-9]* harness/sample/solutions/[0-9]*)
mapfile -t c_shown < <(sources docs/experiments)
mapfile -t c_shown < <(sound "${c_shown[@]}")
mapfile -t docs_python < <(find docs -name '*.py' 2>/dev/null | sort)
shell_files=(harness/lab harness/*.sh harness/bench/*.sh harness/platforms/*.sh .ci/run)

if [[ ${1-} == --format ]]; then
	clang-format -i "${c_files[@]}"
	exec "$python" -m black --quiet harness "${docs_python[@]}"
fi

# judge NAME OURS COUNT COMMAND...: runs one tool. Its first COUNT words start it;
# OURS is how its version has to begin for its findings to count.
judge() {
	local name=$1 ours=$2 count=$3 words found
	shift 3
	if words=$("$@" 2>&1); then
		printf '  %-13s fine\n' "$name"
		return 0
	fi
	found=$("${@:1:count}" --version | grep -oEm1 '[0-9]+(\.[0-9]+)+' | head -n 1)
	printf '%s\n' "$words"
	if [[ $found. == "$ours".* ]]; then
		printf '  %-13s TO BE MENDED\n' "$name"
		return 1
	fi
	printf '  %-13s a note only: version %s says so, ours is %s\n' "$name" "$found" "$ours"
}

# mypy takes as long as all others together, so they run beside it. A background job of a script
# ignores Ctrl-C, hence the trap.
mkdir -p build
trap 'kill %1 2>/dev/null || true' EXIT
judge mypy 1.0 3 "$python" -m mypy harness/labkit harness/checks harness/bench harness/knowledge harness/sample \
	"${docs_python[@]}" >build/mypy.log 2>&1 &

bad=0
judge clang-format 14 1 clang-format --dry-run -Werror "${c_files[@]}" || bad=1
judge cppcheck 2.10 1 cppcheck --quiet --std=c11 --enable=warning,style,performance,portability \
	--inline-suppr --suppress=missingIncludeSystem --error-exitcode=1 -I labs/common "${c_checked[@]}" || bad=1
# Of what a chapter shows the style is the author's: a short program may be plainer than cppcheck would have it.
((${#c_shown[@]} == 0)) || judge experiments 2.10 1 cppcheck --quiet --std=c11 --inline-suppr \
	--enable=warning,performance,portability --suppress=missingIncludeSystem --error-exitcode=1 \
	"${c_shown[@]}" || bad=1
judge shellcheck 0.9 1 shellcheck --external-sources "${shell_files[@]}" || bad=1
judge black 23 3 "$python" -m black --check harness "${docs_python[@]}" || bad=1
wait %1 || bad=1
cat build/mypy.log
exit "$bad"
