#!/usr/bin/env bash
# test_package.sh BUILD: installs BUILD into an empty prefix, builds a stranger's program against it with pkg-config and
# with find_package, and lets both attach to the installed runtime; the prefix is moved in between. Then an observer.
set -eu
build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
example=$here/../../protocol/client/example/attach.c
work=$(mktemp -d)
vedette=
finish() {
    [ -z "$vedette" ] || "$vedette" down >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "$*" >&2
    exit 1
}

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/p"
for file in "$build"/bin/vedette*; do
    [ -x "$work/p/bin/$(basename "$file")" ] || fail "$(basename "$file") is built and not installed"
done
! grep -rIl --include='*.cmake' --include='*.pc' -e "$build" -e "$work/first" "$work/p" ||
    fail "an installed file names the build or the first prefix"
! grep -rlaE 'VEDETTE_FAILPOINT|vd_failpoint' "$work/p" || fail "an installed file has places at which it kills itself"
for program in "$work"/p/bin/vedette*; do
    ! ldd "$program" | grep 'not found' || fail "$program lacks a library"
done

pc=$(dirname "$(find "$work/p" -name libvedette.pc)")
# shellcheck disable=SC2046 # flags are words
PKG_CONFIG_PATH=$pc cc -std=c11 -Wall -Wextra -Werror -o "$work/attach" "$example" \
    $(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs libvedette)
cmake -G Ninja -S "$here/package" -B "$work/b" -DCMAKE_PREFIX_PATH="$work/p" -DEXAMPLE="$example" >"$work/log" 2>&1 &&
    cmake --build "$work/b" >>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
version=$(PKG_CONFIG_PATH=$pc pkg-config --modversion libvedette)

vedette=$work/p/bin/vedette
export VEDETTE_DIR=$work/d
"$vedette" version | grep -qxE "vedette +$version" || fail "libvedette.pc says $version, vedette something else"
"$vedette" up --detach --wait
lib=$(dirname "$(find "$work/p" -name 'libvedette.so*' | head -n 1)")
for program in "$work/attach" "$work/b/attach"; do
    LD_LIBRARY_PATH=$lib "$program" >"$work/out" || fail "$program failed"
    grep -q '"type":"session_started"' "$work/out" || fail "$program did not show the session's first event: $(cat "$work/out")"
done
"$vedette" down
vedette=

# An observer out of tree, with pkg-config alone, by a compiler that is stricter than the one it was written with.
"$work/p/bin/vedette" -q observer new other --dir "$work/o"
# shellcheck disable=SC2046 # flags are words
PKG_CONFIG_PATH=$pc cc -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$work/other" "$work/o/other.c" \
    $(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs libvedette-observer)
"$work/other" --print-config | grep -q '^\[observers.other\]' || fail "an observer out of tree does not print its table"
