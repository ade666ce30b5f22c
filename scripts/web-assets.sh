#!/bin/sh
# Makes one C file of the pages in web/assets: the modules joined to one script, since each file is one more request; all compressed,
# under names with a hash of what is in them.
#
#   scripts/web-assets.sh OUT.c     beside it stay what was made, app.js, style.css and index.html
set -eu
export LC_ALL=C
out=$1
from=web/assets
made=$(dirname "$out")/assets
mkdir -p "$made"

# The chart's module has names of its own: it becomes one value. Ours share one scope, in this order, and are each used as they
# stand, too (by the tests): only what joins modules goes.
{
    echo "/*" && cat $from/uPlot.LICENSE && echo "*/"
    echo "const uPlot = (() => {"
    sed 's/^export { uPlot as default };$/return uPlot;/' $from/uPlot.esm.js
    echo "})();"
    for module in text tenant dom api live chart parts session outcome question acts overview ended blocks history mailbox connector \
        explain reports audit relay system main; do
        awk '/^import / { within = 1 } within { if (/;$/) within = 0; next } { sub(/^export /, ""); print }' "$from/$module.js"
    done
} >"$made/app.js"
cp $from/style.css "$made/style.css"

hash_of() { cat "$@" | sha256sum | cut -c 1-16; }
hash=$(hash_of "$made/app.js" "$made/style.css")
sed "s/@HASH@/$hash/" $from/index.html >"$made/index.html"

# bytes NAME FILE: an array of the file, compressed.
bytes()
{
    echo "static const unsigned char $1[] = {"
    gzip -9nc "$2" | od -An -v -tx1 | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo "};"
}
# row NAME FILE TYPE PATH
row() { echo "    {$4, \"$3\", \"\\\"$(hash_of "$2")\\\"\", $1, sizeof $1},"; }
{
    echo "/* Made by scripts/web-assets.sh. */"
    echo '#include "web/assets.h"'
    bytes script "$made/app.js"
    bytes style "$made/style.css"
    bytes shell "$made/index.html"
    echo "const struct asset web_assets[] = {"
    row script "$made/app.js" 'text/javascript; charset=utf-8' "\"/assets/$hash/app.js\""
    row style "$made/style.css" 'text/css; charset=utf-8' "\"/assets/$hash/style.css\""
    row shell "$made/index.html" 'text/html; charset=utf-8' NULL
    echo "    {.type = NULL}};"
} >"$out.part"
mv "$out.part" "$out"
