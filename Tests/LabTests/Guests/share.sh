# Mounts the shares ro, rw and many, and does what users do to files.
insert_modules
mkdir -p /etc
echo "root:x:0:0:the guest's own:/:/bin/sh" >/etc/passwd

mounts() {
    for share in ro rw many; do
        mkdir -p /$share
        mount -t virtiofs $share /$share && echo $share
    done
}
section mounts mounts

section sum sha256sum /ro/random
large() {
    stat -c %s /ro/large
    dd if=/ro/large bs=1M skip=4608 2>/dev/null | head -c 6
    echo
}
section large large
links() {
    readlink /ro/link
    cat /ro/link
    stat -c '%u %a' /ro/random
}
section links links

# Each has to fail, and the file system to say why.
refused() {
    "$@" 2>&1 | grep -q 'Read-only file system' && echo refused || echo "not refused: $*"
}
change() {
    refused sh -c 'echo x >/ro/new'
    refused sh -c 'echo x >>/ro/random'
    refused sh -c ': >/ro/random'
    refused rm /ro/random
    refused mkdir /ro/directory
    refused mv /ro/random /ro/renamed
    refused ln /ro/random /ro/linked
    refused ln -s target /ro/symbolic
    refused chmod 777 /ro/random
    refused touch /ro/random
    refused mknod /ro/fifo p
}
section read-only change

many() {
    ls -l /many | grep -c '^-'
    cat /many/*77 | wc -l
    # Once more, with nothing in the guest's caches.
    echo 2 >/proc/sys/vm/drop_caches
    ls -l /many | grep -c '^-'
}
section many many

names() {
    mkdir /rw/directory
    echo text >/rw/directory/file
    mv /rw/directory/file /rw/directory/renamed
    mv /rw/directory /rw/moved
    cat /rw/moved/renamed
    ln /rw/moved/renamed /rw/second
    stat -c %h /rw/second
    rm /rw/moved/renamed
    rmdir /rw/moved
    cat /rw/second
    mknod /rw/null c 1 3 2>/dev/null || echo no device
    chmod 4755 /rw/second 2>/dev/null || echo no set-user-ID
    chmod 640 /rw/second && stat -c '%a %u' /rw/second
    chown 1000 /rw/second 2>/dev/null || echo no other owner
}
section names names

unlinked() {
    echo before >/rw/gone
    exec 5<>/rw/gone
    rm /rw/gone
    ls /rw/gone 2>/dev/null || echo gone
    read -r line <&5
    echo "$line"
    echo after >&5
    stat -L -c '%s %h' /proc/self/fd/5
    exec 5<&-
}
section unlinked unlinked

locks() {
    : >/rw/lock
    /usr/bin/flock -n /rw/lock sh -c '/usr/bin/flock -n /rw/lock echo twice || echo locked'
    /usr/bin/flock -n /rw/lock echo free
}
section locks locks

mapped() {
    /usr/bin/fio --name=mapped --filename=/rw/mapped --size=2m --bs=4k --rw=randwrite --ioengine=mmap --verify=crc32c \
        --output-format=terse --terse-version=3 | cut -d ';' -f 3,5,6
    /usr/bin/fio --name=written --filename=/rw/written --size=8m --bs=256k --rw=write --ioengine=psync --verify=crc32c \
        --output-format=terse --terse-version=3 | cut -d ';' -f 3,5,6
}
section mapped mapped

write() {
    head -c 5000000 /dev/urandom >/rw/from-guest
    sync
    sha256sum /rw/from-guest
    for share in ro rw many; do umount /$share && echo unmounted; done
}
section written write
section end
