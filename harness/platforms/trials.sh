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

# README's two commands. The first checks a starter, which is nothing yet: it has to be judged, not more.
bare() {
	local judged
	student make check LAB=01 2>&1 | tee /tmp/check || true
	judged=$(grep -E '^[0-9]+ of 100 points' /tmp/check || true)
	if [[ -z $judged ]] || ! grep -q 'Error 1$' /tmp/check; then
		echo "make check LAB=01 did not judge the starter"
		return 1
	fi
	full student make grade WORK=solutions
}

# In a copy of its own: the sandbox gives root's powers away, and with them the way into another user's home.
as_root() {
	cp -a "$labs" /root/labs && chown -R root:root /root/labs && cd /root/labs
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

# restricted: a machine that permits nobody to make namespaces, as Ubuntu does: here a user namespace in which
# there may be no other. Programs run in the open only where that is said, and nothing is graded else.
restricted() {
	harness/setup.sh student
	cp -a "$labs" /tmp/labs && chown -R root:root /tmp/labs && cd /tmp/labs
	local status=0 points
	confined make doctor || true
	confined make check LAB=01 WORK=solutions 2>&1 | tee /tmp/check || true
	grep -q 'Error 3$' /tmp/check || status=1
	SANDBOX=none confined make grade WORK=solutions 2>&1 | tee /tmp/open || true
	points=$(graded /tmp/open)
	grep -q UNSANDBOXED /tmp/open && [[ $points == "600 of 600 points" ]] || status=1
	echo "unasked: $(grep -oE 'Error [0-9]+$|^[0-9]+ of 100.*' /tmp/check | tail -n 1); with SANDBOX=none: $points, $SECONDS s"
	return "$status"
}

# confined COMMAND...: runs it as root of a user namespace that may hold no further ones.
confined() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --user --map-root-user /bin/bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' confined "$@"
}

# ubuntu: its browsers are no packages. Set-up does without, and the tests that need one say that they were left out.
ubuntu() {
	harness/setup.sh maintainer
	apt-get -y remove chromium chromium-driver
	sed -i 's/^ID=.*/ID=ubuntu/' /etc/os-release
	local status=0 missing
	missing=$(student harness/setup.sh --missing maintainer)
	student harness/test.sh -n 2 -rs harness/selftest/test_docs_browser.py | tee /tmp/tests || status=$?
	grep -q 'no chromedriver: see harness/setup.sh' /tmp/tests || status=1
	echo "without a browser: missing: ${missing:-nothing}; $(grep -E '^=+ .* in [0-9.]+s' /tmp/tests | tr -d = | tail -n 1)"
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

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# is_kept PACKAGE: whether it is essential, or a package is that needs it, or apt is: no Debian is without it.
is_kept() {
	local said
	[[ $(dpkg-query -W -f '${Essential}' "$1") != yes ]] || return 0
	said=$(apt-get -s autoremove "$1" 2>&1) || true # it refuses
	grep -qE '^WARNING: The following essential packages|^Remv apt |apt : Depends: ' <<<"$said"
}

# packages [NAMES]: each package of each group, or those that are named, with blanks between them.
packages() {
	local group package only=${1-} shows count=0 wrong=() essential=()
	for group in student docs maintainer; do
		harness/setup.sh "$group"
		while IFS=$'\t' read -r package shows; do
			[[ -z $only || " $only " == *" $package "* ]] || continue
			is_installed "$package" || continue # what shows it is part of another package here: nothing to remove
			[[ $shows != /usr/lib/python3.* || $package == python3 ]] || continue # it came with this Python
			! is_kept "$package" || { essential+=("$package"); continue; }
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
packages=*) packages "${1#*=}" ;;
*) "$1" ;;
esac
