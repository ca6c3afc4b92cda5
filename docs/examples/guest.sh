#!/usr/bin/env bash
# Boots a guest, prints its console, and exits with its status: guest.sh KERNEL
set -euo pipefail
coproc swiftlet { exec "${SWIFTLET_BINARY:-swiftlet}" serve --client $$; }
jq -nc --arg path "$1" '[["vm.create", {config: {kernel: {$path}, memory: "64M"}}], ["vm.start", {}]] | to_entries[] |
    {jsonrpc: "2.0", id: .key, method: .value[0], params: .value[1]}' >&"${swiftlet[1]}"
while read -r what value; do
    case $what in
        console) base64 -d <<< "$value" ;;
        exit) exit "$value" ;;
        error) echo "guest.sh: $value" >&2 && exit 125 ;;
    esac
done < <(jq -r --unbuffered 'if .error then "error \(.error.message)"
    elif .method == "console.output" then "console \(.params | .base64 // (.data | @base64))"
    elif .method == "vm.exited" then "exit \(if .params.cause == "reset" then 0 else .params.code // 255 end)"
    else empty end' <&"${swiftlet[0]}")
echo "guest.sh: swiftlet ended before its guest" >&2 && exit 125
