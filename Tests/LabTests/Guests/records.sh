# Appends numbered records to two files on vda, each synchronised before its number is printed, until the power is cut.
insert_modules
/usr/bin/mkfs.ext4 -q /dev/vda
mount /dev/vda /mnt

write_records() {
    number=1
    while :; do
        printf '%4096d' $number | dd of=/mnt/$1 bs=4k seek=$number conv=notrunc,fsync 2>/dev/null || return
        echo "record $1 $number"
        number=$((number + 1))
    done
}

write_records a &
write_records b
