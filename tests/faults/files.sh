#!/bin/bash
# Files damaged, truncated, replaced, deleted and foreign, while programs use them and mail flows: the directory (F8, F11), the
# state (F9, F10), the journal.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

faults_relay
GOOD=$T/good
cp -a "$T/lib/directory" "$GOOD"
generation() { sed -n 's/^file //p' "$T/lib/directory/current"; }
# overwrite FILE BYTES: random bytes somewhere in it, as a stray writer does.
overwrite()
{
    local size
    size=$(stat -c %s "$1" 2>/dev/null) || return
    dd if=/dev/urandom of="$1" bs=1 count="$2" seek=$((size > $2 ? (RANDOM * 32768 + RANDOM) % (size - $2) : 0)) conv=notrunc 2>/dev/null
}
# cut FILE: to a random length.
cut_short() { truncate -s $(((RANDOM * 32768 + RANDOM) % ($(stat -c %s "$1") + 1))) "$1"; }
# Written aside and renamed, as another program would.
put() { cp "$1" "$2.put" && mv "$2.put" "$2"; }
put_back() { rm -rf "$T/lib/directory/"* && cp -a "$GOOD/"*.mdb "$T/lib/directory/" && put "$GOOD/current" "$T/lib/directory/current"; }

# ---- no directory at the start ----
rm -rf "$T/lib/directory"
faults_start
is 'without a directory a login is deferred' "$(send dora)" '451*'
is 'so is one that will be forbidden' "$(send bert)" '451*'
becomes 'and one log line says what is missing' 'grep -c "no directory in .* yet: authenticated mail is deferred" "$T/policyd.log"' 1
faults_import
recovers 'the directory has come'
use_up

# ---- the state ----
harm_state()
{
    local s=$T/lib/state
    case $1 in
    remove) rm -f "$s" ;;
    rename) mv "$s" "$s.old.$RANDOM" ;;
    replaced_by_a_copy) put "$s" "$s" ;;
    folder_away) mv "$T/lib" "$T/away" && sleep 1.2 && mv "$T/away" "$T/lib" ;;
    replaced_by_rubbish) head -c 100000 /dev/urandom >"$s.put" && mv "$s.put" "$s" ;;
    replaced_by_an_empty_file) : >"$s.put" && mv "$s.put" "$s" ;;
    replaced_by_a_link) ln -sf /dev/zero "$s.put" && mv "$s.put" "$s" ;;
    replaced_by_a_folder) rm -f "$s" && mkdir "$s" && sleep 1.2 && rmdir "$s" ;;
    header_wiped) dd if=/dev/zero of="$s" bs=4096 count=1 conv=notrunc 2>/dev/null ;;
    chmod) chmod 0 "$s" ;;
    esac
    sleep 1.3
    case $1 in replaced_by_a_link) rm -f "$s" ;; chmod) chmod 660 "$s" ;; esac
}
load
kinds='remove rename replaced_by_a_copy folder_away replaced_by_rubbish replaced_by_an_empty_file replaced_by_a_link
    replaced_by_a_folder header_wiped chmod'
full || kinds='remove replaced_by_rubbish header_wiped'
for kind in $kinds; do
    harm_state "$kind"
    relay_wait test -f "$T/lib/state"
    sleep 1.2
    forgets_nothing "state: $kind"
done
load_end
recovers 'the state was harmed'
judge 'the state was harmed'
is 'no program ended for it' "$(grep -c 'version .* serves' "$T/policyd.log")" 1

# What is counted in a page is lost with it; blocks are not, and nothing that is forbidden passes.
rm "$T/record"
load --kinds dora,printer,bert,forged,stranger
for _ in $(seq "$(much 40 4)"); do
    if [ $((RANDOM % 2)) = 0 ]; then overwrite "$T/lib/state" $((1 << RANDOM % 12)); else cut_short "$T/lib/state"; fi
    pause_random 20 700
done
load_end
sleep 2
recovers 'the state was overwritten and cut'
judge 'the state was overwritten and cut' --served dora,printer
is 'the block is still there' "$(send emma)" '550*5.1.8*'
is 'no program ended for that either' "$(grep -c 'version .* serves' "$T/policyd.log")" 1

# ---- the directory ----
harm_directory()
{
    local d=$T/lib/directory file
    file=$d/$(generation)
    case $1 in
    manifest_removed) rm "$d/current" ;;
    manifest_rubbish) head -c 300 /dev/urandom >"$d/put" && mv "$d/put" "$d/current" ;;
    manifest_newer_format) sed 's/postern-directory 5/postern-directory 9/' "$GOOD/current" >"$d/put" && mv "$d/put" "$d/current" ;;
    manifest_cut) cut_short "$d/current" ;;
    manifest_is_a_pipe) rm "$d/current" && mkfifo "$d/current" ;;
    manifest_is_a_link) ln -sf /dev/zero "$d/put" && mv "$d/put" "$d/current" ;;
    folder_away) mv "$d" "$d.away" ;;
    folder_is_a_file) mv "$d" "$d.away" && : >"$d" ;;
    generation_removed) rm "$file" ;;
    generation_replaced_by_rubbish) head -c 28672 /dev/urandom >"$d/put" && mv "$d/put" "$file" ;;
    generation_replaced_by_one_with_a_bit_flipped)
        cp "$file" "$d/put" && overwrite "$d/put" 1 && mv "$d/put" "$file" ;;
    generation_is_a_folder) rm "$file" && mkdir "$file" ;;
    esac
}
rm "$T/record"
load --kinds dora,printer,bert,forged,stranger
kinds='manifest_removed manifest_rubbish manifest_newer_format manifest_cut manifest_is_a_pipe manifest_is_a_link folder_away
    folder_is_a_file generation_removed generation_replaced_by_rubbish generation_replaced_by_one_with_a_bit_flipped
    generation_is_a_folder'
full || kinds='manifest_rubbish generation_removed'
for kind in $kinds; do
    harm_directory "$kind"
    sleep 1.5
    is "directory: $kind: running programs go on with what they had" "$(send bert | cut -c1-3) $(send printer | cut -c1-3)" '550 250'
    kill_program KILL policyd
    kill_program KILL milter
    sleep 1.5
    is "directory: $kind: restarted, nothing passes that is forbidden" "$(send bert)" '[45]*'
    is "directory: $kind: and connectors are served" "$(relay_wait sends printer && echo served)" served
    if [ -e "$T/lib/directory.away" ]; then rm -rf "$T/lib/directory" && mv "$T/lib/directory.away" "$T/lib/directory"; fi
    put_back
    is "directory: $kind: put right, a login is served" "$(relay_wait sends dora && echo served)" served
done
load_end
recovers 'the directory was harmed'
judge 'the directory was harmed' --served dora,printer

full || { faults_end; exit $status; }

# A generation is never written to again. Whoever does so all the same is noticed within a second, and the file is no longer used; a
# program may end for it before, and nothing that is forbidden passes.
rm "$T/record"
load --kinds dora,printer,bert,forged,stranger
for _ in $(seq "$(much 20 2)"); do
    if [ $((RANDOM % 3)) = 0 ]; then cut_short "$T/lib/directory/$(generation)"; else overwrite "$T/lib/directory/$(generation)" $((1 << RANDOM % 8)); fi
    pause_random 300 900
    put_back
    pause_random 1200 1500
done
load_end
recovers 'the generation in use was written to'
judge 'the generation in use was written to' --served dora,printer

# ---- the journal ----
harm_journal()
{
    local file=$T/lib/journal/$1
    case $2 in
    remove) rm -f "$file" ;;
    cut) cut_short "$file" ;;
    empty) : >"$file" ;;
    overwritten) overwrite "$file" 4096 ;;
    rubbish) head -c 65536 /dev/urandom >"$file.put" && mv "$file.put" "$file" ;;
    esac
}
rm "$T/record"
load
for _ in $(seq "$(much 3 1)"); do
    for kind in remove cut overwritten rubbish empty; do
        for file in journal.sqlite journal.sqlite-wal journal.sqlite-shm; do
            harm_journal $file $kind
            pause_random 200 1200
        done
    done
done
load_end
sleep 3
recovers 'the journal was harmed'
judge 'the journal was harmed'
is 'the journal was harmed: the block is still there' "$(send emma)" '550*5.1.8*'
is 'the journal is written again' "$(send dora >/dev/null; relay_wait bash -c "'$BIN/postern' -c '$T/postern.conf' log --since 1h | grep -q dora" && echo written)" written
# LMDB trusts its pages: where a stray writer meets it, the program ends in LMDB, and nowhere else.
elsewhere() { awk '/ERROR: AddressSanitizer/ { n = 0; found = 0 } / #[0-9]+ / && n++ < 8 { found += /liblmdb/; if (n == 8 && !found) print } /runtime error/'; }
is 'a program that ended, ended in LMDB' "$(cat "$T/policyd.log" "$T/milter.log" | elsewhere)" ''
for name in policyd milter; do mv "$T/$name.log" "$T/$name.before" && : >"$T/$name.log"; done
faults_end
exit $status
