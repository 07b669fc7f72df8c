off() {
    case $OPENUSAGE_TELEMETRY_ENABLED in
        0 | false | False | FALSE | no | No | NO | off | Off | OFF) return 0 ;;
    esac
    return 1
}

full() { [ "$#" -ge @MOST_FILES@ ]; }

# spool SOURCE: one file with what the function `payload` prints, under its name only when it is whole.
spool() {
    dir=${OPENUSAGE_HOOK_SPOOL:-@SPOOL@}
    umask 077
    [ -d "$dir" ] || mkdir -p "$dir" || return
    full "$dir"/*.json && return
    read -r id </proc/sys/kernel/random/uuid || id=$$-$(mktemp -u XXXXXXXXXXXXXXXX) || return
    account=$OPENUSAGE_TELEMETRY_ACCOUNT_ID
    case $account in
        *[!A-Za-z0-9._@-]*) account=$(printf %s "$account" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g') ;;
    esac
    {
        printf '{"source":"%s","account_id":"%s","payload":' "$1" "$account" && payload && printf '}\n'
    } >"$dir/.$id.tmp" && mv "$dir/.$id.tmp" "$dir/$id.json" || rm -f "$dir/.$id.tmp"
}
