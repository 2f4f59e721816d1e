#!/bin/sh
# Measures repo-audit beside one plain native pass over the same tree: 20,000 files, 200 MB, unless told otherwise.
#
#   examples/repo-audit/bench.sh [--files N --bytes N --seed N | --tree FOLDER] [--rounds N] [--env dev|staging|prod]
#
# Builds both first. The tree, the log and the report stay in target/bench, so that a second time is quicker. The exit
# code is 1 if a bar is missed. See README.md beside this file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
target=${CARGO_TARGET_DIR:-$root/target}
export CARGO_TARGET_DIR="$target"

cargo build --quiet --locked --release --manifest-path "$root/Cargo.toml" -p platform-native
# A directory of its own: the profile of the examples is another one.
CARGO_TARGET_DIR="$target/examples" cargo build --quiet --locked --release --manifest-path "$here/Cargo.toml" -p native-pass -p bench
mkdir -p "$target/bench"
exec "$target/examples/release/bench" --weft "$target/release/weft" --native "$target/examples/release/native-pass" \
    --app "$here" --work "$target/bench" "$@"
