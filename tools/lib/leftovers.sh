# shellcheck shell=bash
# leftovers.sh: one directory and one mark for everything that a script starts, so that nothing of it stays.
# Needs $top.
#
# 1. Every process that the script starts inherits VEDETTE_RUN_MARK, whatever becomes of its parent.
# 2. Temporary files go under $scratch, a short path: the path of a Unix socket ends at 107 bytes.

: "${top:?the top of the tree}"

# scratch_around: the files that are not the script's: those of the tree without build directories, and what
# a runtime without a directory of its own would make.
scratch_around() {
    (cd "$top" && find . -path './build*' -prune -o -path ./.git -prune -o -path ./.cache -prune -o -type f -print)
    compgen -G "/tmp/vedette*" || true
}

# scratch_begin NAME: makes $scratch (TMPDIR from now on) and sets the mark.
scratch_begin() {
    scratch=$(mktemp -d "/tmp/$1.XXXXXX") || exit 1
    mkdir -m 700 "$scratch/t" "$scratch/run" "$scratch/state"
    export TMPDIR=$scratch/t XDG_RUNTIME_DIR=$scratch/run XDG_STATE_HOME=$scratch/state
    export VEDETTE_RUN_MARK=$scratch
    unset VEDETTE_DIR
    scratch_around | sort >"$scratch/around"
}

# scratch_processes: "PID COMMAND" of each process that carries the mark, without this script and its own helpers.
scratch_processes() {
    local environ pid
    for environ in /proc/[0-9]*/environ; do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        [ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] && continue
        grep -qzxF "VEDETTE_RUN_MARK=$scratch" "$environ" 2>/dev/null || continue
        # A zombie holds nothing any more; a subshell of this script is not left over.
        grep -qs '^State:.*Z' "/proc/$pid/status" && continue
        [ "$(cut -d' ' -f4 "/proc/$pid/stat" 2>/dev/null)" = $$ ] && continue
        printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-100)"
    done
}

# scratch_files: what lies in the temporary directory, and what is new around it.
scratch_files() {
    find "$TMPDIR" "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME" -mindepth 1 -maxdepth 2 2>/dev/null
    scratch_around | sort | comm -13 "$scratch/around" -
}

# scratch_kill: ends every process with the mark.
scratch_kill() {
    local pids
    mapfile -t pids < <(scratch_processes | cut -d' ' -f1)
    [ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
}

# scratch_end: ends every process with the mark and removes the directory.
scratch_end() {
    [ -n "${scratch:-}" ] || return 0
    scratch_kill
    rm -rf "$scratch"
    scratch=
}
