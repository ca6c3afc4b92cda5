# Uses the network of the host's user, whose router has a server.
cat >/tmp/bound <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
END
chmod +x /tmp/bound
insert_modules
ip link set eth0 up
section lease udhcpc -i eth0 -s /tmp/bound -q -n
server=192.0.2.1

# Debian's passt resets a connection whose SYN comes once more, which it does after a second: where the lab is busy, or the
# server has no room for so many that wait.
download() {
    for try in $(seq 10); do
        wget -q -O /tmp/$1.$2 http://$server:8000/$1 && break
        sleep 1
    done
    sha256sum </tmp/$1.$2
}

at_once() {
    for number in $(seq 8); do
        download small $number >/tmp/sum.$number & downloads="$downloads $!"
    done
    wait $downloads
    sort /tmp/sum.* | uniq -c
}

section large download large 0
section small at_once
section upload iperf3 --client $server --bytes 4M
section end
