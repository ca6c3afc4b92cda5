# The network of the host's user, as a command has it without any set-up. kernel/ has a kernel and its modules, $KERNEL_APPEND
# is for its command line. Each line tells what is to be seen: `same: NAME`, or what was there instead.

machine="--kernel kernel/vmlinux ${KERNEL_APPEND:+--append $KERNEL_APPEND}"

# same NAME EXPECTED FOUND
same() {
    [ "$2" = "$3" ] && echo "same: $1" || echo "differs: $1: '$3'"
}

# passt ends on a host without one. Whose /etc the guest shares has no file written there.
mkdir etc
echo own >etc/file
same 'a host without a network' file \
    "$(swiftlet run $machine --net user --share "$PWD/etc:/etc:rw" -- ls -A /etc 2>errors)"
same 'a share at /etc' file "$(ls -A etc)"

# The host's own network, on which it is 192.0.2.2. What it offers on its loopback interface is nobody else's.
/usr/bin/ip link add outer type veth peer name inner
for interface in lo outer inner; do ip link set $interface up; done
ip addr add 192.0.2.2/24 dev outer
ip route add default via 192.0.2.1
mkdir -p served secret /run/systemd/resolve
head -c 500000 /dev/urandom >served/file
echo 'for anybody' >served/small
echo 'for the host only' >secret/small
httpd -f -p 192.0.2.2:8000 -h served &
httpd -f -p 127.0.0.1:8001 -h secret &

# Its name server, where systemd-resolved has it. It knows one name, by its address.
cat >names <<'END'
#!/bin/sh
query=$(dd bs=512 count=1 2>/dev/null | xxd -p | tr -d '\n')
id=${query%"${query#????}"}
question=${query#????????????????????????}
name=06736572766564047465737400
case $question in
${name}00010001) reply=858000010001 answer=c00c0001000100000e100004c0000202 ;;
$name*) reply=858000010000 answer= ;;
*) reply=858300010000 answer= ;;
esac
echo "$id${reply}00000000$question$answer" | xxd -r -p
END
chmod +x names
/usr/bin/socat UDP4-RECVFROM:53,bind=127.0.0.53,fork EXEC:./names &
echo 'nameserver 127.0.0.53' >/run/systemd/resolve/stub-resolv.conf
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

cat >look <<'END'
/usr/bin/ip -o -4 addr show dev eth0 | awk '{ print "address " $4 }'
/usr/bin/ip route show default | awk '{ print "route " $3 " " $5 }'
/usr/bin/ip -o link show dev lo | grep -q UP && echo 'loopback up'
echo "link $(readlink /etc/resolv.conf)"
cat /etc/resolv.conf
/usr/bin/getent ahostsv4 served.test | awk '/STREAM/ { print "name " $1 " " $3 }'
/usr/bin/getent hosts unknown.test || echo "unknown $?"
# passt resets connections that a busy lab has the guest ask for twice.
fetch() {
    for try in 1 2 3 4 5; do
        wget -q -O /tmp/fetched $1 && break
        sleep 1
    done
    cat /tmp/fetched
}
fetch http://served.test:8000/file | sha256sum
# Whoever is root in the guest can send to any address by the card.
echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
/usr/bin/ip route flush table local dev lo
/usr/bin/ip addr flush dev lo
/usr/bin/ip route add 127.0.0.1 via 10.0.2.2
fetch http://192.0.2.2:8000/small
for server in 10.0.2.2 127.0.0.1; do timeout 3 wget -q -O /tmp/$server http://$server:8001/small & done
wait
cat /tmp/10.0.2.2 /tmp/127.0.0.1
echo end
END
swiftlet run $machine --net user -- sh -c "$(cat look)" >found 2>errors
cat >expected <<END
address 10.0.2.15/24
route 10.0.2.2 eth0
loopback up
link 
nameserver 10.0.2.3
name 192.0.2.2 served.test
unknown 2
$(sha256sum <served/file)
for anybody
end
END
same 'the host itself has it' 'for the host only' "$(wget -q -O - http://127.0.0.1:8001/small)"
cmp expected found && echo 'same: a network' || cat found errors
same 'a link of the host' ../run/systemd/resolve/stub-resolv.conf "$(readlink /etc/resolv.conf)"
same 'its file' 'nameserver 127.0.0.53' "$(cat /etc/resolv.conf)"

# A root without /etc.
mkdir -p small/bin
cp /bin/busybox small/bin
guest=console
start_server errors
request vm.create '{"config":{"kernel":{"path":"kernel/vmlinux","append":"quiet"},"agent":{"root":"small"},
    "nets":[{"id":"other","tap":"tap0"},{"id":"user","user":true}],"console":{"output":"file:'$guest'"}}}' >answer
request vm.start '{}' >answer
request exec.start '{"command":["/bin/busybox","sh","-c","busybox ip -o -4 addr; busybox cat /etc/resolv.conf"]}' >answer
request exec.wait '{"id":1}' >answer
for text in 'eth0 *inet' 'eth1 *inet 10\.0\.2\.15/24 ' 'nameserver 10\.0\.2\.3'; do grep -c "exec.output.*$text" answers; done >count
same 'a served machine has it on one card' '0 1 1' "$(xargs <count)"
exec 3>&-
wait $pid
echo end
