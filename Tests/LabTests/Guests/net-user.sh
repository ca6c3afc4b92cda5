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

download() { wget -q -O - http://$server:8000/$1 | sha256sum; }

at_once() {
    for number in $(seq 20); do
        download small >/tmp/sum.$number & downloads="$downloads $!"
    done
    wait $downloads
    sort /tmp/sum.* | uniq -c
}

section large download large
section small at_once
section upload iperf3 --client $server --bytes 4M
section end
