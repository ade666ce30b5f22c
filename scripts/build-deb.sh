#!/bin/bash
# Builds the Debian packages of this tree into a folder, in a copy of the tree: nothing is written beside the sources.
#
#   scripts/build-deb.sh [DIRECTORY]     build/deb unless given
set -eu
cd "$(dirname "$0")/.." || exit 1
out=${1:-build/deb}

version=$(sed -n 's/^VERSION *= *//p' Makefile)
packaged=$(dpkg-parsechangelog -S Version)
if [ "$packaged" != "$version" ]; then
    echo "debian/changelog has version $packaged, the Makefile $version: they must be the same" >&2
    exit 1
fi
if ! grep -q "^## \[$version\]" CHANGELOG.md; then
    echo "CHANGELOG.md has no \"## [$version]\": say there what is in this version" >&2
    exit 1
fi

mkdir -p "$out"
rm -rf "$out"/postern* "$out/build.log"
tree=$out/postern-$version
mkdir "$tree"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree"

if ! (cd "$tree" && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b) >"$out/build.log" 2>&1; then
    tail -n 40 "$out/build.log" >&2
    echo "building the packages failed: the lines above, and $out/build.log, say why" >&2
    exit 1
fi
rm -rf "$tree"
ls "$out"/*.deb
