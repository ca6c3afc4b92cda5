# Uses much memory, then leaves it to the balloon, then needs it again.
mount -t tmpfs -o size=200m tmp /tmp

head -c 4194304 /dev/urandom >/pattern
fill() { for number in $(seq 30); do cat /pattern >/tmp/$number; done; }
intact() { for file in /tmp/*; do cmp /pattern $file || return; done; }

free_mebibytes() { awk '$1 == "MemFree:" { print int($2 / 1024) }' /proc/meminfo; }

show_host() {
    echo "guest: $1"
    read -r _
}

fill
rm /tmp/*
before=$(free_mebibytes)
section before echo $before
show_host touched
insert_modules
# What inflates is a thread of the kernel's.
for try in $(seq 300); do
    [ $(free_mebibytes) -gt $((before - 115)) ] || break
    usleep 200000
done
section inflated free_mebibytes
show_host inflated
rmmod virtio_balloon
section deflated free_mebibytes
fill
section 'used again' intact && echo intact
show_host used
section end
