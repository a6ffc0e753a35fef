#!/usr/bin/env bash
# quick.sh [PEER...]    no PEER = promptbook and floor-sqlite
# Checks that the benchmark works, with debug builds and the smallest workload. Measures the named peers and checks their
# answers. Each other peer imports the workload, commits, moves an environment and resolves. If PB names a promptbook
# command, none is built.
set -euo pipefail
measured=("$@")
[ $# -gt 0 ] || measured=(promptbook floor-sqlite)
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$project/target}
work=$target/peers
command -v strace >/dev/null || { echo "strace is not installed: apt-get install strace" >&2; exit 1; }
cd "$project"
export PB=${PB:-}
if [ -z "$PB" ]; then
    cargo build --quiet --all-features --bin promptbook --target-dir "$target"
    PB=$target/debug/promptbook
fi
cargo build --quiet --manifest-path "$here/Cargo.toml" --target-dir "$work"
main=$work/debug/peerbench
export PEERBENCH_RUN=quick
scratch=$(mktemp -d "$work/quick.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failed=
fail() { echo "FAILED: $*" >&2; failed=1; }

# The benchmark itself compares each body after the import, and each body that a new process reads.
check() { # PEER
    local result=$scratch/$1.json
    if grep -nE '"(lost|unreadable)": -?[1-9]' "$result" >&2; then fail "$1 lost a commit that it acknowledged"; fi
    if grep -nE '"stale": [1-9]' "$result" >&2; then fail "$1 returned a body from before a move"; fi
    grep -qE '"acked": [1-9]' "$result" || fail "$1 acknowledged no commit"
    grep -q '"rows": 50' "$result" || fail "$1 does not list 50 versions"
}
for peer in "${measured[@]}"; do
    echo "$peer: measure"
    if timeout 120 "$main" bench "$peer" tiny "$scratch" "$scratch/$peer.json" &&
        timeout 120 "$main" compact "$peer" tiny "$scratch" "$scratch/$peer.json"; then
        check "$peer"
    else
        fail "$peer"
    fi
done
"$main" report "$scratch" tiny "$scratch/report"
grep -q "^| ${measured[0]} |" "$scratch/report.md" || fail "the report lacks ${measured[0]}"

# The measurements do not move the environments of the last prompt, so every peer resolves it to the same length.
"$main" gen tiny "$scratch/workload"
prompt=$(tail -n 1 "$scratch/workload" | grep -oE '"name":"[^"]*"' | head -n 1 | cut -d '"' -f 4)
length() { "$main" cold "$1" "$2" durable "$prompt" production | cut -d ' ' -f 3; } # PEER STORE
expected=$(length "${measured[0]}" "$scratch/${measured[0]}.$PEERBENCH_RUN")
use() { # PEER STORE
    timeout 60 "$main" load "$1" tiny "$2" && timeout 60 "$main" ops "$1" "$2" durable commit 3 &&
        timeout 60 "$main" ops "$1" "$2" durable move 3 && [ "$(length "$1" "$2")" = "$expected" ]
}
for peer in $("$main" peers); do
    if printf '%s\n' "${measured[@]}" | grep -qx -- "$peer"; then continue; fi
    echo "$peer: use"
    use "$peer" "$scratch/$peer" || fail "$peer"
done
[ -z "$failed" ]
