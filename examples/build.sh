#!/bin/sh
# Rebuilds all committed components, those of the examples and the guests of the tests, and says whether they differ
# from the committed ones.
#
#   examples/build.sh            builds, puts the results in place, and lists what changed
#   examples/build.sh --check    builds and compares only; exit 1 if something differs
#
# Wants a Rust compiler with the target wasm32-unknown-unknown: rustup's, or else Debian's rustc-web with the
# sources of std. The same compiler gives the same bytes wherever it runs; another one gives other bytes, which is
# no fault, so a file BUILT_WITH beside the components names the compiler that they came from: with another one,
# --check builds and does not compare.
set -eu

check=no
case "${1:-}" in
    "") ;;
    --check) check=yes ;;
    *) echo "usage: examples/build.sh [--check]" >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target/guests}
export CARGO_TARGET_DIR="$target"
triple=wasm32-unknown-unknown

# The tool that makes components runs on this machine, so it is built with whatever compiler is the usual one.
cargo build --quiet --locked --release --manifest-path "$here/encode/Cargo.toml"

std=
rustc=${RUSTC:-rustc}
if [ -d "$("$rustc" --print sysroot)/lib/rustlib/$triple/lib" ]; then
    :
elif [ -x /usr/bin/rustc ] && command -v wasm-ld-22 >/dev/null &&
    [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
    # std is built from its sources, which a stable compiler does only when told so.
    rustc=/usr/bin/rustc
    export RUSTC="$rustc" RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22
    std="-Zbuild-std=std,panic_abort"
else
    cat >&2 <<'EOF'
examples/build.sh: no Rust compiler here can build for wasm32-unknown-unknown. Either
    rustup target add wasm32-unknown-unknown
or, on Debian,
    apt-get install -y --no-install-recommends rustc-web rust-web-src libstd-rust-web-dev lld-22
EOF
    exit 1
fi
compiler=$("$rustc" --version)
sysroot=$("$rustc" --print sysroot)
registry=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd -P)

# Paths of this machine would end up in panic messages. SIMD triples the speed of searching; every engine has it.
export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$registry=/cargo$(printf '\037')--remap-path-prefix=$sysroot=/rust$(printf '\037')--remap-path-prefix=$root=/weft$(printf '\037')-Ctarget-feature=+simd128"

different=0
not_compared=0

# build WORKSPACE KEPT NAME: builds each guest of the workspace and compares it with KEPT/GUEST.wasm.
build() {
    guests=$(cd "$1" && grep -l '^crate-type = \["cdylib"\]' ./*/Cargo.toml | sed 's|^\./||; s|/Cargo.toml$||' | sort)
    packages=
    for guest in $guests; do packages="$packages -p $guest"; done
    # shellcheck disable=SC2086  # lists of words
    cargo build --quiet --locked $std --target "$triple" --profile guest --manifest-path "$1/Cargo.toml" $packages
    builder=$(cat "$2/BUILT_WITH" 2>/dev/null || echo "an unknown compiler")
    echo "$3, with $compiler:"
    for guest in $guests; do
        made="$target/$triple/guest/$guest.component.wasm"
        kept="$2/$guest.wasm"
        "$target/release/encode" "$target/$triple/guest/$(echo "$guest" | tr - _).wasm" "$made"
        if grep -aqF -e "$root" -e "$registry" -e "$HOME/" "$made"; then
            echo "examples/build.sh: $made holds a path of this machine" >&2
            exit 1
        fi
        if cmp -s "$made" "$kept"; then verdict=same
        elif [ "$check" = yes ] && [ "$builder" != "$compiler" ]; then verdict="not compared"; not_compared=$((not_compared + 1))
        else verdict=differs; different=$((different + 1)); fi
        printf '  %-12s %8d bytes  %s\n' "$guest" "$(wc -c <"$made")" "$verdict"
        [ "$check" = yes ] || cp "$made" "$kept"
    done
    [ "$builder" = "$compiler" ] || echo "  (the committed ones were built with $builder)"
    [ "$check" = yes ] || echo "$compiler" >"$2/BUILT_WITH"
}

for manifest in "$here"/*/Cargo.toml; do
    example=$(dirname "$manifest")
    [ ! -d "$example/components" ] || build "$example" "$example/components" "$(basename "$example")"
done
build "$root/tests/fixtures/guests" "$root/tests/fixtures/guests" "guests of the tests"

if [ "$different" -gt 0 ]; then
    echo "$different differ from the committed ones."
    [ "$check" = no ] || exit 1
elif [ "$not_compared" -gt 0 ]; then
    echo "$not_compared were built and not compared: they come from another compiler."
else
    echo "All are the same as the committed ones."
fi
