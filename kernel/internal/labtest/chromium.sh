#!/bin/sh
# Installs the browser of the JupyterLab test where it is missing and can be installed. The test says
# why it is skipped where there is none.
set -eu
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null 2>&1; then
		exit 0
	fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "labtest: no Chromium, and no way to install it here" >&2
	exit 0
fi
echo "labtest: installing Chromium (once)" >&2
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	chromium fonts-dejavu-core >/dev/null || echo "labtest: Chromium could not be installed" >&2
