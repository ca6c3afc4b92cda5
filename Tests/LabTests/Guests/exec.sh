# A client that runs commands in a guest over the control channel. kernel/ has a kernel and its modules. Each line tells what
# is to be seen there: `same: NAME`, or what was there instead.

has() {
    grep -q "$2" answers && echo "same: $1" && return
    echo "differs: $1"
    tail -n 20 answers | cut -c1-300
}

# The text of a command's output so far.
output() {
    sed -n 's/.*"exec.output","params":{"data":"\([^"]*\)","id":'$1',"stream":"'$2'".*/\1/p' answers | tr -d '\n'
}

path='"environment":{"PATH":"/bin:/usr/bin"}'
guest=console
start_server errors
request vm.create '{"config":{"kernel":{"path":"kernel/vmlinux","append":"quiet"},"agent":{"root":"/"},
    "console":{"output":"file:'$guest'"}}}'
request vm.start '{}'
request exec.start '{"command":["sh","-c","echo out; echo err >&2; cat; exit 5"],"stdin":true,'$path'}'
request exec.write '{"id":1,"data":"typed "}'
request exec.write '{"id":1,"base64":"aGkK"}'
request exec.start '{"command":["sleep","1000"],'$path'}'
request exec.closeStdin '{"id":1}'
request exec.wait '{"id":1}'
has 'its status' '"id":8,"jsonrpc":"2.0","result":{"code":5,"limits":\[\]'
has 'its end is told' '"exec.exited","params":{"end":{"code":5,'
[ "$(output 1 stdout)" = 'out\ntyped hi\n' ] && echo 'same: its output' || output 1 stdout
[ "$(output 1 stderr)" = 'err\n' ] && echo 'same: its errors' || output 1 stderr
request exec.signal '{"id":2,"signal":15}'
request exec.wait '{"id":2}'
has 'the end by a signal' '"result":{"limits":\[\],.*"signal":15'
request exec.signal '{"id":2,"signal":15}' >answer
grep -q '"kind":"invalidState"' answer && echo 'same: one that has ended'
request exec.start '{"command":["nonesuch"],'$path'}' >answer
grep -q '"field":"/command".*"kind":"notFound"' answer && echo 'same: one that is not there'
request exec.start '{"command":["/etc/passwd"]}' >answer
grep -q '"kind":"permission"' answer && echo 'same: no program'
request exec.start '{"command":["sh","-c","seq 100000; exec sleep 1000"],"window":50000,'$path'}'
for try in $(seq 300); do
    [ $(output 5 stdout | wc -c) -ge 50000 ] && break
    usleep 100000
done
# Time for more than may come.
usleep 500000
count=$(output 5 stdout | wc -c)
[ $count -ge 50000 ] && [ $count -lt 100000 ] && echo 'same: a window' || echo "differs: a window: $count"
for try in $(seq 300); do
    output 5 stdout | grep -q '100000.n$' && break
    request exec.ack '{"id":5,"bytes":50000}' >answer
    usleep 100000
done
seq 100000 >expected
output 5 stdout | sed 's/\\n/\n/g' | cmp - expected && echo 'same: all of it'
request exec.start '{"command":["stty","size"],"terminal":{"rows":12,"columns":34},'$path'}'
request exec.wait '{"id":6}'
[ "$(output 6 stdout)" = '12 34\r\n' ] && echo 'same: a terminal' || output 6 stdout
# Nobody acknowledges what this one writes.
request exec.start '{"command":["seq","100000"],"window":1000,'$path'}'
usleep 500000
request vm.pause '{}'
request vm.resume '{}'
request vm.stop '{"graceMs":20000}'
has 'the end of the guest' '"exec.exited","params":{"end":{"limits":\[\],"message":"[^"]*"},"id":5}'
has 'a guest that powered off' '"vm.exited","params":{"cause":"poweredOff"'
exec 3>&-
wait $pid
echo "status $?"
cat errors
echo end
