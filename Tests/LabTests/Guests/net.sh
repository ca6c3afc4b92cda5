# Uses two network cards: eth0, with jumbo frames, and eth1, which is limited. The host is 10.77.0.1 and 10.77.1.1.
insert_modules
ip link set lo up
ip addr add 10.77.0.2/24 dev eth0
ip addr add 10.77.1.2/24 dev eth1
ip link set eth0 up
ip link set eth1 up

ping_host() {
    ping -q -c 5 -i 0.2 -W 5 "$@" 10.77.0.1 | grep 'packet loss'
}

# Kbit/s that arrived, to the host and from it.
throughput() {
    for direction in '' -R; do
        iperf3 --client $1 $direction --time $2 --omit 1 --format k | awk '$NF == "receiver" { print $7 }'
    done
}

# The Kbit/s of eth1 in three intervals, while as much as possible is sent to the host, and from it.
limited() {
    for direction in tx rx; do
        case $direction in rx) reverse=-R ;; *) reverse= ;; esac
        iperf3 --client 10.77.1.1 $reverse --time 9 >/dev/null &
        sleep 2
        for sample in 0 1 2 3; do
            cat /proc/uptime /sys/class/net/eth1/statistics/${direction}_bytes | xargs
            sleep 2
        done | awk 'NR > 1 { print int(($3 - bytes) / ($1 - time) * 8 / 1000) } { time = $1; bytes = $3 }' | xargs echo $direction
        wait $!
    done
}

jumbo() {
    ping_host -s 8900
    awk '$1 == "Ip:" && lines++ { print $15, "fragments" }' /proc/net/snmp
}

offloads() {
    ethtool -k eth0 | grep -E '^(tx-checksumming|tcp-segmentation-offload|rx-gro-hw):' | awk '{ print $1, $2 }'
}

# All bytes of one connection, then as many as go through.
transfer() {
    streams check tcp:10.77.0.1:7000 1 1 8000000
    throughput 10.77.0.1 2
}

section cards head -n 1 /sys/class/net/eth0/address /sys/class/net/eth0/mtu
section queues ls -1 /sys/class/net/eth0/queues
section ping ping_host
section jumbo jumbo
section connections streams check tcp:10.77.0.1:7000 1 1000 2000
section offloads offloads
section offloaded transfer
ethtool -K eth0 tx off tso off gso off gro off rx-gro-hw off
section 'no offloads' offloads
section plain transfer
ip link set eth0 down
ip link set eth0 up
section 'up again' ping_host
echo 'guest: pull the plug'
read -r _
section 'plugged in again' ping_host
section limited limited
section end
