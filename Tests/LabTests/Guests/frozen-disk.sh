# Uses a disk whose host freezes, and a network card. The host is 10.77.0.1.
insert_modules
ip addr add 10.77.0.2/24 dev eth0
ip link set eth0 up

write() {
    dd if=/dev/urandom of=/dev/vda bs=64k count=16 oflag=direct 2>/dev/null
    echo $? >/tmp/written
}

ping_host() {
    ping -q -c 20 -i 0.1 -W 5 10.77.0.1 | grep 'packet loss'
    [ -e /tmp/written ] || echo 'disk waits'
}

echo 'guest: before the frost'
read -r _
write &
sleep 1
section frozen ping_host
section
echo 'guest: pinged'
wait $!
section thawed cat /tmp/written
section end
