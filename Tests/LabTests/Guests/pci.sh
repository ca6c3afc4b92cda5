# Uses every virtio device on the PCI bus, and the first disk's and the random generator's vectors in particular.
insert_modules

vectors() {
    grep MSI /proc/interrupts | grep -o 'virtio[0-9]*-.*'
}

# Interrupts of the vector called $1, on all CPUs.
interrupts() {
    awk -v name="$1" '$NF == name { print $2 + $3 }' /proc/interrupts
}

read_random() {
    dd if=/dev/hwrng bs=4096 count=$1 2>/dev/null | wc -c
}

# Has the generator's vector go to the other CPU and back again while it is in use.
move_vector() {
    number=$(awk -F : '/virtio1-input/ { print $1 + 0 }' /proc/interrupts)
    read_random 50 &
    for turn in $(seq 40); do
        for cpu in 0 1; do
            echo $cpu >/proc/irq/$number/smp_affinity_list
            usleep 2000
        done
    done
    wait
    interrupts virtio1-input
    read_random 1
}

unbind_and_bind() {
    cd $1
    echo $2 >unbind
    echo $2 >bind
    cd /
    read_random 1
}

remove_and_scan() {
    echo 1 >/sys/bus/pci/devices/0000:00:02.0/remove
    echo 1 >/sys/bus/pci/rescan
    read_random 1
}

read_disks() {
    for disk in /dev/vd*; do
        dd if=$disk of=/dev/null bs=64k count=16 2>&1 | grep out
    done | sort | uniq -c
}

case $part in
vectors)
    section vectors vectors
    section moved move_vector
    section driver unbind_and_bind /sys/bus/virtio/drivers/virtio_rng virtio1
    section transport unbind_and_bind /sys/bus/pci/drivers/virtio-pci 0000:00:02.0
    section scanned remove_and_scan
    ;;
many)
    section functions ls -1 /sys/bus/pci/devices
    section vectors vectors
    section disks read_disks
    ;;
esac
section end
