#!/bin/sh
# Rebuilds the components of all examples and says whether they differ from the committed ones.
#
#   examples/build.sh            builds, puts the results in place, and lists what changed
#   examples/build.sh --check    builds and compares only; exit 1 if something differs
#
# Wants a Rust compiler with the target wasm32-unknown-unknown: rustup's, or else Debian's rustc-web with the
# sources of std. The same compiler gives the same bytes wherever it runs; another one gives other bytes, which is
# no fault, so each components/BUILT_WITH names the compiler that its components came from.
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
for manifest in "$here"/*/Cargo.toml; do
    example=$(dirname "$manifest")
    [ -d "$example/components" ] || continue
    agents=$(cd "$example" && grep -l '^crate-type = \["cdylib"\]' ./*/Cargo.toml | sed 's|^\./||; s|/Cargo.toml$||' | sort)
    packages=
    for agent in $agents; do packages="$packages -p $agent"; done
    # shellcheck disable=SC2086  # lists of words
    cargo build --quiet --locked $std --target "$triple" --profile guest --manifest-path "$manifest" $packages
    echo "$(basename "$example"), with $compiler:"
    for agent in $agents; do
        made="$target/$triple/guest/$agent.component.wasm"
        kept="$example/components/$agent.wasm"
        "$target/release/encode" "$target/$triple/guest/$(echo "$agent" | tr - _).wasm" "$made"
        if grep -aqF -e "$root" -e "$registry" "$made"; then
            echo "examples/build.sh: $made holds a path of this machine" >&2
            exit 1
        fi
        if cmp -s "$made" "$kept"; then verdict=same; else verdict=differs; different=$((different + 1)); fi
        printf '  %-12s %8d bytes  %s\n' "$agent" "$(wc -c <"$made")" "$verdict"
        [ "$check" = yes ] || cp "$made" "$kept"
    done
    builder=$(cat "$example/components/BUILT_WITH" 2>/dev/null || echo "an unknown compiler")
    [ "$builder" = "$compiler" ] || echo "  (the committed ones were built with $builder)"
    [ "$check" = yes ] || echo "$compiler" >"$example/components/BUILT_WITH"
done

if [ "$different" -gt 0 ]; then
    echo "$different differ from the committed ones."
    [ "$check" = no ] || exit 1
else
    echo "All are the same as the committed ones."
fi
