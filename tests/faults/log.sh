#!/bin/bash
# The log's socket blocked, absent, and gone in between (F29): mail goes on, what is lost is counted and told.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

# /dev is our own here: a socket in the place of /dev/log that nobody reads, until the file "read" is there.
mount -t tmpfs -o mode=755 none /mnt
cp -a /dev/null /dev/zero /dev/urandom /dev/random /dev/tty /mnt/ 2>/dev/null
ln -s /proc/self/fd /mnt/fd && ln -s /proc/self/fd/2 /mnt/stderr && mkdir /mnt/shm && chmod 1777 /mnt/shm
mount --move /mnt /dev || { echo 'not ok a /dev of our own'; exit 1; }

# receiver: takes what comes at /dev/log into $T/syslog, from the moment that $T/read is there.
receiver()
{
    python3 - "$T" <<'PYTHON' &
import os, socket, sys, time
folder = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if os.path.lexists("/dev/log"):
    os.unlink("/dev/log")
s.bind("/dev/log")
os.chmod("/dev/log", 0o666)
while not os.path.exists(folder + "/read"):
    time.sleep(0.05)
with open(folder + "/syslog", "ab", buffering=0) as out:
    while True:
        out.write(s.recv(65536) + b"\n")
PYTHON
    faults_pids="$faults_pids $!"
    reader=$!
    relay_wait test -S /dev/log
}

faults_relay
sed -i 's/to = "stderr"/to = "syslog"/' "$T/postern.conf"
faults_start
load_for "$(much 10 2)" --pause 0
recovers 'without a log'
judge 'without a log'

receiver
rm "$T/record"
load_for "$(much 30 4)" --pause 0
recovers 'the log blocks'
blocked=$(wc -l <"$T/record")
is 'reloads are taken meanwhile' "$(kill -USR1 "$(pid_of policyd)" && sleep 1 && send dora)" '250*'
: >"$T/read"
judge 'the log blocks' # now, for Postfix's own commands wait for the log
send dora >/dev/null
told() { grep -a "postern-$1.*event=log-dropped lines=[1-9]" "$T/syslog"; }
is 'read again, policyd tells how many lines were lost' "$(relay_wait told policyd && echo told)" told
is 'and so does the milter' "$(relay_wait told milter && echo told)" told
is 'and the next decisions are in it' "$(send dora >/dev/null; relay_wait grep -aq 'action=pass.*login=dora' "$T/syslog" && echo there)" there
echo "# $blocked messages while it blocked"

# The receiver goes away and comes back.
kill -9 "$reader"
wait "$reader" 2>/dev/null
rm -f "$T/syslog"
is 'without a receiver mail is served' "$(send dora)" '250*'
rm -f "$T/read"; : >"$T/read"
receiver
sleep 2
send dora >/dev/null
is 'a new receiver gets the lines' "$(relay_wait grep -aq 'login=dora' "$T/syslog" && echo there)" there

# stderr into a pipe that nobody reads.
faults_end
faults_stop
faults_relay
mkfifo "$T/pipe"
sleep 600 3<>"$T/pipe" &
faults_pids="$faults_pids $!"
rm -f "$T/policyd.log" "$T/milter.log"
ln -s pipe "$T/policyd.log" && ln -s pipe "$T/milter.log"
faults_start
load_for "$(much 30 3)" --pause 0
is 'a pipe as log that nobody reads: a login is served' "$(send dora)" '250*'
is 'a pipe as log that nobody reads: what is forbidden is refused' "$(send bert)" '5*'
judge 'a pipe as log that nobody reads'
before=$(pid_of policyd)
kill_program TERM policyd
is 'and a program that is to end does so' "$(relay_wait bash -c "! kill -0 $before" && echo ended)" ended
exit $status
