# Writes to a disk that takes its time, and is paused meanwhile.
insert_modules

# What the kernel says when it believes that it was kept from running, or that a clock is wrong.
complaints() {
    dmesg | grep -iE 'lockup|stall|self-detected|unstable|skew|blocked for more|clock.*(back|jump)'
}

dd if=/dev/urandom of=/contents bs=64k count=64 2>/dev/null
dd if=/contents of=/dev/vda bs=64k oflag=direct 2>/dev/null &
sleep 1
# Seconds since the start and since 1970.
section before sh -c 'cut -d " " -f 1 /proc/uptime; date +%s'
section
echo 'guest: writing'
# A line from the host.
read -r _
section after sh -c 'cut -d " " -f 1 /proc/uptime; date +%s'
section sleep sh -c 'time -f %e sleep 1 2>&1'
wait
section disk sha256sum /contents
section read sha256sum /dev/vda
# The watchdog looks every four seconds.
sleep 5
section clocksource cat /sys/devices/system/clocksource/clocksource0/current_clocksource
section log complaints
section end
