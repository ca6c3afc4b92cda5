# Commands in guests on terminals, typed at by `terminal`. kernel/ has a kernel and its modules. Each line tells what is to be
# seen there: `same: NAME`, or what was there instead.

export machine="--kernel kernel/vmlinux ${KERNEL_APPEND:+--append $KERNEL_APPEND}"
export XDG_RUNTIME_DIR=$PWD
export TERM=dumb PS1='$ '
guest="swiftlet run $machine --env PS1 --"

# at NAME COMMAND...: does on the command's terminal what stdin says.
at() {
    name=$1
    shift
    terminal screen "$@" 2>errors && echo "same: $name" && return
    echo "differs: $name"
    cat errors
}

cat >keys <<'STEPS'
type first\r
await first
await first
type \x1c
status 131
STEPS
at 'keys on the host' cat <keys
mv screen expected
{ echo raw; cat keys; echo restored; } | at 'keys' $guest cat
cmp expected screen || cat -v expected screen

# What is typed is on the screen, too, so it is never what is awaited.
cat >shell <<'STEPS'
raw
await $ 
type tty; stty size\r
await /dev/pts/
await 30 100
await $ 
size 12 134
type stty size\r
await 12 134
await $ 
type sh -c 'echo rea''dy; exec sleep 1000'\r
await ready
type \x03
await $ 
type echo end''ed $?\r
await ended 130
await $ 
type sh -c 'echo rea''dy; exec cat'\r
await ready
type \x1a
await Stopped
await $ 
type fg\r
await exec cat
type mo\x7fore\r
await more
type \x04
await $ 
type sh -c 'trap "stty size" WINCH; echo rea''dy; while :; do sleep 0.1; done'\r
await ready
size 20 140
await 20 140
type \x03
await $ 
type exit 5\r
status 5
restored
STEPS
at 'a shell' $guest sh -i <shell

at 'no terminal' swiftlet run $machine -T -- sh -c '! test -t 0 && ! test -t 1 && printf "a\nb"; exit 4' <<'STEPS'
await a
await b
status 4
restored
STEPS
at 'a key while it boots' swiftlet run $machine -v -- sleep 1000 <<'STEPS'
await Linux version
type \x03
status 130
restored
STEPS
at 'the time limit' swiftlet run $machine --timeout 4s -- sleep 1000 <<'STEPS'
status 124
restored
await the time limit
STEPS
at 'a panic' $guest sh -c 'echo ready; read line; echo c >/proc/sysrq-trigger' <<'STEPS'
await ready
raw
type \r
status 255
restored
STEPS
# The command's terminal is nobody's any more, then.
deaf='trap "" HUP INT QUIT TERM; echo ready; exec <&- >&- 2>&-; while :; do sleep 1; done'
at 'the escape' $guest sh -c "$deaf" <<'STEPS'
await ready
type \x03\x1d\x1dx\x1dx\x1dq
status 130
restored
STEPS

# A shell with job control has swiftlet in the background, in the foreground, stopped, and so on.
at 'a job' sh -i <<STEPS
await $ 
type $guest sh -c 'echo rea''dy; cat; stty size' &\r
await ready
type echo be''side\r
await beside
await $ 
type fg\r
raw
type typed\r
await typed
await typed
run kill -TSTP \$(pidof swiftlet)
await Stopped
await $ 
type bg\r
await $ 
size 20 140
type echo be''side\r
await beside
await $ 
type fg\r
raw
type again\r
await again
await again
type \x04
await 20 140
await $ 
type exit 7\r
status 7
STEPS

swiftlet run $machine --name box -- sleep 1000 </dev/null 2>/dev/null &
for try in $(seq 600); do swiftlet ps -q | grep -q '^box$' && break; usleep 100000; done
at 'a shell by exec' swiftlet exec --env PS1 box -- sh -i <shell
: >empty
at 'a file for input' sh -c "exec swiftlet exec box -- sh -c '! test -t 0 && ! test -t 1; exit \$?' <empty" <<'STEPS'
status 0
STEPS
at 'the time limit of exec' swiftlet exec --timeout 500ms box -- sleep 1000 <<'STEPS'
status 124
restored
STEPS
at 'the escape of exec' swiftlet exec box -- sh -c "$deaf" <<'STEPS'
await ready
type \x1dq
status 130
restored
STEPS
at 'SIGTERM' swiftlet exec box -- sh -c 'echo ready; exec sleep 1000' <<'STEPS'
await ready
raw
run kill $PID
status 143
restored
STEPS
at 'a terminal that goes' swiftlet exec box -- sh -c 'echo ready; exec sleep 1000' <<'STEPS'
await ready
hang-up
status 129
STEPS
at 'exec as a job' sh -i <<'STEPS'
await $ 
type swiftlet exec box -- sh -c 'echo rea''dy; cat' &\r
await ready
type echo be''side\r
await beside
await $ 
type fg\r
raw
type typed\r
await typed
await typed
type \x04
await $ 
type exit 7\r
status 7
STEPS
at 'exec in a machine that ends' swiftlet exec box -- sh -c 'echo ready; exec sleep 1000' <<'STEPS'
await ready
raw
run swiftlet stop --kill box
status 255
restored
STEPS
echo end
