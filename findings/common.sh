# What the scripts of this directory share; each sources it.
# shellcheck shell=bash

# fetch PACKAGE=VERSION...: unpacks Debian's packages into $tmp, a temporary folder that is gone at the end. Exit
# status 3 where one can't be had any more: then nothing is said about it.
fetch() {
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	local package
	for package in "$@"; do
		(cd "$tmp" && apt-get download -q=2 "$package" 2>"$tmp/words") || {
			echo "$package can't be had here (apt-get update?)"
			exit 3
		}
	done
	for package in "$tmp"/*.deb; do
		dpkg-deb -x "$package" "$tmp"
	done
}

# expect WHAT WANTED GOT: says what was seen; exit status 1 where it is not what it was.
expect() {
	printf '%s: %s\n' "$1" "$3"
	[[ $2 == "$3" ]] || {
		echo "this was: $2"
		exit 1
	}
}
