# shellcheck shell=bash
# outcome.sh: what a stage of tools/test counts where no JUnit file says it.

# fuzz_outcome LOG STATUS: "PASSED FAILED" of a run of tests/fuzz/run with this output and exit code. One that ended
# otherwise than its targets, or that ran none, has failed.
fuzz_outcome() {
    local ok found
    ok=$(grep -c ' ok$' "$1")
    found=$(grep -c ' FOUND$' "$1")
    if [ $((ok + found)) -eq 0 ] || { [ "$2" -ne 0 ] && [ "$found" -eq 0 ]; }; then
        found=1
    fi
    echo "$ok $found"
}

# reports_outcome DIR: "PASSED FAILED" by the reports that a sanitizer has written into DIR, each to a file of its own. The
# beginning of each goes to the standard error.
reports_outcome() {
    local report found=0
    for report in "$1"/*; do
        [ -s "$report" ] || continue
        found=$((found + 1))
        [ "$found" -gt 5 ] || { echo "report ${report##*/}:" && head -n 40 "$report"; } | sed 's/^/    /' >&2
    done
    echo "$((found == 0)) $found"
}
