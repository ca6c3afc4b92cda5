# Uses disks and a network card that come and go, and looks for none of them by itself. One disk, vda, is there from the
# start. The host is 10.77.0.1.
insert_modules

appears() {
    for try in $(seq 300); do
        [ -e $1 ] && return
        usleep 100000
    done
    echo "guest: there is no $1"
}

vanishes() {
    for try in $(seq 300); do
        [ -e $1 ] || return
        usleep 100000
    done
    echo "guest: there still is $1"
}

# One that came while the kernel booted.
find_early_disk() {
    appears /sys/block/vdb/serial
    ls -1 /sys/block
    echo $(cat /sys/block/vdb/serial)
}

use_disk() {
    appears /sys/block/vdb/serial
    echo $(cat /sys/block/vdb/serial)
    dd if=/dev/urandom of=/dev/vdb bs=1M count=4 conv=fsync 2>/dev/null
    sha256sum </dev/vdb
}

use_card() {
    appears /sys/class/net/eth0
    cat /sys/class/net/eth0/address
    ip addr add 10.77.0.2/24 dev eth0
    ip link set eth0 up
    streams check tcp:10.77.0.1:7000 1 10 100000
}

# Two disks at once, of which the first has its bytes from before.
use_both() {
    appears /sys/block/vdc/serial
    for disk in vdb vdc; do echo $(cat /sys/block/$disk/serial); done
    sha256sum </dev/vdb
    device=$(readlink -f /sys/block/vdc/device/..)
    echo 1 >/sys/bus/pci/devices/${device##*/}/remove
    vanishes /sys/block/vdc
}

# Reads it until it is gone.
keep_busy() {
    while [ -e /sys/block/vdb ] && dd if=/dev/vdb of=/dev/null bs=64k iflag=direct 2>/dev/null; do :; done
}

# What the kernel is not content with about the bus and its devices.
complaints() {
    dmesg -r | grep -E '^<[0-4]>.*(pci |pci_bus|acpiphp|ACPI: |virtio)'
}

section start find_early_disk
echo 'guest: ready'
vanishes /sys/block/vdb
echo 'guest: begin'
section disk use_disk
echo 'guest: disk used'
vanishes /sys/block/vdb
echo 'guest: disk gone'
section card use_card
echo 'guest: card used'
vanishes /sys/class/net/eth0
echo 'guest: card gone'
section both use_both
keep_busy &
echo 'guest: one removed'
wait
vanishes /sys/block/vda
section gone ls -1 /sys/block
echo 'guest: all gone'
# Now there is one of each, of which the first is vda.
appears /sys/class/net/eth0
appears /sys/block/vda/serial
section again sha256sum </dev/vda
section log complaints
section end
