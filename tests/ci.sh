#!/usr/bin/env bash
#
# The one test command. `tests/ci.sh` runs every default step and `tests/ci.sh STEP...` runs those
# alone; `tests/ci.sh --help` lists them. A step that fails does not stop the ones after it; the exit
# code is 0 only if none failed.
#
#   CARGO_TARGET_DIR   where everything is built and cached; ./target if not set
#   WEFT_SKIP          the steps to leave out on purpose: WEFT_SKIP=web,docs
#   WEFT_FUZZ_SECONDS  how long `long` runs each fuzz target; 180 if not set
#   WEFT_WASM          where the compiler for wasm32 comes from: rustup or debian; tried in that order if not set
#
# What a fresh Debian-like machine lacks is installed (as root, or by sudo if that asks nothing), or it
# is said how. What is needed before anything else is Rust itself: https://rustup.rs

set -uo pipefail
exec </dev/null

DEFAULT_STEPS=(fmt lint native witness guests wasm web pkg docs)
MORE_STEPS=(components python bars long)
declare -A ABOUT=(
    [fmt]="every Rust file is formatted as rustfmt.toml says, every script parses"
    [lint]="clippy without a warning, with and without the optional features; the core's bans do ban"
    [native]="every test on this machine: unit, property, conformance, tidy, command line, documentation"
    [witness]="an exported log, a receipt and proofs of it, checked by tlog_tiles, ct-merkle and aics-tlog"
    [guests]="every committed component builds, and is what its sources build to where the compiler is the one that made it"
    [wasm]="the kernel, the web host and the suites build for wasm32-unknown-unknown"
    [web]="the suites, and the tests of the web host, run in a worker of headless Chrome; handlers stand for components"
    [pkg]="the npm package and the page build and work in headless Chrome; the package also packed, in Vite and in webpack"
    [docs]="the documentation builds without a warning"
    [components]="the clauses in a tab with real components, each in a worker; after step pkg, whose package it runs"
    [python]="a guest in Python, built here: it works, is ended by fuel and by memory, and costs the same natively and in Chrome; after step pkg"
    [bars]="what a tab takes, each beside its bar; after step pkg; a missed bar is named and fails nothing"
    [long]="libFuzzer on every target, more random trees and moments, every bench beside its bar, a soak, and other actors beside ours; a missed bar is named and fails nothing; over an hour"
)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 2
cd "$ROOT" || exit 2
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
[[ $TARGET == /* ]] || TARGET=$ROOT/$TARGET
export CARGO_TARGET_DIR=$TARGET
export WEFT_SKIP=${WEFT_SKIP:-}
# A build that nobody edits afterwards gains nothing from incremental artifacts.
[[ -z ${CI:-} ]] || export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
[[ -z ${HOME:-} || :$PATH: == *:$HOME/.cargo/bin:* ]] || PATH=$PATH:$HOME/.cargo/bin
LOGS=$TARGET/ci

# --- talking ---------------------------------------------------------------------------------------

say() { printf 'ci: %s\n' "$*"; }

# missing WHAT HOW: ends the step.
missing() {
    printf 'ci: %s is missing and could not be installed.\nci: %s\n' "$1" "$2" >&2
    exit 1
}

# Runs a command, shown first, at most half an hour: a test that hangs must not hang the build.
run() {
    printf '+ %s\n' "$*"
    local code=0
    timeout --foreground 1800 "$@" || code=$?
    ((code != 124)) || say "stopped after 30 minutes: $*" >&2
    return "$code"
}

# ran COMMAND...: runs tests, and fails where not one was run: a name that nothing has any more must not look like
# success.
ran() {
    "$@" 2>&1 | tee "$LOGS/ran.txt"
    grep -Eq 'test result: .*[^0-9][1-9][0-9]* passed|^(#|ℹ) pass [1-9]' "$LOGS/ran.txt" || {
        say "no test ran: $*" >&2
        return 1
    }
}

skipped() { [[ ,$WEFT_SKIP, == *,"$1",* ]]; }

# --- getting what is missing -----------------------------------------------------------------------

as_root() {
    if ((EUID == 0)); then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

# apt PACKAGE...: installs them, or fails where that is not possible.
apt() {
    command -v apt-get >/dev/null || return 1
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    if [[ ! -e $LOGS/apt-updated ]]; then
        as_root apt-get update -qq || return 1
        touch "$LOGS/apt-updated"
    fi
    as_root apt-get install -y -qq --no-install-recommends "$@" >"$LOGS/apt.log" 2>&1 || {
        tail -n 5 "$LOGS/apt.log"
        return 1
    }
}

need_rust() {
    command -v cargo >/dev/null || missing "cargo" "Install Rust from https://rustup.rs and start again."
    command -v cc >/dev/null || apt gcc libc6-dev || missing "a C linker (cc)" "Install gcc or clang."
}

# need_component NAME COMMAND...: a component of the toolchain, present if COMMAND succeeds.
need_component() {
    local name=$1
    shift
    "$@" >/dev/null 2>&1 || rustup component add "$name" || missing "$name" "rustup component add $name"
}

wasm_std_here() { [[ -d $(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) ]]; }

debian_rustc_here() {
    [[ -x /usr/bin/rustc && -d $(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library ]] &&
        compgen -G '/usr/bin/wasm-ld*' >/dev/null
}

# Decides where the compiler for wasm32 comes from and defines `wasm_cargo`, which is cargo for it, and `wasm_clippy`. The
# second way is Debian's compiler, which is another version than rustup's, with std built from source.
need_wasm() {
    local from=${WEFT_WASM:-}
    case $from in
    rustup | debian | "") ;;
    *) missing "WEFT_WASM=$from" "It is rustup or debian." ;;
    esac
    if [[ $from != debian ]] && { wasm_std_here || { command -v rustup >/dev/null &&
        timeout 300 rustup target add wasm32-unknown-unknown && wasm_std_here; }; }; then
        from=rustup
    elif [[ $from != rustup ]] && { debian_rustc_here || {
        apt rustc-web rust-web-src libstd-rust-web-dev lld-22 && debian_rustc_here; }; }; then
        from=debian
    else
        missing "the target wasm32-unknown-unknown" "rustup target add wasm32-unknown-unknown
ci: or on Debian: apt-get install rustc-web rust-web-src libstd-rust-web-dev lld-22"
    fi
    say "wasm32: $from"
    export WEFT_WASM=$from
    # Another compiler must not share a directory with the native build.
    if [[ $from == rustup ]]; then
        wasm_cargo() { run env CARGO_TARGET_DIR="$TARGET/wasm" cargo "$1" --target wasm32-unknown-unknown "${@:2}"; }
        wasm_clippy() {
            need_component clippy cargo clippy --version
            run env CARGO_TARGET_DIR="$TARGET/wasm" cargo clippy --target wasm32-unknown-unknown "$@" -- -D warnings
        }
    else
        WASM_LD=$(compgen -G '/usr/bin/wasm-ld*' | sort -V | tail -n 1)
        wasm_cargo() {
            run env CARGO_TARGET_DIR="$TARGET/wasm-debian" RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc \
                RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$WASM_LD" \
                cargo "$1" --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort "${@:2}"
        }
        # The linter of the same compiler; rustup's is another version.
        wasm_clippy() {
            [[ -x /usr/bin/clippy-driver ]] || apt rust-web-clippy ||
                missing "clippy for $(/usr/bin/rustc --version)" "apt-get install rust-web-clippy"
            run env CARGO="$(rustup which cargo 2>/dev/null || command -v cargo)" CARGO_TARGET_DIR="$TARGET/wasm-debian" \
                RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo-clippy clippy --target wasm32-unknown-unknown \
                -Zbuild-std=std,panic_abort "$@" -- -D warnings
        }
    fi
}

# Puts the wasm-bindgen tools of exactly the version in Cargo.lock first in PATH.
need_wasm_bindgen() {
    local version tools
    version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/"/, ""); print $3 }' Cargo.lock)
    tools=$TARGET/tools/wasm-bindgen-$version
    PATH=$tools/bin:$PATH
    [[ $(wasm-bindgen-test-runner --version 2>/dev/null) != *" $version" ]] || return 0
    say "building wasm-bindgen-cli $version, once; this takes some minutes"
    # Locked first; a registry that does not carry every locked dependency yet gets a second try.
    local install=(env CARGO_TARGET_DIR="$TARGET/tools/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install wasm-bindgen-cli --version "$version"
        --no-default-features --bin wasm-bindgen --bin wasm-bindgen-test-runner --root "$tools")
    run "${install[@]}" --locked || run "${install[@]}" ||
        missing "wasm-bindgen-test-runner $version" "cargo install wasm-bindgen-cli --version $version"
    rm -rf "$TARGET/tools/build"
}

need_browser() {
    export CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver)}
    [[ -n $CHROMEDRIVER ]] || { apt chromium chromium-driver && CHROMEDRIVER=$(command -v chromedriver); } ||
        missing "Chrome with chromedriver" "Install both, or set CHROMEDRIVER to the driver; WEFT_SKIP=web leaves this out."
    say "browser: $("$CHROMEDRIVER" --version)"
}

need_node() {
    local version
    version=$(node --version 2>/dev/null || true)
    [[ $version =~ ^v([0-9]+) ]] && ((BASH_REMATCH[1] >= 20)) && command -v npm >/dev/null && return
    missing "Node 20 or newer with npm${version:+ (this is $version)}" "Install it from https://nodejs.org; WEFT_SKIP=pkg leaves this out."
}

# --- the steps -------------------------------------------------------------------------------------

step_fmt() {
    need_rust
    need_component rustfmt cargo fmt --version
    run cargo fmt --all --check
    # Guests are workspaces of their own.
    local manifest
    while IFS= read -r manifest; do
        run cargo fmt --all --check --manifest-path "$manifest"
    done < <(grep -ls '^\[workspace\]' examples/*/Cargo.toml examples/*/*/Cargo.toml tests/fixtures/*/Cargo.toml tests/side/Cargo.toml tests/witness/Cargo.toml)
    local script
    while IFS= read -r script; do
        run bash -n "$script"
    done < <(git ls-files -co --exclude-standard .ci '*.sh')
}

step_lint() {
    need_rust
    need_component clippy cargo clippy --version
    run cargo clippy --locked --workspace --all-targets -- -D warnings
    run cargo clippy --locked -p kernel-core --lib -- -D warnings
    run cargo clippy --locked -p platform-native --no-default-features -- -D warnings
    bans_ban
}

# The core's bans, held against a file that breaks each of them: every marked line must be reported.
bans_ban() {
    local file=tests/fixtures/lint/impure.rs expected found
    expected=$(grep -n '//~' "$file" | cut -d: -f1)
    found=$(CLIPPY_CONF_DIR=kernel-core clippy-driver --edition 2024 --crate-type lib --emit metadata \
        --out-dir "$LOGS" --error-format short -W clippy::disallowed_types -W clippy::disallowed_methods \
        -W clippy::disallowed_macros "$file" 2>&1 |
        sed -n "s|^$file:\([0-9]*\):.*disallowed.*|\1|p" | sort -nu) || true
    if [[ $expected != "$found" ]]; then
        say "kernel-core/.clippy.toml: banned lines of $file are" $expected "but clippy reports" $found
        return 1
    fi
    say "kernel-core/.clippy.toml: each of $(wc -w <<<"$expected") planted lines is reported"
}

# The programs that tests start, and the packages in which Debian has them.
need_tools() {
    local tool package lacking=() packages=()
    for tool in bash:bash chown:coreutils mkfifo:coreutils mount:mount umount:mount flock:util-linux setpriv:util-linux \
        unshare:util-linux script:bsdutils kill:procps; do
        package=${tool#*:} tool=${tool%:*}
        [[ -z $(type -P "$tool") ]] || continue
        lacking+=("$tool")
        [[ " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
    done
    ((!${#lacking[@]})) || apt "${packages[@]}" || missing "${lacking[*]}" "On Debian: apt-get install ${packages[*]}"
    env --default-signal=INT true || missing "an env that knows --default-signal" "GNU coreutils has one from 8.31 on."
}

# Puts into `mounting` how a command is started that may mount: some tests fill small disks of their own. Root may as it is.
# Whoever else it is does so in a name space that nobody sees from outside, and stays who it is there: for root in a name
# space, as for every other, the modes of files would not count, which tests are about.
need_mounts() {
    mounting=(unshare --mount)
    may_mount && mounting=() && return
    mounting=(unshare --user --map-current-user --mount --keep-caps
        setpriv --inh-caps=-all,+sys_admin --ambient-caps=-all,+sys_admin)
    may_mount && return
    mounting=()
    say "nothing can be mounted here, and the tests that want it will fail: start this as root, or let users have name spaces
ci: (sysctl kernel.unprivileged_userns_clone=1 on Debian, kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)."
}

may_mount() { "${mounting[@]}" mount -t tmpfs tmpfs "$LOGS" 2>/dev/null; }

step_native() {
    need_rust
    need_tools
    local mounting
    need_mounts
    ran run "${mounting[@]}" cargo test --locked --workspace --no-fail-fast
    # What a host without the sandbox for components says instead.
    ran run cargo test --locked -p platform-native --no-default-features --lib absent
    # What the agents of the example are made of; a workspace of its own that shares the directory.
    ran run cargo test --locked --manifest-path examples/repo-audit/Cargo.toml -p scan -p guest -p reporter
}

# Puts into `AICS_TLOG` where a Python lies that has aics-tlog, which wants 3.12.
need_aics_tlog() {
    local venv=$TARGET/tools/aics-tlog python
    if [[ ! -x $venv/bin/aics-tlog ]]; then
        # A name on the path may be of a version that is not there.
        for python in python3 python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python ""; do
            [[ -z $python ]] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || break
        done
        [[ -n $python ]] || missing "Python 3.12 or later" "Install it: aics-tlog, which checks the log, wants it."
        rm -rf "$venv"
        run "$python" -m venv "$venv" || missing "venv of $python" "On Debian: apt-get install python3-venv"
        run "$venv/bin/pip" install --quiet --disable-pip-version-check aics-tlog==0.2.1 ||
            missing "aics-tlog" "pip install aics-tlog==0.2.1, whose last lines above say why it could not."
    fi
    AICS_TLOG=$venv
}

# What is exported is a log to programs that were written by others: once, and again when it has grown.
step_witness() {
    need_rust
    need_aics_tlog
    # As step `native` has built it.
    run cargo test --locked --workspace --no-run --test cli
    run env CARGO_TARGET_DIR="$TARGET/witness" cargo build --locked --manifest-path tests/witness/Cargo.toml
    local weft=$TARGET/debug/weft at key act state proof
    at=$(mktemp -d) && mkdir "$at/out"
    local audit=("$weft" run examples/repo-audit --mount repo=kernel-core --mount "out=$at/out") data=(--data-dir "$at/data")
    for state in first second; do
        run "${audit[@]}" "${data[@]}" --json >"$at/run.json"
        run "$weft" chain export --tiles "$at/tiles" "${data[@]}"
        cp -r "$at/tiles" "$at/$state"
    done
    act=$("$weft" chain show --verb write --limit 1 --json "${data[@]}" | sed -n 's/.*"action":\([0-9]*\).*/\1/p')
    "$weft" receipt "$act" "${data[@]}" >"$at/receipt.json"
    "$weft" chain prove 0 "${data[@]}" >"$at/first.json"
    "$weft" chain prove 300 "${data[@]}" >"$at/event.json"
    # From the first export to the second: its size and its root are in its checkpoint.
    "$weft" chain consistency "$(sed -n 2p "$at/first/checkpoint")" "${data[@]}" >"$at/grown.json"
    run grep -qF "\"root\":\"$(sed -n 3p "$at/first/checkpoint")\"" "$at/grown.json"
    key=$("$weft" chain checkpoint --json "${data[@]}" | sed -n 's/.*"key": "\(.*\)".*/\1/p')
    local proofs=("$at"/{receipt,first,event,grown}.json)
    for proof in "${proofs[@]}"; do run "$weft" verify "$proof" --key "$key"; done
    run "$TARGET/witness/debug/witness" "$at/first"
    run "$TARGET/witness/debug/witness" "$at/second" "${proofs[@]}"
    run "$AICS_TLOG/bin/python" -B tests/witness/check.py "$at/first" "$key"
    run "$AICS_TLOG/bin/python" -B tests/witness/check.py "$at/second" "$key" "${proofs[@]}"
    rm -rf "$at"
}

step_guests() {
    need_rust
    need_wasm
    run env CARGO_TARGET_DIR="$TARGET/guests" examples/build.sh --check
}

step_wasm() {
    need_rust
    need_wasm
    wasm_cargo build --locked -p kernel-core
    wasm_cargo build --locked -p kernel-core --features sim
    wasm_cargo build --locked -p platform-web
    wasm_clippy --locked -p platform-web --all-targets --no-deps
    wasm_cargo test --locked -p kernel-tests --test web --no-run
    wasm_cargo test --locked -p platform-web --lib --no-run
}

step_web() {
    need_rust
    need_wasm
    need_wasm_bindgen
    need_browser
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner WASM_BINDGEN_TEST_TIMEOUT=600
    # Clauses with components want the built package; step `components` runs them.
    ran wasm_cargo test --locked -p kernel-tests --test web -- --skip components::
    ran wasm_cargo test --locked -p platform-web --lib
}

step_pkg() {
    need_rust
    need_wasm
    need_wasm_bindgen
    need_browser
    need_node
    run npm --prefix pkg ci --ignore-scripts --no-audit --no-fund
    run pkg/build.sh
    ran run npm --prefix pkg test
    run npm --prefix www ci --ignore-scripts --no-audit --no-fund
    run npm --prefix www run build
    run npm --prefix www run check
    ran run npm --prefix www test
}

# Clauses in a tab with real components. Wants what step `pkg` has built.
step_components() {
    need_rust
    need_wasm
    need_wasm_bindgen
    need_browser
    need_node
    run npm --prefix pkg run suite
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner WASM_BINDGEN_TEST_TIMEOUT=600
    ran wasm_cargo test --locked -p kernel-tests --test web -- components::
}

# A guest in Python, on both hosts. Its component is too large to be kept. Wants what step `pkg` has built.
step_python() {
    need_rust
    need_browser
    need_node
    export WEFT_PYTHON=$TARGET/python/guest.wasm
    run tests/fixtures/python/build.sh "$WEFT_PYTHON"
    ran run cargo test --locked --workspace --lib -- --ignored --nocapture in_python
    ran run npm --prefix pkg run python
}

# What a page measures. Wants what step `pkg` has built.
step_bars() {
    need_browser
    need_node
    [[ ! -e $TARGET/python/guest.wasm ]] || export WEFT_PYTHON=$TARGET/python/guest.wasm
    run npm --prefix pkg run measure
    missed "$LOGS/bars.log"
}

step_docs() {
    need_rust
    RUSTDOCFLAGS="-D warnings" run cargo doc --locked --workspace --no-deps
}

# Puts cargo-fuzz first in PATH.
need_fuzzer() {
    local tools=$TARGET/tools/cargo-fuzz
    PATH=$tools/bin:$PATH
    command -v c++ >/dev/null || apt g++ || missing "a C++ compiler" "Install g++ or clang."
    cargo fuzz --version >/dev/null 2>&1 && return
    say "building cargo-fuzz, once"
    run env CARGO_TARGET_DIR="$tools/build" cargo install cargo-fuzz --locked --root "$tools" ||
        missing "cargo-fuzz" "cargo install cargo-fuzz"
    rm -rf "$tools/build"
}

# Bytes that break a target are kept in tests/fuzz/artifacts; what is worth keeping belongs into its seeds. A bar that is
# missed does not fail the step: some are known to be, and what a slower machine measures is no fault of the code. Each is
# told by name at the end, and again in the summary.
step_long() {
    need_rust
    need_tools
    need_fuzzer
    # The coverage that libFuzzer needs is behind flags that a stable compiler has and does not promise.
    local fuzz=(env RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$TARGET/fuzz" cargo fuzz) flags=(--fuzz-dir tests/fuzz --features libfuzzer -s none)
    run "${fuzz[@]}" build "${flags[@]}"
    local entry target seeds
    for entry in tests/fuzz/fuzz_targets/*.rs; do
        target=$(basename "$entry" .rs)
        seeds=("tests/fuzz/seeds/$target")
        [[ $target != component ]] || seeds+=(tests/fixtures/guests)
        mkdir -p "tests/fuzz/corpus/$target"
        run "${fuzz[@]}" run "${flags[@]}" "$target" "tests/fuzz/corpus/$target" "${seeds[@]}" -- \
            -max_total_time="${WEFT_FUZZ_SECONDS:-180}" -max_len=65536 -timeout=20 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1
    done
    ran run env WEFT_AUDIT_SEEDS=100 WEFT_KILLS=300 WEFT_INTERRUPTS=60 cargo test --locked --workspace --test cli -- \
        all_that_was_planted at_any_moment
    # A commit that is cut at each of its bytes.
    ran run env WEFT_TORN=1 cargo test --locked -p platform-native --lib -- cut_at_any_byte
    run cargo bench --locked -p kernel-core
    run cargo bench --locked -p platform-native
    # The start over a log of 10,000,000 events, which takes 7 GB of disk.
    run cargo bench --locked -p platform-native --bench long_log
    # Ten minutes of spawns, crashes and kills, after which memory is what it was.
    run cargo bench --locked -p platform-native --bench soak
    # The same work by raw tokio channels and by two actor libraries.
    run env CARGO_TARGET_DIR="$TARGET/side" cargo run --release --locked --manifest-path tests/side/Cargo.toml
    # 1: a bar is missed, which its lines say; 2: something could not be measured.
    run examples/repo-audit/bench.sh || (($? == 1))
    missed "$LOGS/long.log"
}

# The names of the bars in a log that are missed.
missed() {
    local names
    names=$(sed -n 's/^ *bar: \(.*\): MISSED$/\1/p' "$1")
    if [[ -n $names ]]; then
        printf 'ci: BARS MISSED: %d\n' "$(wc -l <<<"$names")"
        sed 's/^/ci:   MISSED  /' <<<"$names"
    else
        say "bars missed: none of $(grep -c '^ *bar: ' "$1" || true)"
    fi
}

# --- running them ----------------------------------------------------------------------------------

usage() {
    echo "usage: tests/ci.sh [STEP...]      without a step, all of: ${DEFAULT_STEPS[*]}"
    local step
    for step in "${DEFAULT_STEPS[@]}"; do printf '  %-10s %s\n' "$step" "${ABOUT[$step]}"; done
    echo "by name alone:"
    for step in "${MORE_STEPS[@]}"; do printf '  %-10s %s\n' "$step" "${ABOUT[$step]}"; done
    sed -n 's/^#   \([A-Z_]* .*\)/  \1/p' "$ROOT/tests/ci.sh"
}

# The closing line of every test runner in a log, with the name of what it ran, then what failed.
closing_lines() {
    awk '
        { gsub(/\033\[[0-9;]*m/, "") }
        $1 == "Running" && /\(/ { name = $0; sub(/^ *Running (unittests )?/, "", name); sub(/ \(.*\/(deps\/)?/, " (", name); sub(/-[0-9a-f]+(\.wasm)?\)/, ")", name) }
        $1 == "Doc-tests" { name = "documentation of " $2 }
        /^test result: / { sub(/^test result: /, ""); if (!/ 0 passed; 0 failed; 0 ignored/) printf "           %s: %s\n", name, $0 }
        /^(#|ℹ) (pass|fail|skipped) [0-9]/ { count[$2] = $3; if ($2 == "skipped") printf "           node --test: %d passed; %d failed; %d skipped\n", count["pass"], count["fail"], $3 }
        /^(not ok|✖) / && !/failing tests:/ { if (failed++ < 20) printf "         ! %s\n", $0 }
        /^ci: (BARS|bars|  MISSED)/ { sub(/^ci: /, ""); printf "           %s\n", $0 }
        /^test .* (FAILED|FAIL)$/ || /^error(\[E[0-9]+\])?:/ || /^ci: .*missing/ { if (failed++ < 20) printf "         ! %s\n", $0 }
    ' "$1"
}

main() {
    local steps=("$@") step name
    case ${1:-} in -h | --help) usage; exit ;; esac
    ((${#steps[@]})) || steps=("${DEFAULT_STEPS[@]}")
    for step in "${steps[@]}"; do
        [[ -n ${ABOUT[$step]:-} ]] || { echo "ci: no step is called \`$step\`" >&2 && usage >&2 && exit 2; }
    done
    for name in ${WEFT_SKIP//,/ }; do
        [[ -n ${ABOUT[$name]:-} ]] || { echo "ci: WEFT_SKIP names \`$name\`, which is no step" >&2 && exit 2; }
    done
    mkdir -p "$LOGS" || exit 2
    rm -f "$LOGS"/*.log "$LOGS/apt-updated"
    say "$(git rev-parse --short HEAD 2>/dev/null || echo 'no git'), $(nproc) cores, $(rustc --version 2>/dev/null || echo 'no rustc'), building in $TARGET"

    local failed=0 code began summary=() took
    local all=$SECONDS
    for step in "${steps[@]}"; do
        if skipped "$step"; then
            printf '\nci: ==== %s: SKIPPED because WEFT_SKIP=%s ====\n' "$step" "$WEFT_SKIP"
            summary+=("$step SKIPPED")
            continue
        fi
        printf '\nci: ==== %s: %s ====\n' "$step" "${ABOUT[$step]}"
        began=$SECONDS
        (
            set -e
            "step_$step"
        ) 2>&1 | tee "$LOGS/$step.log"
        code=${PIPESTATUS[0]}
        took=$(minutes $((SECONDS - began)))
        [[ " ${MORE_STEPS[*]} " == *" $step "* ]] || ((SECONDS - began <= 600)) || took+=" (over its 10)"
        if ((code == 0)); then code=ok; else code=FAILED && failed=1; fi
        summary+=("$step $code $took")
        printf 'ci: %s: %s, %s min\n' "$step" "$code" "$took"
    done

    printf '\nci: ==== summary ====\n'
    for name in "${summary[@]}"; do
        read -r step code took <<<"$name"
        printf '  %-10s %-8s %s\n' "$step" "$code" "${took:+$took min}"
        [[ ! -e $LOGS/$step.log ]] || closing_lines "$LOGS/$step.log"
    done
    printf '  %-10s %-8s %s min\n' all "$( ((failed)) && echo FAILED || echo ok)" "$(minutes $((SECONDS - all)))"
    exit "$failed"
}

minutes() { printf '%d.%d' $(($1 / 60)) $(($1 % 60 / 6)); }

main "$@"
