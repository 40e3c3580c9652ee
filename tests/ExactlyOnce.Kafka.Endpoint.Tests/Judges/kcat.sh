#!/usr/bin/env bash
# kcat (librdkafka). Usage: kcat.sh SERVERS SCENARIO [CODEC]. How to log in is in the file that KCAT_CONFIG names. Says on standard output what it did; the test looks into the broker.
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
    for i in $(seq 0 99); do echo "order $i order $i order $i order $i"; done | kcat -b "$servers" -P -t orders -p 0 -z "$1"
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

# How many of the records the members have written out together.
records() { sort -u "$members"/*.records | wc -l; }

# Waits until the members have so many partitions (by pattern) and so many records. Long before the test's patience ends it says what there was instead.
until_members() {
    until [[ "$(assigned "$members/first") $(assigned "$members/second")" == $1 ]] && [ "$(records)" = "$2" ]; do
        if [ "$SECONDS" -ge 75 ]; then
            echo "waited for partitions $1 and $2 records, found $(assigned "$members/first") $(assigned "$members/second") and $(records)" >&2
            tail -n 20 "$members"/*.log >&2
            for member in first second; do echo "$member: $(sed 's/read: //' "$members/$member.records" | sort -n | paste -sd ' ')"; done >&2
            exit 1
        fi
        sleep 0.1
    done
}

# A member is told to end only while nothing comes for it: kcat throws away the record that it waits for when the signal comes, and commits it all the same.
group() {
    members=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$members"' EXIT
    join "$members/first" & first=$!
    join "$members/second" & second=$!
    until_members '2 2' 100
    echo shared
    read -r
    kill -TERM "$second"
    until_members '4 *' 100
    echo alone
    read -r
    until_members '4 *' 200
    kill -TERM "$first"
    wait
    cat "$members"/*.records
}

"${@:2}"
