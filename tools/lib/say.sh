# shellcheck shell=bash
# say.sh: what the scripts say, and how long things took. Data goes to stdout, trouble to stderr.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') red=$(printf '\033[31m')
    green=$(printf '\033[32m') plain=$(printf '\033[0m')
else
    bold='' dim='' red='' green='' plain=''
fi

# Looked at once: inside $(...) stdout is no terminal any more.
terminal=no
[ -t 0 ] && [ -t 1 ] && terminal=yes
on_terminal() { [ "$terminal" = yes ]; }

say_heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s\n' "$*"; }
say_dim() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
say_good() { printf '%s%s%s\n' "$green" "$*" "$plain"; }
say_bad() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; }

# give_up TEXT...: says why and ends the script with 1.
give_up() {
    say_bad "$(basename "$0"): $*"
    exit 1
}

# seconds_since START: whole seconds since $SECONDS was START, as "12 s" or "3 min 4 s".
seconds_since() {
    local took=$((SECONDS - $1))
    if [ "$took" -lt 60 ]; then
        printf '%d s' "$took"
    else
        printf '%d min %d s' $((took / 60)) $((took % 60))
    fi
}
