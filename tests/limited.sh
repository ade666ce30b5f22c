#!/bin/bash
# limited.sh COMMAND...: a test that spins or hangs is ended, and nothing else is. A process of it may use TEST_CPU_S seconds of
# processor time, which other work on the machine doesn't shorten; all of it may last TEST_TIMEOUT seconds.
ulimit -S -t "${TEST_CPU_S:-1800}"
exec timeout -k 20 "${TEST_TIMEOUT:-7200}" "$@"
