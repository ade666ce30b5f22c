#!/bin/bash
# Holds the includes of a tree against the table of rooms. Says each include that the table doesn't allow, and each row that
# nobody needs; says nothing when all is well.
#
#   tests/rooms.sh [TREE [TABLE]]    the tree that this file is in, and its tests/rooms.txt, unless given
set -u
tree=${1:-$(dirname "$0")/..}
table=$(realpath "${2:-$(dirname "$0")/rooms.txt}")
cd "$tree" || exit 1

find core policyd milter sasl mirror alert cluster web cli -name '*.[ch]' 2>/dev/null | sort | xargs grep -HnE '^#include "' |
    awk -v table="$table" '
        function folder(path) { sub("/[^/]*$", "", path); return path }
        BEGIN {
            while ((getline row < table) > 0)
                if (row !~ /^#/ && split(row, pair, " ") == 2)
                    allowed[pair[1] " " pair[2]] = 1
        }
        {
            split($0, part, ":")
            split($0, quoted, "\"")
            edge = folder(part[1]) " " folder(quoted[2])
            if (folder(part[1]) == folder(quoted[2]))
                next
            if (edge in allowed)
                used[edge] = 1
            else
                print part[1] ":" part[2] ": includes " quoted[2] "; tests/rooms.txt has no row \"" edge "\""
        }
        END {
            for (edge in allowed)
                if (!(edge in used))
                    print table ": nobody needs the row \"" edge "\""
        }'
