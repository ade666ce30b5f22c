#!/bin/bash
# What the compilers, analyzers, shellcheck, systemd-analyze and a few greps find in the tree must be nothing. TAP lines on stdout.
# shellcheck disable=SC2086 # lists of files, without blanks in their names
set -u
cd "$(dirname "$0")/.." || exit 1
out=$(mktemp -d /tmp/postern-lint.XXXXXX)
trap 'rm -rf "$out"' EXIT
status=0

# check NAME COMMAND...: it shall succeed and say nothing. As many run at the same time as there are processors.
names=()
check()
{
    local said=$out/${#names[@]}
    names+=("$1")
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    { "${@:2}" >"$said" 2>&1 && [ ! -s "$said" ] && : >"$said.ok"; } &
}
verdicts()
{
    local i
    wait
    for i in "${!names[@]}"; do
        if [ -e "$out/$i.ok" ]; then
            echo "ok ${names[i]}"
        else
            echo "not ok ${names[i]}"
            head -n 40 "$out/$i" | sed 's/^/    /'
            status=1
        fi
    done
}

sources=$(git ls-files '*.c' '*.h' 2>/dev/null || find core policyd milter sasl mirror alert cluster web cli bench tests -name '*.[ch]')
own=$(printf '%s\n' $sources | grep -v '^tests/')

forbidden()
{
    # Names in comments are followed by no argument, or by a manual's section.
    ! grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|gets|atoi|atol|system|popen|exec[lv]p?e?|getaddrinfo|gethostbyname|syslog)\(' $own | grep -vE 'syslog\(3\)|atoi\(\)'
}
no_sockets_in_core() { ! grep -nE '\b(socket|connect|accept4?|recv|listen)\(' core/*/*.c | grep -vE '^core/(base/(log|notify)|serve/listener|look/listeners)\.c:'; }
promises() { ! grep -nE 'TODO|FIXME|XXX[^X]' $own | grep -v 'XXXXXX'; }
# They don't depend on how well it optimizes, but the time does.
clang_warnings() { make -s --no-print-directory -j "$(nproc)" CC=clang B=build/clang WERROR=-Werror CFLAGS='-O0 -g0 -U_FORTIFY_SOURCE' all 2>&1 | grep -v '^  ' || true; }
formatted() { clang-format --dry-run -Werror $sources; }
cppchecked()
{
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
        --suppressions-list=tests/cppcheck.txt -D__x86_64__ -DPOSTERN_VERSION='"x"' -j "$(nproc)" -I. core policyd milter sasl mirror alert cluster web cli 2>&1
}
tidied()
{
    make -s --no-print-directory -k -j "$(nproc)" tidy
    printf '%s\n' $own | sed -n 's|\(.*\)\.c$|build/tidy/\1.said|p' | xargs grep -hE 'warning:|error:'
    true
}
# What gcc's analyzer finds, less what tests/analyzer.txt explains; and what that explains and nobody finds any more.
analyzed()
{
    make -s --no-print-directory -k -j "$(nproc)" analyze
    find core policyd milter sasl mirror alert cluster web cli -name '*.c' -printf 'build/analyze/%p\n' | sed 's/c$/said/' | xargs cat |
        awk 'FNR == NR { if ($0 !~ /^#/) explained[$0] = 1; next }
             match($0, /In function .[a-z0-9_]*/) { name = substr($0, RSTART + 13, RLENGTH - 13) }
             match($0, /\[-Wanalyzer-[a-z-]*\]$/) {
                 finding = substr($0, 1, index($0, ":") - 1) " " name " " substr($0, RSTART + 2, RLENGTH - 3)
                 if (finding in explained) found[finding] = 1; else print finding ": " $0
                 next
             }
             /warning:|error:/
             END { for (e in explained) if (!(e in found)) print "tests/analyzer.txt explains what is not found: " e }' tests/analyzer.txt -
}
# The programs in the mail path start no other and ask no name server, so they don't import what could. (The milter makes a
# process of itself for each of several listeners.)
names_in_mail_path()
{
    local p
    for p in policyd milter sasl; do
        nm -D --undefined-only "build/release/postern-$p" |
            grep -E ' (f?exec[lv]|popen|posix_spawn|system|vfork|dlopen|getaddrinfo|getnameinfo|gethostby|res_)' && return 1
    done
    for p in policyd sasl; do
        nm -D --undefined-only "build/release/postern-$p" | grep ' fork' && return 1
    done
    true
}
hardened()
{
    local p
    for p in build/release/postern build/release/postern-*; do
        case $p in *.d) continue ;; esac
        readelf -h "$p" | grep -q 'Type:.*DYN' || echo "$p: not PIE"
        readelf -lW "$p" | grep -q GNU_RELRO || echo "$p: no RELRO"
        readelf -dW "$p" | grep -q 'BIND_NOW\|FLAGS.*NOW' || echo "$p: no BIND_NOW"
        readelf -lW "$p" | grep GNU_STACK | grep -q 'RWE' && echo "$p: executable stack"
        nm -D "$p" | grep -q __stack_chk_fail || echo "$p: no stack protector"
        nm -D "$p" | grep -q _chk@ || echo "$p: no _FORTIFY_SOURCE"
        readelf -dW "$p" | grep -E 'RPATH|RUNPATH|TEXTREL' && echo "$p: searches folders of its own, or is relocated in place"
    done
    # -fcf-protection: the linker keeps the mark only where the system's start-up objects have it, so each object is asked.
    [ "$(uname -m)" != x86_64 ] || for p in build/release/{core/*,policyd,milter,sasl,mirror,mirror/*,alert,cluster,web,cli}/*.o; do
        readelf -nW "$p" | grep -q 'IBT, SHSTK' || echo "$p: no marks of control-flow protection"
    done
    true
}
# exposure UNIT MOST: what systemd thinks that a broken-in service could reach, 0.0 (nothing) to 10.0.
exposure()
{
    sed 's|@PREFIX@|/usr|g; s|@SYSCONFDIR@|/etc|g' "conf/systemd/$1.service" >"$out/$1.service"
    systemd-analyze security --offline=true --no-pager "$out/$1.service" 2>&1 |
        awk -v most="$2" '/Overall exposure level/ { at = $(NF - 2) + 0; seen = 1 }
                          END { if (!seen || at > most) print "'"$1"': exposure " at " (at most " most ")" }'
}
confined()
{
    local u
    for u in policyd milter sasl mirror-rebuild mirror-offer web; do exposure postern-$u 0.6; done
    # Root, for postsuper and the operator's lists.
    exposure postern-act 3.0
    # Root, for tables and the configuration of Dovecot, with the sight of this host's addresses.
    exposure postern-check-postfix 2.6
    for u in mirror mirror-respond mirror-pull alert cluster; do exposure postern-$u 1.3; done
}
# Long lines are no fault in a page, and the system's own pages need not be installed here.
manuals() { mandoc -T lint -W warning doc/*.[1-8] | grep -v 'mandoc.db lacks'; true; }
scripts=$(git ls-files '*.sh' .ci/run conf/completion 2>/dev/null || find .ci/run conf/completion scripts tests bench -type f -name '*sh')
shells() { shellcheck -f gcc $scripts; }

check 'no forbidden function is called' forbidden
check 'every room includes only what it may' tests/rooms.sh
check 'core opens no socket but that of the log, of the service manager, and those on which Postfix is served' no_sockets_in_core
check 'nothing is left for later' promises
check 'the tree is formatted' formatted
check 'shellcheck has no finding' shells
check 'the manual pages are well formed' manuals
check 'clang has no warning' clang_warnings
check "gcc's analyzer has no finding" analyzed
check 'cppcheck has no finding' cppchecked
check 'clang-tidy has no finding' tidied
check 'the programs in the mail path can start no other and ask no name server' names_in_mail_path
check 'the programs are hardened' hardened
check 'the units leave little within reach' confined
verdicts
exit $status
