# Uses the network of the host's user: the router is the host itself.
cat >/tmp/bound <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo "$router" >/tmp/router
END
chmod +x /tmp/bound
insert_modules
ip link set eth0 up
section lease udhcpc -i eth0 -s /tmp/bound -q -n
router=$(cat /tmp/router)

download() { wget -q -O - http://$router:8000/$1 | sha256sum; }

at_once() {
    for number in $(seq 20); do
        download small >/tmp/sum.$number & downloads="$downloads $!"
    done
    wait $downloads
    sort /tmp/sum.* | uniq -c
}

section large download large
section small at_once
section upload iperf3 --client $router --bytes 4M
section end
