# What the lab host's shell does for lab.py. Each function takes a peer's number first and its command last; each line
# of output is what it is, this number and the rest.

exits=/sys/kernel/tracing/events/kvm/kvm_userspace_exit

messages() { sed "s/^/message $1 /" messages; }

# timed NUMBER TEXT COMMAND...: when TEXT appeared, and when the end was.
timed() {
    number=$1 text=$2; shift 2
    echo "time $number $(./marker "$text" "$@" 2>messages)"
    messages $number
}

# counted NUMBER TEXT COMMAND...: the same, and how often the command came back to user space for each reason.
counted() {
    number=$1 text=$2; shift 2
    echo hist:keys=reason >$exits/trigger
    echo "counted $number $(./marker "$text" "$@" 2>messages)"
    sed -n "s/.*reason: *\([0-9]*\) .*hitcount: *\([0-9]*\).*/exits $number \1 \2/p" $exits/hist
    echo '!hist:keys=reason' >$exits/trigger
    messages $number
}

# idle NUMBER TEXT COMMAND...: the memory of the command's process a second after TEXT.
idle() {
    number=$1 text=$2; shift 2
    : >output
    "$@" </dev/null >>output 2>messages &
    turn=0
    until grep -q "$text" output || [ $((turn += 1)) -gt 600 ]; do usleep 100000; done
    sleep 1
    sed "s/^/smaps $number /" /proc/$!/smaps
    kill -9 $!
    wait $! 2>/dev/null
    messages $number
}

# observed NUMBER COMMAND...: what the guest prints, and a sample of what the command has cost wherever the guest asks
# for one.
observed() {
    number=$1; shift
    mkfifo output
    echo hist:keys=reason >$exits/trigger
    "$@" </dev/null >output 2>messages &
    pid=$!
    while read -r line; do
        line=${line%$'\r'}
        case $line in sample) sample ;; *) echo "guest $number $line" ;; esac
    done <output
    wait $pid
    echo "ended $number $?"
    echo '!hist:keys=reason' >$exits/trigger
    rm output
    messages $number
}

# worked NUMBER COMMAND...: the results that the guest prints, to stdout or to /dev/shm/output, between any bytes.
worked() {
    number=$1; shift
    "$@" </dev/null >/dev/shm/stdout 2>messages
    echo "ended $number $?"
    cat /dev/shm/stdout /dev/shm/output 2>/dev/null | tr -d '\0\r' | sed -n "s/^result/guest $number &/p"
    rm -f /dev/shm/stdout /dev/shm/output
    messages $number
}

# Exits to user space; nanoseconds that each thread has run, as vcpuTHREAD=TIME or otherTHREAD=TIME, vhost's kernel
# thread among the latter.
sample() {
    times=
    for task in /proc/$pid/task/* $(pidof "vhost-$pid" | sed 's|^|/proc/|'); do
        read -r name <$task/comm && read -r time rest <$task/schedstat || continue
        case $name in vcpu* | CPU*) kind=vcpu ;; *) kind=other ;; esac
        times="$times $kind${task##*/}=$time"
    done 2>/dev/null
    echo "sample $number $(sed -n 's/.*Hits: //p' $exits/hist)$times"
}
