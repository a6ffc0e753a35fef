#!/usr/bin/env bash
# run.sh SIZE [PEER...]    SIZE = tiny | small | medium | large; no PEER = all
# Builds promptbook and the benchmark, writes the tables to target/peers/results, and prints their path.
set -euo pipefail
size=${1:?usage: run.sh SIZE [PEER...]; SIZE is tiny, small, medium or large}
want=("${@:2}")
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$project/target}
work=$target/peers
command -v strace >/dev/null || { echo "strace is not installed: apt-get install strace" >&2; exit 1; }
# In the project's directory, whose .cargo/config.toml sets the flags that SQLite is compiled with.
cd "$project"
cargo build --release --quiet --features cli --bin promptbook --target-dir "$target"
cargo build --release --quiet --manifest-path "$here/Cargo.toml" --target-dir "$work"
cd "$work"
main=$work/release/peerbench
PEERBENCH_RUN=$(date +%s)
export PEERBENCH_RUN PB=$target/release/promptbook
raw=scratch/raw-$size stores=scratch/stores
rm -rf "$raw" "$stores" && mkdir -p results "$raw" "$stores"
# No store is deleted before all have run: ext4 steps over inodes freed in the last minutes when it makes a file.
chattr +T "$stores" 2>/dev/null || true
"$main" settle "$stores" >&2
wanted() { [ ${#want[@]} -eq 0 ] || printf '%s\n' "${want[@]}" | grep -qx -- "$1"; }
one() { wanted "$1" || return 0; sync; sleep 1; echo "$1" >&2; timeout 900 "${@:2}" || echo "FAILED: $1" | tee -a "$raw/failed" >&2; }
"$main" limits "$size" "$stores" "$raw/limits.json"
for p in $("$main" peers); do one "$p" "$main" bench "$p" "$size" "$stores" "$raw/$p.json"; done
for p in $("$main" peers); do [ ! -e "$raw/$p.json" ] || one "$p" "$main" compact "$p" "$size" "$stores" "$raw/$p.json"; done
"$main" report "$raw" "$size" "results/$size"
rm -rf "$stores"
echo "$work/results/$size.md"
[ ! -e "$raw/failed" ]
