# shellcheck shell=bash
# hsd.sh: installs hsd, the nodes of a chain that tests and examples watch, beside a build. Needs say.sh, packages.sh
# and $top.

: "${top:?the top of the tree}"

hsd_install=$top/tools/examples/chain/hsd_install.py

# hsd_packages YES: what hsd is built from. It may be there from elsewhere than Debian: then none of it is installed.
# Without it only what watches a chain is skipped, so that it need not end the script.
hsd_packages() {
    "$hsd_install" --check >/dev/null 2>&1 || (packages_install "$1" chain) || true
}

# hsd_begin LOG: installs it in the background, the first time in some minutes.
hsd_begin() {
    hsd_log=$1
    "$hsd_install" >"$hsd_log" 2>&1 </dev/null &
    hsd_pid=$!
}

# hsd_end: waits for it; returns 1 and says why when it is not there.
hsd_end() {
    wait "$hsd_pid" && return 0
    sed 's/^/    /' "$hsd_log"
    return 1
}
