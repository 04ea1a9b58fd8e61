#!/usr/bin/env bash
# Tries this project on a release that this machine does not run: in a root file system made by debootstrap,
# bare but for git, make and sudo, with a clone of what is committed here. A table says what each trial
# showed. It needs root, some gigabytes, and hours for all trials; no other target calls it.
#
#   harness/platforms.sh [-m MIRROR] [-d DIR] RELEASE [TRIAL...]
#
# RELEASE: bookworm, trixie, sid, or another that debootstrap knows. MIRROR: where its packages are; else
# where apt of this machine has its own. DIR: where roots and logs are kept, else build/platforms.
# Trials, in the order in which they are made; `bare` alone where none is named:
#
#   bare        README's two commands, by an ordinary user who may call sudo: 600 of 600
#   root        the references graded by root, as a container has it: 600 of 600
#   site        make docs
#   form        make lint; make format and make words change nothing
#   test        the harness's own tests, without lint
#   packages    each package of each group is removed; set-up misses it and brings it back
#   restricted  a machine that permits no namespaces to a user: nothing is graded in the open unasked
#   ubuntu      where there is no browser as a package, the site's tests are left out, and say why
#   tests=WORDS the harness's tests that these words of pytest's -k choose
#   packages=NAMES  these packages alone, with blanks between them
#
# The root is a new copy each time; KEEP=1 goes on with the last one, and a new clone. Exit status: 0 all as it should be, or
# the release is none of those that count; 1 something differs; 2 wrong arguments; 3 a root can't be made.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
counted=(bookworm trixie)
trials=(bare root site form test packages restricted ubuntu)

usage() {
	sed -n '/^#   harness/s/^# *//p' "${BASH_SOURCE[0]}" >&2
	printf 'trials: %s\n' "${trials[*]}" >&2
	exit 2
}

# fail WORD...: what keeps a root from being made; exit status 3.
fail() {
	printf 'platforms: %s\n' "$*" >&2
	exit 3
}

# own_mirror: where apt of this machine takes Debian's packages from.
own_mirror() {
	# shellcheck disable=SC2016 # apt's own signs
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' |
		sed -n 's/^Debian|Debian|//p' | sed 's|/*$||' | head -n 1
}

# proxy: apt's settings for it, if there are any, for a root's apt.
proxy() {
	apt-config dump | grep -iE '^Acquire::https?::Proxy ' || true
}

# bootstrap: makes $base, once.
bootstrap() {
	[[ ! -e $base/.complete ]] || return 0
	[[ -n $mirror ]] || mirror=$(own_mirror)
	[[ -n $mirror ]] || fail "apt names no mirror of Debian here; give one with -m"
	rm -rf "$base"
	mkdir -p "$base"
	printf 'making a root of %s; it takes some minutes\n' "$release" >&2
	debootstrap --variant=minbase --include=git,make,sudo,ca-certificates "$release" "$base" "$mirror" \
		>"$logs/debootstrap.log" 2>&1 || fail "debootstrap failed: see $logs/debootstrap.log"
	proxy >"$base/etc/apt/apt.conf.d/90proxy"
	# What was fetched once is kept, outside the root.
	echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/unsafe-io" # nobody mourns a root that a power cut spoils
	echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >"$base/etc/apt/apt.conf.d/91keep"
	chroot "$base" useradd --create-home --shell /bin/bash student
	echo 'student ALL=(ALL) NOPASSWD: ALL' >"$base/etc/sudoers.d/student"
	touch "$base/.complete"
}

# furnish: a new copy of the base at $place, with a clone in it, which is the student's.
furnish() {
	if [[ -z ${KEEP-} || ! -d $place ]]; then
		rm -rf "$place"
		cp -a "$base" "$place"
	fi
	rm -rf "$place/home/student/labs"
	cp /etc/resolv.conf "$place/etc/resolv.conf"
	[[ -z $(git -C "$root" status --porcelain) ]] || printf 'note: what is not committed is left out\n' >&2
	git clone --quiet --no-local "$root" "$place/home/student/labs"
	chroot "$place" chown -R student:student /home/student/labs
}

# enter COMMAND...: runs it in $place as root of a machine of its own: bubblewrap can't make its namespaces
# in a chroot, so $place becomes the root of a mount namespace. All that it started ends with it.
enter() {
	unshare --mount --pid --ipc --uts --fork --kill-child --propagation private \
		"$root/harness/platforms/enter.sh" "$place" "$cache" "$@"
}

# row NAME VERDICT WORDS: a line of the table.
row() {
	printf '  %-12s %-8s %s\n' "$@" | tee -a "$logs/table"
}

# try NAME: makes a trial. What it prints goes to a log; its last line is what the table says.
try() {
	local name=${1%%=*} log status=0 verdict=fine words
	log=$logs/$name.log
	enter /bin/bash /home/student/labs/harness/platforms/trials.sh "$1" >"$log" 2>&1 </dev/null || status=$?
	words=$(tail -n 1 "$log")
	if ((status)); then
		verdict=DIFFERS
		words+="; see $log"
	fi
	row "$name" "$verdict" "$words"
	return "$status"
}

# conclude: the exit status; what differs on a release that does not count is a note.
conclude() {
	((bad)) || exit 0
	[[ " ${counted[*]} " == *" $release "* ]] && exit 1
	echo "  a note only: those that count are ${counted[*]}"
	exit 0
}

mirror='' kept=$root/build/platforms
while getopts m:d: option; do
	case $option in
	m) mirror=$OPTARG ;;
	d) kept=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
(($#)) || usage
release=$1
shift
(($#)) || set -- bare
for trial; do
	[[ " ${trials[*]} tests " == *" ${trial%%=*} "* ]] || usage
done
[[ $(id -u) == 0 ]] || fail "only root can make a root file system; try: sudo $0 $release $*"
command -v debootstrap >/dev/null || fail "to install it: apt-get install debootstrap"

mkdir -p "$kept"
kept=$(cd "$kept" && pwd -P)
base=$kept/$release.base place=$kept/$release cache=$kept/$release.packages logs=$kept/$release.logs
mkdir -p "$cache" "$logs"
: >"$logs/table"
bootstrap
furnish
bad=0
echo "$release" | tee -a "$logs/table"
for trial; do
	try "$trial" || bad=1
done
enter /bin/bash /home/student/labs/harness/platforms/trials.sh versions | sed 's/^/  /' | tee -a "$logs/table"
conclude
