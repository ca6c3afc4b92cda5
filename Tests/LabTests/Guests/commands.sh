# Runs commands on this host and in guests, and tells where the two differ. kernel/ has a kernel and its modules, and
# $KERNEL_APPEND is for its command line.

machine="--kernel $PWD/kernel/vmlinux ${KERNEL_APPEND:+--append $KERNEL_APPEND}"
options=
run() {
    swiftlet run $machine $options "$@"
}

# interrupt NAME SIGNALS STATUS COMMAND...: the command's guest is sent signals once it has printed `ready`.
interrupt() {
    name=$1 signals=$2 expected=$3
    shift 3
    rm -f pid
    : >guest.out
    # In the background a shell would have it ignore SIGINT.
    {
        for try in $(seq 1200); do grep -q ready guest.out && break; usleep 50000; done
        for signal in $signals; do kill -$signal $(cat pid); usleep 300000; done
    } | machine=$machine sh -c 'echo $$ >pid; exec swiftlet run $machine -- "$@" <input >guest.out 2>guest.err' sh "$@"
    status=$?
    [ $status = $expected ] && echo "same: $name" || echo "differs: $name: status $status instead of $expected"
}

# compare NAME SCRIPT: the same by sh on the host and in a guest, with the file `input` as stdin.
compare() {
    sh -c "$2" <input >host.out 2>host.err
    host=$?
    run -- sh -c "$2" <input >guest.out 2>guest.err
    guest=$?
    [ $host = $guest ] && cmp host.out guest.out && cmp host.err guest.err && echo "same: $1" && return
    echo "differs: $1: status $host on the host, $guest in the guest"
    head -c 300 guest.out
    head -c 300 guest.err
}

# expect NAME STATUS COMMAND...: what has no like on the host.
expect() {
    name=$1 expected=$2
    shift 2
    "$@" <input >guest.out 2>guest.err
    status=$?
    [ $status = $expected ] && echo "same: $name" && return
    echo "differs: $name: status $status instead of $expected"
    head -c 300 guest.out
    head -c 300 guest.err
}

# has NAME FILE TEXT
has() {
    grep -q "$3" $2 && echo "same: $1" || { echo "differs: $1"; head -c 600 $2; }
}

printf 'first\nno newline at the end' >input
case $1 in
statuses)
    compare 'status 0' 'exit 0'
    compare 'status 3' 'exit 3'
    compare 'status 255' 'exit 255'
    expect 'SIGTERM' 143 run -- sh -c 'kill -TERM $$'
    expect 'SIGKILL' 137 run -- sh -c 'kill -KILL $$'
    expect 'SIGSEGV' 139 run -- sh -c 'kill -SEGV $$'
    expect 'not found' 127 run -- nonesuch
    has 'not found, in words' guest.err '^swiftlet: nonesuch: not found'
    expect 'not executable' 126 run -- /etc/passwd
    has 'not executable, in words' guest.err '^swiftlet: /etc/passwd: Permission denied'
    expect 'no working directory' 126 run --workdir /nonesuch -- true
    expect 'time limit' 124 run --timeout 5s --status-file st -- sh -c 'while :; do echo x; done'
    has 'time limit, the cause' st '"cause":"timeout","code":124'
    expect 'panic' 255 run --status-file st -- sh -c 'echo c >/proc/sysrq-trigger; sleep 60'
    has 'panic, the cause' st '"cause":"guestDied"'
    expect 'halt under the command' 255 run --status-file st -- sh -c 'halt -f; sleep 60'
    has 'halt, the cause' st '"cause":"guestDied","code":255'
    expect 'power-off under the command' 255 run -- sh -c 'reboot -f; sleep 60'
    ;;
streams)
    compare 'input' 'cat'
    compare 'no reader of the input' 'echo done'
    compare 'both outputs' 'for i in $(seq 200); do echo $i; echo e$i >&2; done'
    compare 'closed outputs' 'exec >&- 2>&-; sleep 0.1; exit 4'
    compare 'a reader that goes' 'yes | head -n 1'
    compare 'a child left behind' 'sleep 1000 & echo parent'
    compare 'its descriptors' 'ls /proc/self/fd | head -n 3'
    head -c 5000000 /dev/urandom >input
    compare 'bytes' 'cat; head -c 100000 /dev/zero >&2'
    printf x >input
    (run -- yes; echo $? >status) 2>guest.err | head -n 1 >guest.out
    has 'a reader that goes on the host' status '^141$'
    has 'what it read' guest.out '^y$'
    expect 'closed input' 0 sh -c "swiftlet run $machine -- cat <&-"
    expect 'a directory as input' 0 sh -c "swiftlet run $machine -- cat </"
    has 'a directory as input, in words' guest.err 'swiftlet: stdin: Is a directory'
    : >input
    expect 'full disk of the host' 125 sh -c "swiftlet run $machine -- echo x >/dev/full"
    has 'full disk, in words' guest.err 'No space left on device'
    ;;
words)
    all=$(printf "$(awk 'BEGIN { for (i = 1; i < 256; i++) printf "\\%03o", i }')")
    printf '%s' "$all" >host.out
    expect 'every byte in an argument' 0 run -- printf %s "$all"
    cmp host.out guest.out && echo 'same: the bytes'
    printf 'a=\n' >host.out
    expect 'a variable with a newline' 0 run --env "LINES=one
two" --env HOME=/h -- sh -c 'echo "$LINES$HOME"'
    has 'the variable' guest.out '^two/h$'
    expect 'directory' 0 run --workdir /usr/bin -- pwd
    has 'the directory' guest.out '^/usr/bin$'
    mkdir -p disk /mnt/disk /mnt/memory
    echo original >disk/file
    mount --bind disk /mnt/disk
    mount -t tmpfs none /mnt/memory
    echo secret >/mnt/memory/file
    mkdir -p outer/inner
    expect 'a share within a share' 0 run --share $PWD/disk:/mnt/inner --share $PWD/outer:/mnt -- cat /mnt/inner/file
    has 'the file in it' guest.out '^original$'
    # Its own below the other one: what is in the host's memory is not there.
    expect 'a directory that is mounted' 0 sh -c "cd /mnt/disk && exec swiftlet run $machine -- \
        sh -c 'pwd; cat file; echo changed >file; cat file; mkdir /mnt/memory && ls /mnt/memory; find / -xdev -inum \$(stat -c %i /)'"
    printf '/mnt/disk\noriginal\nchanged\n/\n' >host.out
    cmp host.out guest.out && echo 'same: what is mounted'
    has 'what is mounted, on the host' disk/file original
    umount /mnt/disk /mnt/memory
    expect 'user' 0 run --user 7:8 -- id
    has 'the user' guest.out 'uid=7.* gid=8'
    expect 'name of the system' 0 run -v -- uname -r
    has 'the name' guest.out cloud
    order=$(sed -n 's/^swiftlet: .* ms  \(agent\|command\|vCPUs\|end\)/\1/p' guest.err | tr '\n' ,)
    [ "$order" = 'vCPUs started,agent started,commands can run,command started,command ended,end,' ] \
        && echo 'same: the milestones' || echo "differs: the milestones are $order"
    ;;
signals)
    for signal in INT TERM HUP QUIT USR1 USR2; do
        interrupt $signal $signal 9 sh -c "trap 'echo caught; exit 9' $signal; echo ready; while :; do sleep 0.1; done"
        has "$signal, caught" guest.out '^caught$'
    done
    interrupt 'a signal that ends it' TERM 143 sh -c 'echo ready; exec sleep 1000'
    interrupt 'two interrupts' 'INT INT' 130 sh -c "trap '' INT; echo ready; while :; do sleep 0.1; done"
    expect 'a signal while it boots' 143 timeout 1 swiftlet run $machine -- sleep 1000
    ;;
limits)
    options='--status-file st'
    run --pids 64 -- sh -c 'b() { b | b & }; b; sleep 1; sh -c "exit 5"; exit 6' >guest.out 2>guest.err
    has 'a fork bomb' st '"cause":"tooManyProcesses"'
    run -- sh -c 'exec awk "BEGIN { s = \"x\"; while (1) s = s s }"' >guest.out 2>guest.err
    has 'a memory bomb' st '"cause":"outOfMemory"'
    run --disk-size 20M -- sh -c 'cat /dev/zero >/file' >guest.out 2>guest.err
    has 'a disk bomb' st '"cause":"diskFull","code":1'
    run --disk-size 20M -- sh -c 'cat /dev/zero >/tmp/file' >guest.out 2>guest.err
    has 'a disk bomb in /tmp' st '"cause":"diskFull","code":1'
    options=
    expect 'no network' 1 run -- ping -c 1 -W 1 192.0.2.1
    mkdir -p shared kept
    echo original >shared/file
    run --share "$PWD/shared:/data" -- sh -c 'cat /data/file; echo changed >/data/file; rm -f /data/file; echo x >/etc/passwd; cat /etc/passwd' >guest.out 2>guest.err
    has 'a share is read' guest.out original
    has 'a share is not written' shared/file original
    has 'the root is written' guest.out '^x$'
    has 'the root of the host is not' /etc/passwd root
    run --share "$PWD/kept:/data:rw" -- sh -c 'echo artefact >/data/file; sync' >guest.out 2>guest.err
    has 'a writable share is written' kept/file artefact
    mkdir -p small/bin
    cp /bin/busybox small/bin/
    expect 'another root' 0 run --root small -- /bin/busybox ls /
    has 'its contents' guest.out '^bin$'
    ps -o comm | grep -q '^swiftlet' && echo 'differs: a process is left'
    ;;
esac
echo end
