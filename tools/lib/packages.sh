# shellcheck shell=bash
# packages.sh: installs what tools/packages.txt lists and this machine lacks. Needs say.sh and $top.

: "${top:?the top of the tree}"

# packages_of GROUP...: the packages of these groups, one each line.
packages_of() {
    local group package wanted
    while read -r group package; do
        for wanted in "$@"; do
            [ "$group" = "$wanted" ] && printf '%s\n' "$package"
        done
    done <"$top/tools/packages.txt"
}

# packages_missing GROUP...: those that dpkg does not know as installed.
packages_missing() {
    local wanted installed
    mapfile -t wanted < <(packages_of "$@")
    # dpkg-query fails when it does not know one of them; its lines about the others still count.
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
    printf '%s\n' "${wanted[@]}" | grep -vxF -f <(sed -n 's/^installed //p' <<<"$installed") || true
}

# packages_become_root YES: prints the command that gives root's rights ("" for root), or fails where there is none.
packages_become_root() {
    [ "$(id -u)" -eq 0 ] && return 0
    command -v sudo >/dev/null || return 1
    if on_terminal; then
        local answer=y
        if [ "$1" != yes ]; then
            printf 'Install them with sudo now? [Y/n] ' >/dev/tty
            read -r answer </dev/tty || answer=n
        fi
        case "$answer" in [nN]*) return 1 ;; esac
        echo sudo
    else
        sudo -n true 2>/dev/null || return 1
        echo 'sudo -n'
    fi
}

# packages_apt ROOT ARGUMENT...: apt-get that never asks; its output only when it fails.
packages_apt() {
    local become=$1 log status=0
    shift
    log=$(mktemp)
    # shellcheck disable=SC2086 # "sudo -n" is two words
    $become env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -qq -y \
        -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null || status=$?
    packages_log=$(tail -n 20 "$log")
    rm -f "$log"
    return "$status"
}

# packages_by_hand COMMAND: what a person would type.
packages_by_hand() {
    local command="apt-get update && $1"
    if command -v sudo >/dev/null; then
        printf 'sudo %s\n' "${command/"&& "/"&& sudo "}"
    else
        printf 'su -c "%s"\n' "$command"
    fi
}

# packages_install YES GROUP...: installs what is missing of the groups. Ends the script when it cannot.
packages_install() {
    local yes=$1 missing become begun=$SECONDS
    shift
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say_bad "This is not a Debian system: what is needed has to be there already (list: tools/packages.txt)."
        return 0
    fi
    mapfile -t missing < <(packages_missing "$@")
    [ "${#missing[@]}" -eq 0 ] && return 0
    say "Missing packages: ${missing[*]}"
    local install="apt-get install --no-install-recommends ${missing[*]}"
    become=$(packages_become_root "$yes") || give_up "cannot install them without root's rights. Run this, then try again:
    $(packages_by_hand "$install")"
    # A fresh system has no lists; an old one has lists that name files which are gone.
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        packages_apt "$become" update || true
    fi
    if ! packages_apt "$become" install --no-install-recommends "${missing[@]}"; then
        packages_apt "$become" update || true
        packages_apt "$become" install --no-install-recommends "${missing[@]}" ||
            give_up "installing failed:
$packages_log
The command was: $install"
    fi
    say_dim "Installed ${#missing[@]} packages in $(seconds_since "$begun")."
}
