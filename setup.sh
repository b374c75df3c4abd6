#!/bin/sh
# Prepares a Debian or Ubuntu machine that has Node.js 20 or later: installs the packages that the build and the
# quickstart need and that are missing, then the npm packages, which builds the native addon. Safe to run again.
set -eu
cd "$(dirname "$0")"

if ! command -v node >/dev/null 2>&1; then
  echo "setup.sh: Node.js is missing: install version 20 or later (https://nodejs.org), then run this again." >&2
  exit 1
fi
if [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" != true ]; then
  echo "setup.sh: Node.js 20 or later is needed but this is $(node --version)." >&2
  exit 1
fi

packages="g++ make cmake libhwy-dev doctest-dev clang-format dataset-fashion-mnist"
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then as_root=sudo; fi
  echo "setup.sh: installing$missing"
  $as_root apt-get update -q
  # shellcheck disable=SC2086 # one word a package
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y --no-install-recommends $missing
fi

npm ci
npm run build:all
