#!/bin/sh
# Installs what the tests need of the system where it is missing and can be installed: a browser, and
# the part of Python that makes virtual environments. A test says why it is skipped without.
set -eu
missing=
has_browser() {
	for name in chromium chromium-browser google-chrome; do
		command -v "$name" >/dev/null 2>&1 && return
	done
	return 1
}
has_browser || missing="chromium fonts-dejavu-core"
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3 python3-venv"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "labtest: missing and not to be installed from here: $missing" >&2
	exit 0
fi
echo "labtest: installing $missing (once)" >&2
# One word for each package is meant.
# shellcheck disable=SC2086
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	$missing >/dev/null || echo "labtest: could not install $missing" >&2
