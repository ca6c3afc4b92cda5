# Uses three disks: vda and vdb to write to, and vdc, which is read-only.
insert_modules

describe_disks() {
    for disk in vda vdb vdc; do
        cd /sys/block/$disk
        echo $disk $(cat size) $(cat ro) $(ls mq | wc -l) $(cat serial)
    done
    cd /
}

# A job's name, its error, and the KiB that it read and wrote; at last fio's own status.
verify() {
    /usr/bin/fio --minimal --eta=never --output=/tmp/fio /jobs/block.fio
    status=$?
    awk -F ';' 'NF > 47 { print $3, $5, $6, $47; next } { print }' /tmp/fio
    echo status $status
}

# Tells the host to look, and waits until it has.
show_host() {
    echo "guest: $1"
    read -r _
}

trim() {
    dd if=/dev/urandom of=/mnt/large bs=1M count=24 2>/dev/null
    sync
    show_host filled
    rm /mnt/large
    sync
    fstrim /mnt
    show_host trimmed
}

# Each must fail.
forbidden() {
    blocks=$(($(cat /sys/block/vdb/size) / 8))
    dd if=/dev/urandom of=/dev/vdb bs=4k count=1 seek=$blocks oflag=direct 2>/dev/null || echo "past the end"
    dd if=/dev/urandom of=/dev/vdc bs=4k count=1 oflag=direct 2>/dev/null || echo "read-only"
}

# A part of the second disk, before and after it is given back.
discard() {
    dd if=/dev/urandom of=/dev/vdb bs=1M seek=1 count=2 oflag=direct 2>/dev/null
    /usr/bin/blkdiscard -o 1M -l 1M /dev/vdb && dd if=/dev/vdb bs=1M skip=1 count=1 2>/dev/null | tr -d '\000' | wc -c
    /usr/bin/blkdiscard -z -o 2M -l 1M /dev/vdb && dd if=/dev/vdb bs=1M skip=2 count=1 2>/dev/null | tr -d '\000' | wc -c
}

section disks describe_disks
/usr/bin/mkfs.ext4 -q /dev/vda
mount /dev/vda /mnt
section fio verify
rm /mnt/*.0
section trim trim
umount /mnt
section e2fsck /usr/bin/e2fsck -fn /dev/vda
section forbidden forbidden
section discard discard
section sums sha256sum /dev/vda /dev/vdb /dev/vdc
section end
