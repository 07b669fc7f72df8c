#!/bin/sh
# openusage-integration-version: @VERSION@
# Written by openusage; upgraded and removed by: openusage integrations
# Claude Code runs this after tool calls and turns. It leaves the payload as a file for openusage's daemon, which
# keeps numbers and names of it. It waits for nothing and never fails.

@COMMON@
payload() { head -c @MOST_BYTES@; }

off || spool claude_code 2>/dev/null
cat >/dev/null 2>&1 # what is left: whoever writes to us must not be cut off
exit 0
