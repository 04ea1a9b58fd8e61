#!/usr/bin/env bash
# trials.sh TRIAL: what platforms.sh does inside a root, as its root. The last line says what came out;
# the exit status is 0 where that is as it should be.
set -eu -o pipefail
labs=/home/student/labs
cd "$labs"

# student COMMAND...: runs it as the ordinary user, in the clone.
student() {
	runuser -u student -- env HOME=/home/student USER=student LOGNAME=student "$@"
}

# graded LOG: the line that says how many points there were.
graded() {
	grep -E '^[0-9]+ of [0-9]+ points$' "$1" || echo "no points"
}

# full COMMAND...: runs what grades the references, and says what they got; all, if that is fine.
full() {
	local log status=0 points
	log=$(mktemp)
	"$@" | tee "$log" || status=$?
	points=$(graded "$log")
	rm "$log"
	echo "make grade WORK=solutions: $points, exit status $status, $SECONDS s"
	[[ $status == 0 && $points == "600 of 600 points" ]]
}

# A starter is nothing yet: exit status 1 says that it was judged. 2 and 3 would say that it was not.
bare() {
	local status=0
	student make check LAB=01 || status=$?
	if [[ $status != 1 ]] || ! student harness/lab check 01 --work solutions; then
		echo "make check LAB=01: exit status $status, where 1 was due"
		return 1
	fi
	full student make grade WORK=solutions
}

as_root() {
	git config --global --add safe.directory "$labs"
	harness/setup.sh student
	full harness/lab grade --work solutions --report /tmp/report
}

site() {
	student make docs
	local pages
	pages=$(find build/site -name '*.html' | wc -l)
	echo "make docs: $pages pages, $SECONDS s"
	((pages > 20))
}

# form: lint is content; formatting and the catalogs of words are as they were. Where a formatter is not of
# the version that counts, what it would change is a note, as in lint.sh.
form() {
	local notes changed
	student make lint | tee /tmp/lint
	notes=$(grep -cE 'a note only' /tmp/lint) || true
	student make words
	changed=$(student git status --porcelain | wc -l)
	student make format
	echo "make lint: fine, $notes notes; make words changes $changed files; make format $(student git status --porcelain | wc -l); $SECONDS s"
	student git checkout --quiet .
	((changed == 0))
}

# tests ARGUMENT...: the harness's tests, those that the arguments to pytest choose.
tests() {
	local status=0
	student harness/setup.sh maintainer
	student harness/test.sh "$@" | tee /tmp/tests || status=$?
	grep -E '^(FAILED|ERROR)' /tmp/tests || true
	echo "tests: $(grep -E '^=+ .* in [0-9.]+s' /tmp/tests | tr -d = | tail -n 1)"
	return "$status"
}

# brings_back GROUP PACKAGE: removes it, with what depends on it and what it alone needed; set-up names it,
# and installs it again.
brings_back() {
	local group=$1 package=$2 missing
	apt-get -y -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false \
		autoremove "$package" || { echo "NOT REMOVED $package"; return 1; }
	missing=$(student harness/setup.sh --missing "$group")
	grep -qx "$package" <<<"$missing" || { echo "NOT MISSED $package ($group)"; harness/setup.sh "$group"; return 1; }
	harness/setup.sh "$group" || { echo "NOT INSTALLED $package"; return 1; }
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$package") == installed ]] || { echo "NOT BACK $package"; return 1; }
	echo "BACK $package ($group)"
}

packages() {
	local group package count=0 wrong=() essential=()
	for group in student docs maintainer; do
		harness/setup.sh "$group"
		while IFS=$'\t' read -r package _; do
			case $(dpkg-query -W -f '${Essential}/${db:Status-Status}' "$package" 2>&1) in
			yes/*) essential+=("$package"); continue ;;
			no/installed) ;;
			*) continue ;; # what shows it is part of another package here: nothing to remove
			esac
			count=$((count + 1))
			brings_back "$group" "$package" </dev/null || wrong+=("$package")
		done < <(of_group "$group")
	done
	echo "packages: $count removed, $((count - ${#wrong[@]})) brought back (essential, kept: ${essential[*]-none})${wrong[*]+; not: ${wrong[*]}}; $SECONDS s"
	((${#wrong[@]} == 0))
}

# of_group GROUP: what setup.sh finds for it, and not for the group before.
of_group() {
	local before=
	case $1 in docs) before=student ;; maintainer) before=docs ;; esac
	comm -13 <([[ -z $before ]] || harness/setup.sh --found "$before" | sort) \
		<(harness/setup.sh --found "$1" | sort)
}

versions() {
	local name
	for name in gcc clang valgrind gdb python3 bwrap mypy black; do
		! command -v "$name" >/dev/null ||
			printf '%s %s, ' "$name" "$("$name" --version 2>&1 | grep -oEm1 '[0-9]+(\.[0-9]+)+' | head -n 1)"
	done
	printf 'glibc %s, Linux %s\n' "$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" "$(uname -r)"
}

case $1 in
root) as_root ;;
test) tests ;;
tests=*) tests -k "${1#*=}" ;;
*) "$1" ;;
esac
