#!/bin/sh
# The /init of guests under test: does the job that the kernel command line names, which is one of these or a script in
# /jobs, then powers off.
export PATH=/bin:/usr/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys

insert_modules() {
    while read -r module; do insmod "/modules/$module.ko" || echo "guest: no $module"; done </modules/order
}

section() {
    echo "== $1"
    shift
    "$@"
}

free_pages() {
    awk '$1 == "Node" { zone = $4 } $2 == "free" && zone == "Normal" { print $3 }' /proc/zoneinfo
}

echo "guest: up"
case $job in
poweroff) ;;
reboot) reboot -f ;;
exit) exit 0 ;;
crash) echo c >/proc/sysrq-trigger ;;
silent-crash)
    insert_modules
    echo 0 >/proc/sys/kernel/printk
    echo c >/proc/sysrq-trigger
    ;;
hang) while :; do sleep 1000; done ;;
report)
    section nproc nproc
    section cpuinfo grep -E '^(processor|apicid|initial apicid)' /proc/cpuinfo
    section online cat /sys/devices/system/cpu/online
    section meminfo head -n 2 /proc/meminfo
    section iomem cat /proc/iomem
    section cmdline cat /proc/cmdline
    section clocksource cat /sys/devices/system/clocksource/clocksource0/current_clocksource
    section clockevents cat /sys/devices/system/clockevents/clockevent0/current_device
    section release uname -r
    section end
    ;;
log)
    section dmesg dmesg
    section end
    ;;
high-memory)
    mount -t tmpfs -o size=1g tmp /tmp
    before=$(free_pages)
    sum=$(dd if=/dev/urandom bs=1M count=96 2>/dev/null | tee /tmp/file | md5sum)
    echo 3 >/proc/sys/vm/drop_caches
    [ "$sum" = "$(md5sum </tmp/file)" ] && echo "guest: the file is right"
    echo "guest: $((before - $(free_pages))) pages above 4 GiB were used"
    ;;
lines)
    echo "guest: ready"
    while read -r line; do
        echo "guest read: $line"
        [ "$line" = end ] && break
    done
    ;;
sum)
    stty raw -echo
    echo "guest: ready"
    head -c 20000 | md5sum
    ;;
button)
    insert_modules
    exec 3</dev/input/event0
    echo "guest: ready"
    # One struct input_event: its first is the key's press.
    head -c 24 <&3 >/dev/null
    echo "guest: the power button was pressed"
    ;;
*) if [ -f "/jobs/$job.sh" ]; then . "/jobs/$job.sh"; else echo "guest: no such job: $job"; fi ;;
esac
# Linux breaks a card's queues before it powers off, and its driver spins for ever on one that still has traffic, until
# a fix of August 2026 (virtio_ring, "fix infinite loop in virtnet_poll_cleantx when device is broken").
for card in /sys/class/net/eth*; do [ -e "$card" ] && ip link set "${card##*/}" down; done
poweroff -f
