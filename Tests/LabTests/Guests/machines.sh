# Works in a guest that runs. kernel/ has a kernel and its modules. Each line tells what is to be seen there: `same: NAME`, or
# what was there instead.

export XDG_RUNTIME_DIR=$PWD
swiftlet run --kernel kernel/vmlinux ${KERNEL_APPEND:+--append $KERNEL_APPEND} --name box -- sleep 1000 2>run.err &
machine=$!
for try in $(seq 600); do swiftlet ps -q | grep -q '^box$' && break; usleep 100000; done

# status NAME STATUS ERRORS COMMAND...: how a command of swiftlet's ends, and what it says; its stdin is the file `input`.
status() {
    name=$1 expected=$2 errors=$3
    shift 3
    swiftlet "$@" <input >out 2>err
    status=$?
    [ $status = $expected ] && [ "$(cat err)" = "$errors" ] && echo "same: $name" && return
    echo "differs: $name: status $status: $(cat err)"
}

: >input
status 'a status' 7 oops exec box -- sh -c 'echo oops >&2; exit 7'
status 'a signal' 137 '' exec box -- sh -c 'kill -9 $$'
status 'not found' 127 'swiftlet: nonesuch: not found in the guest' exec box nonesuch
status 'not executable' 126 'swiftlet: /etc/passwd: Permission denied' exec box -- /etc/passwd
status 'no directory' 126 \
    "swiftlet: the working directory: No such file or directory; choose one of the guest's with --workdir" \
    exec --workdir /none box -- true
status 'a time limit' 124 'swiftlet: the time limit of 500ms ran out' exec --timeout 500ms box -- sleep 100
status 'a user and variables' 0 '' exec --user 5:6 --env 'A=b
c' box -- sh -c '[ "$A" = "b
c" ] && [ $(id -u):$(id -g) = 5:6 ] && [ -z "$XDG_RUNTIME_DIR" ]'
swiftlet exec --status-file report box -- sh -c 'exit 3'
grep -q '"cause":"exited","code":3' report && echo 'same: a report'

head -c 3000000 /dev/urandom >input
swiftlet exec box -- cat <input | cmp - input && echo 'same: bytes to and fro'
swiftlet exec box -- cat <input >/dev/full 2>err
[ $? = 125 ] && grep -q 'No space left' err && echo 'same: output that cannot be written' || cat err
(swiftlet exec box -- yes; echo $? >status) | head -n 1 >first
[ "$(cat first status)" = "y
141" ] && echo 'same: a reader that goes'
seq 60 | while read number; do swiftlet exec box -- echo $number </dev/null & [ $((number % 10)) = 0 ] && wait; done >out
sleep 1
seq 60 | sort >expected
sort out | cmp - expected && echo 'same: many commands'

# inside SCRIPT: waits until it is true in the guest, half a minute at most.
inside() {
    for try in $(seq 30); do swiftlet exec box -- sh -c "$1" </dev/null && return; sleep 1; done
}
swiftlet exec box -- sh -c 'trap "" HUP; : >/tmp/trapped; while :; do sleep 1; done' </dev/null &
inside '[ -f /tmp/trapped ]'
kill -9 $!
inside '! ps | grep -v grep | grep -q "trap"'
swiftlet exec box -- sh -c 'ps | grep -v grep | grep -c "while :"' </dev/null >left
[ "$(cat left)" = 0 ] && echo 'same: nothing left of a client' || cat left

mkdir -p tree/a/b
cp input tree/a/file
ln -s a/file tree/link
seq 1000 | (cd tree/a/b; xargs -n 50 touch)
chmod 750 tree/a
: >input
status 'copied in' 0 '' cp tree box:/tmp
status 'and out' 0 '' cp box:/tmp/tree back
diff -r tree back && [ "$(stat -c %a back/a)" = 750 ] && echo 'same: what was copied'
status 'no source' 125 "swiftlet: in the guest, /none: No such file or directory" cp box:/none .
status 'no target' 125 "swiftlet: in the guest, /none/x: No such file or directory" cp tree box:/none/x
status 'a device' 125 'swiftlet: in the guest, /dev/null: it is neither a file nor a directory nor a link' \
    cp box:/dev/null x
truncate -s 1G big
status 'a full disk' 125 'swiftlet: in the guest, /tmp: big: No space left on device' cp big box:/tmp
swiftlet exec box -- rm /tmp/big </dev/null
swiftlet exec box -- sh -c 'ln -s /etc /tmp/etc' </dev/null
mkdir out.d
swiftlet cp box:/tmp/etc out.d && [ -f out.d/etc/passwd ] && echo 'same: a link at the top'

swiftlet cp box:/tmp/tree/. out.d && cmp out.d/a/file back/a/file && [ -f out.d/etc/passwd ] &&
    [ ! -e out.d/tree ] && echo 'same: what is in a directory'
swiftlet cp out.d/. box:/tmp/merged && swiftlet exec box -- test -f /tmp/merged/a/file </dev/null &&
    echo 'same: what is in one here'
swiftlet exec box -- cat /proc/version </dev/null >expected
swiftlet cp box:/proc/version version && cmp version expected && echo 'same: a file without a size'
mkfifo pipe
status 'a pipe' 125 "swiftlet: $PWD/pipe: pipe: it is neither a file nor a directory nor a link" cp box:/etc/passwd pipe
[ -p pipe ] && echo 'same: the pipe'

swiftlet logs box >log && grep -q . log && echo 'same: its console' || echo 'differs: its console'
(timeout 60 swiftlet logs -f box; echo $? >status) | head -n 1 >first
grep -qx 141 status && echo 'same: a reader of the console that goes'
swiftlet exec box -- sleep 100 </dev/null 2>err &
other=$!
(swiftlet exec box -- sh -c 'seq 30000; : >/tmp/counted' </dev/null; echo $?) | (sleep 5; cat >late) &
reader=$!
inside '[ -f /tmp/counted ] && ps | grep -v grep | grep -q "sleep 100$"'
sleep 1
swiftlet stop box && ! swiftlet ps -q | grep . && echo 'same: stopped'
wait $other
[ $? = 255 ] && [ "$(cat err)" = 'swiftlet: the guest went down before the command had ended' ] \
    && echo 'same: a command whose machine ends' || cat err
wait $reader
{ seq 30000; echo 0; } | cmp - late && echo 'same: a reader that takes its time'
wait $machine
[ $? = 143 ] && [ ! -s run.err ] && echo 'same: as its command ended'
[ -z "$(ls $XDG_RUNTIME_DIR/swiftlet)" ] && echo 'same: nothing is left'
echo end
