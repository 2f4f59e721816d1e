#!/usr/bin/env bash
#
# Builds the package into dist/: the kernel's WebAssembly and its glue, the scripts of the page and of its workers, and
# the transpiler apart; then says what a page has to load, held against the bar.
#
# Wants npm's packages (`npm ci`), Rust with the target wasm32-unknown-unknown (or Debian's rustc-web, as tests/ci.sh says)
# and wasm-bindgen of the version in Cargo.lock; what is missing is said before anything is built. `pkg/build.sh --scripts` builds the scripts alone, over the WebAssembly
# that is there.
#
#   CARGO_TARGET_DIR   where Rust is built; ../target if not set
#   WEFT_WASM          where the compiler comes from: rustup or debian; tried in that order if not set
#   WASM_BINDGEN       the program wasm-bindgen, if it is not in PATH

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
ROOT=$(cd .. && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
[[ $TARGET == /* ]] || TARGET=$ROOT/$TARGET

# gzip -9 of what a page loads before its first component, at most.
BAR=1500000

fail() {
    printf 'pkg/build.sh: %s\n' "$*" >&2
    exit 1
}

version_of() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/"/, ""); print $3 }' "$ROOT/Cargo.lock"; }

crate_version() { awk -F'"' '/^\[workspace.package\]/ { on = 1 } on && /^version/ { print $2; exit }' "$ROOT/Cargo.toml"; }

# The crate for wasm32, with whichever compiler is there.
build_crate() {
    local from=${WEFT_WASM:-} libs linker
    libs=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null || true)
    [[ -n $from ]] || { [[ -d $libs ]] && from=rustup || from=debian; }
    local build=(cargo build --locked -p platform-web --profile web --target wasm32-unknown-unknown --manifest-path "$ROOT/Cargo.toml")
    if [[ $from == rustup ]]; then
        TARGET=$TARGET/wasm
        CARGO_TARGET_DIR=$TARGET "${build[@]}"
    else
        linker=$(compgen -G '/usr/bin/wasm-ld*' | sort -V | tail -n 1) || fail "no compiler for wasm32: rustup target add wasm32-unknown-unknown"
        TARGET=$TARGET/wasm-debian
        CARGO_TARGET_DIR=$TARGET RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1 \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker "${build[@]}" -Zbuild-std=std,panic_abort
    fi
}

# Looked for before anything is built: in PATH, and where tests/ci.sh puts it.
find_bindgen() {
    local wanted
    wanted=$(version_of wasm-bindgen)
    for BINDGEN in "${WASM_BINDGEN:-wasm-bindgen}" "$TARGET/tools/wasm-bindgen-$wanted/bin/wasm-bindgen"; do
        [[ $("$BINDGEN" --version 2>/dev/null) != *" $wanted" ]] || return 0
    done
    fail "wasm-bindgen $wanted is missing: cargo install wasm-bindgen-cli --version $wanted"
}

bindgen() {
    "$BINDGEN" --target web --out-dir dist/wasm --out-name weft --remove-name-section --remove-producers-section \
        "$TARGET/wasm32-unknown-unknown/web/platform_web.wasm"
    # What is never reached, and what stands there twice. The passes of -Os make the file smaller and what is left of it by gzip larger,
    # by 7 %. The features are what rustc uses without being asked, and every browser has that has JSPI.
    node_modules/.bin/wasm-opt --duplicate-function-elimination --dce --vacuum \
        --enable-bulk-memory --enable-bulk-memory-opt --enable-multivalue --enable-mutable-globals \
        --enable-nontrapping-float-to-int --enable-reference-types --enable-simd --enable-call-indirect-overlong --enable-sign-ext --strip-debug --strip-target-features \
        -o dist/weft.wasm dist/wasm/weft_bg.wasm
}

if [[ ${1:-} != --scripts ]]; then
    [[ $(node -p 'require("./package.json").version') == "$(crate_version)" ]] || fail "package.json has another version than Cargo.toml"
    [[ -x node_modules/.bin/wasm-opt ]] || fail "npm's packages are missing: npm --prefix pkg ci"
    find_bindgen
    rm -rf dist
    build_crate
    bindgen
fi
[[ -e dist/weft.wasm ]] || fail "there is no dist/weft.wasm yet; run without --scripts"
node build/bundle.mjs
node_modules/.bin/tsc -p tsconfig.json
node build/check.mjs "$BAR"
