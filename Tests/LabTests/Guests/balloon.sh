# Uses much memory, then leaves it to the balloon, then needs it again.
mount -t tmpfs -o size=1g tmp /tmp

fill() {
    dd if=/dev/urandom of=/tmp/file bs=1M count=$1 2>/dev/null
    sha256sum /tmp/file >/tmp/sum
}

free_mebibytes() { awk '$1 == "MemFree:" { print int($2 / 1024) }' /proc/meminfo; }

show_host() {
    echo "guest: $1"
    read -r _
}

fill 300
rm /tmp/file
section before free_mebibytes
show_host touched
goal=$(($(free_mebibytes) - 290))
insert_modules
# What inflates is a thread of the kernel's.
for try in $(seq 200); do
    [ $(free_mebibytes) -gt $goal ] || break
    usleep 200000
done
section inflated free_mebibytes
show_host inflated
rmmod virtio_balloon
section deflated free_mebibytes
fill 300
section 'used again' sha256sum -c -s /tmp/sum && echo intact
show_host used
section end
