#!/usr/bin/env bash
# What the tests need beside Node: pytest, Go and Rust (for their adapters), the frameworks of test/frameworks
# (jest, mocha, Playwright Test), further versions of Node, a Chromium (for the browser tests and for what a
# worker says of its machine), Prometheus (which scrapes a coordinator), zsh and fish (for their completions).
# Debian and its relatives; quick when everything is there already.
set -euo pipefail

# Folders of their own: what is in them must not be found by the scripts of the root.
install() {
  [ -e "$1/node_modules/$2" ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --prefix "$1"
}
tests="$(dirname "$0")/../test"
install "$tests/frameworks" jest
install "$tests/node-versions" node24/bin/node

packages=()
has_pytest() { "$1" -m pytest --version >/dev/null 2>&1; }
has_pytest python3 || has_pytest /usr/bin/python3 || packages+=(python3-pytest)
command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages+=(chromium)
command -v prometheus >/dev/null || packages+=(prometheus)
command -v openssl >/dev/null || packages+=(openssl)
for shell in zsh fish; do command -v "$shell" >/dev/null || packages+=("$shell"); done
command -v go >/dev/null || packages+=(golang-go)
command -v cargo >/dev/null || packages+=(cargo)

if [ ${#packages[@]} -eq 0 ]; then
  echo "test dependencies: all there"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi

if ! command -v apt-get >/dev/null; then
  echo "test dependencies: install these with this system's package manager: ${packages[*]}" >&2
  exit 1
fi

# What is installed is for the tests to start, not for the system: no service of it runs afterwards.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  "${as_root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

echo "test dependencies: installing ${packages[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
