#!/bin/bash
# A sample of "make torture": every 7th allocation or I/O call fails.
exec "$(dirname "$0")/../torture/run.sh" 7
