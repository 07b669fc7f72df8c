#!/bin/sh
# openusage-integration-version: @VERSION@
# Written by openusage; upgraded and removed by: openusage integrations
# Codex runs this after a turn, with the payload as the last word. It leaves a file for openusage's daemon, without
# what was asked and answered. The words before the payload are the command that was there before: it is run as if
# this script were not between.

@COMMON@
payload() {
    [ "${#last}" -le @MOST_BYTES@ ] || last={}
    case $last in
        *',"input-messages"'*) last="${last%%',"input-messages"'*}}" ;;
    esac
    printf %s "$last"
}

# In a process of its own: the command behind us gets neither our variables nor our umask.
[ "$#" -eq 0 ] || off || (eval "last=\${$#}" && spool codex) 2>/dev/null
[ "$#" -le 1 ] || exec "$@"
exit 0
