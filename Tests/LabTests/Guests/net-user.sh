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
section connections streams check tcp:$(cat /tmp/router):7000 2 50 100000
section bytes streams check tcp:$(cat /tmp/router):7000 1 1 8000000
section end
