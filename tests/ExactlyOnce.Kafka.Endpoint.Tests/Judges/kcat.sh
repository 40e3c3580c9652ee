#!/usr/bin/env bash
# kcat (librdkafka). Usage: kcat.sh SERVERS SCENARIO. Says on standard output what it did; the test looks into the broker.
set -euo pipefail
servers=$1

write() {
    for i in $(seq 0 99); do echo "k$i|order $i"; done | kcat -b "$servers" -P -t orders -K '|' -H from=judge
    echo 'gone|' | kcat -b "$servers" -P -t orders -K '|' -Z -H from=judge
}

idempotent() {
    seq 0 199 | kcat -b "$servers" -P -t numbers -p 0 -X enable.idempotence=true
}

compress() {
    for i in $(seq 0 99); do echo "order $i order $i order $i order $i"; done | kcat -b "$servers" -P -t orders -p 0 -z gzip
    kcat -b "$servers" -C -t orders -p 0 -o beginning -e -q -f 'read: %s\n'
}

isolation() {
    kcat -b "$servers" -C -t ledger -o beginning -q -u -X isolation.level=read_committed -c 3 -f 'read_committed: %s\n'
    kcat -b "$servers" -C -t ledger -o beginning -q -u -X isolation.level=read_uncommitted -c 5 -f 'read_uncommitted: %s\n'
}

# For the background only: the process becomes kcat. Each member writes to a file of its own, as two would break each other's lines.
join() {
    exec kcat -b "$servers" -G readers -u -X auto.offset.reset=earliest -X session.timeout.ms=6000 -X heartbeat.interval.ms=300 -f 'read: %s\n' in \
        >"$1.records" 2>"$1.log"
}

# How many partitions a member has, by its own last word.
assigned() { grep -o 'assigned: .*' "$1.log" | tail -n 1 | grep -o 'in \[' | wc -l; }

group() {
    members=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$members"' EXIT
    join "$members/first" & first=$!
    join "$members/second" & second=$!
    until [ "$(assigned "$members/first")" = 2 ] && [ "$(assigned "$members/second")" = 2 ]; do sleep 0.1; done
    echo shared
    read -r
    kill -TERM "$second"
    until [ "$(assigned "$members/first")" = 4 ] && [ "$(sort -u "$members"/*.records | wc -l)" = 100 ]; do sleep 0.1; done
    echo alone
    read -r
    kill -TERM "$first"
    wait
    cat "$members"/*.records
}

"$2"
