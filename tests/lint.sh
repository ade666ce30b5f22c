#!/bin/bash
# What the compilers, cppcheck, clang-tidy and a few greps find in the tree must be nothing. TAP lines on stdout.
set -u
cd "$(dirname "$0")/.."
out=$(mktemp -d /tmp/postern-lint.XXXXXX)
trap 'rm -rf "$out"' EXIT
status=0

# check NAME COMMAND...: ok if the command succeeds and says nothing.
check()
{
    local name=$1
    shift
    if "$@" >"$out/said" 2>&1 && [ ! -s "$out/said" ]; then
        echo "ok $name"
    else
        echo "not ok $name"
        head -n 40 "$out/said" | sed 's/^/    /'
        status=1
    fi
}

sources=$(git ls-files '*.c' '*.h' 2>/dev/null || find core policyd milter mirror alert cli bench tests -name '*.[ch]')
own=$(printf '%s\n' $sources | grep -v '^tests/')

forbidden()
{
    # Names in comments are followed by no argument, or by a manual's section.
    ! grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|gets|atoi|atol|system|popen|exec[lv]p?e?|getaddrinfo|gethostbyname|syslog)\(' $own | grep -vE 'syslog\(3\)|atoi\(\)'
}
relations()
{
    # Nobody includes upwards, and no program another.
    ! grep -nE '^#include "(policyd|milter|mirror|alert|cluster|web|cli)/' core/*.[ch] || return 1
    local p
    for p in policyd milter mirror alert cluster web cli; do
        [ -d $p ] || continue
        ! grep -nE '^#include "(policyd|milter|mirror|alert|cluster|web|cli)/' $p/*.[ch] 2>/dev/null | grep -v "#include \"$p/" || return 1
    done
}
no_sockets_in_core() { ! grep -nE '\b(socket|connect|accept4?|recv|listen)\(' core/*.c | grep -vE '^core/(log|notify)\.c:'; }
promises() { ! grep -nE 'TODO|FIXME|XXX[^X]' $own | grep -v 'XXXXXX'; }
clang_warnings() { make -s --no-print-directory CC=clang B=build/clang WERROR=-Werror all 2>&1 | grep -v '^  ' || true; }
formatted() { clang-format --dry-run -Werror $sources; }
cppchecked()
{
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
        --suppressions-list=tests/cppcheck.txt -D__x86_64__ -DPOSTERN_VERSION='"x"' -j "$(nproc)" -I. core policyd milter mirror alert cli 2>&1
}
tidied()
{
    printf '%s\n' $own | grep '\.c$' | xargs -P "$(nproc)" -n 4 sh -c \
        'clang-tidy --quiet "$@" -- -std=c11 -D_GNU_SOURCE -DPOSTERN_VERSION="\"x\"" -I. -mcx16 2>/dev/null' tidy |
        grep -E 'warning:|error:'
    true
}
names_in_mail_path()
{
    local p
    for p in policyd milter; do
        nm -D --undefined-only "build/release/postern-$p" | grep -E ' (exec[lv]|popen|system|fork)' && return 1
    done
    true
}
hardened()
{
    local p
    for p in build/release/postern-*; do
        case $p in *.d) continue ;; esac
        readelf -h "$p" | grep -q 'Type:.*DYN' || echo "$p: not PIE"
        readelf -lW "$p" | grep -q GNU_RELRO || echo "$p: no RELRO"
        readelf -dW "$p" | grep -q 'BIND_NOW\|FLAGS.*NOW' || echo "$p: no BIND_NOW"
        readelf -lW "$p" | grep GNU_STACK | grep -q 'RWE' && echo "$p: executable stack"
        nm -D "$p" | grep -q __stack_chk_fail || echo "$p: no stack protector"
        nm -D "$p" | grep -q _chk@ || echo "$p: no _FORTIFY_SOURCE"
    done
}
# Long lines are no fault in a page, and the system's own pages need not be installed here.
manuals() { mandoc -T lint -W warning doc/*.[1-8] | grep -v 'mandoc.db lacks'; true; }
shells() { local s; for s in scripts/*.sh tests/*.sh tests/*/*.sh bench/*.sh; do [ ! -e "$s" ] || bash -n "$s" || return 1; done; }

check 'no forbidden function is called' forbidden
check 'core includes no program, and no program another' relations
check 'core opens no socket but that of the log and the service manager' no_sockets_in_core
check 'nothing is left for later' promises
check 'the tree is formatted' formatted
check 'scripts can be parsed' shells
check 'the manual pages are well formed' manuals
check 'clang has no warning' clang_warnings
check 'cppcheck has no finding' cppchecked
check 'clang-tidy has no finding' tidied
check 'the programs in the mail path start no other' names_in_mail_path
check 'the programs are hardened' hardened
exit $status
