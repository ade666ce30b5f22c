#!/bin/bash
# The pages of postern-web in a real browser: each in each look, what happens while somebody looks, the nastiest logins. TAP lines.
#
#   tests/browser/run.sh all [FOLDER]   everything, with screenshots in FOLDER (build/browser unless given)
#   tests/browser/run.sh                a short form, for "make check"
#
# BUILD: the folder with programs. Without a browser it says so, and is done.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/browser/scene.sh
build=${BUILD:-build/asan}
short=short
[ "${1:-}" != all ] || short=
shots=$(realpath -m "${2:-build/browser}")

skip() { echo "ok the pages in a browser # skip $1"; exit 0; }
command -v chromium >/dev/null || skip 'there is no chromium: scripts/install-dependencies.sh browser'
command -v node >/dev/null && command -v npm >/dev/null || skip 'there is no nodejs with npm: scripts/install-dependencies.sh browser'
# Two at the same time would install into the same folder.
install()
{
    local wanted=tests/browser/package-lock.json there=tests/browser/node_modules/.installed
    cmp -s $wanted $there && return 0
    npm ci --prefix tests/browser --no-audit --no-fund --silent >/dev/null 2>&1 && cp $wanted $there
}
exec 9<tests/browser
flock 9
install || skip 'npm could not install what tests/browser/package-lock.json names'
exec 9<&-

trap scene_end EXIT
trap 'exit 1' INT TERM
scene_make "$build" && scene_play || exit 1
status=0
node tests/browser/pages.mjs "$T/run/web.sock" "$shots" $short || status=1
node tests/browser/stories.mjs "$T" "$build" || status=1
if [ "$(id -u)" -eq 0 ] && command -v postfix >/dev/null && command -v swaks >/dev/null; then
    tests/browser/acts.sh "$build" "$shots" $short || status=1
else
    echo 'ok what people do on the pages # skip it needs root, Postfix and swaks'
fi
node tests/browser/hostile.mjs "$T/run/web.sock" tests/data/hostile_logins $short || status=1
if grep -h 'ERROR: \|runtime error' "$T"/*.log; then
    echo 'not ok nothing came out of the sanitizers'
    status=1
else
    echo 'ok nothing came out of the sanitizers'
fi
exit $status
