# shellcheck shell=bash
# build.sh: configures and builds a preset of CMakePresets.json. Needs say.sh and $top.

: "${top:?the top of the tree}"

# build_forget_foreign PRESET: a build directory that was configured for another place cannot be used here.
build_forget_foreign() {
    local dir=$top/build/$1 home
    if [ -e "$dir" ] && [ ! -w "$dir" ]; then
        give_up "$dir belongs to $(stat -c %U "$dir") and cannot be written. Remove it (rm -r), then try again."
    fi
    [ -f "$dir/CMakeCache.txt" ] || return 0
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$dir/CMakeCache.txt")
    [ "$home" = "$top" ] && return 0
    say_dim "build/$1 was configured for ${home:-another place}: building it anew."
    rm -rf "$dir"
}

# build_preset PRESET ON|KEEP: builds all of a preset, with the tests or, where nothing says otherwise yet, without
# them. Prints output only when it fails. Returns 0 or 1.
build_preset() {
    local preset=$1 tests=$2 log status=0
    build_forget_foreign "$preset"
    log=$(mktemp)
    local configure=(cmake --preset "$preset")
    if [ "$tests" = ON ]; then
        configure+=(-DVD_BUILD_TESTS=ON)
    elif [ ! -f "$top/build/$preset/CMakeCache.txt" ]; then
        configure+=(-DVD_BUILD_TESTS=OFF)
    fi
    if command -v ccache >/dev/null; then
        configure+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    # Not in the directories of the tests: ccache keeps files of its own in the run-time directory.
    (unset XDG_RUNTIME_DIR TMPDIR && cd "$top" && "${configure[@]}" && cmake --build --preset "$preset") >"$log" 2>&1 || status=1
    if [ "$status" -ne 0 ]; then
        grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 80 >&2
    fi
    rm -f "$log"
    return "$status"
}
