#!/bin/bash
# The table of SMTP AUTH with all its gates, row by row: policyd, the milter and explain all say what Exchange Online's own table says.
# TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/asan}")
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-fidelity.XXXXXX")
finish()
{
    # shellcheck disable=SC2046 # one word a job
    kill $(jobs -p) 2>/dev/null
    wait
    rm -rf "$D"
}
trap finish EXIT
trap 'exit 1' INT TERM

cat >"$D/postern.conf" <<END
directory = "$D/directory"; journal = ""; spool = "$D/spool"; state = { file = "$D/state"; entries = 1024; };
log = { to = "stderr"; }; preset = "none";
policyd = { listen = "unix:$D/policyd"; }; milter = { listen = "unix:$D/milter"; };
replies = {
$(for reason in mailbox-disabled organization-disabled security-defaults basic-forbidden account-disabled sender-domain-disabled \
    recipient-domain-disabled sender-not-own; do echo "    $reason = \"550 5.7.1 $reason\";"; done)
};
END
mkdir "$D/directory"
python3 tests/integration/fidelity.py "$build" "$D" import || exit 1
"$build/postern-policyd" -c "$D/postern.conf" >"$D/policyd.log" 2>&1 &
"$build/postern-milter" -c "$D/postern.conf" >"$D/milter.log" 2>&1 &
python3 tests/integration/fidelity.py "$build" "$D" check
