# The console is hvc0; the ports are 'file' and 'socket'. $bytes go through each port, $console_bytes through hvc0.
insert_modules
# The driver hears of them one after the other, some time later.
until (: </dev/hvc0) 2>/dev/null; do usleep 10000; done
exec </dev/hvc0 >/dev/hvc0 2>&1
stty raw -echo

port() {
    until name=$(grep -lx $1 /sys/class/virtio-ports/*/name 2>/dev/null); do usleep 10000; done
    echo /dev/$(basename ${name%/name})
}

echo 'guest: ready for the console'
head -c $console_bytes >/tmp/typed
section typed sha256sum /tmp/typed
head -c $bytes /dev/urandom >/tmp/random
section sum sha256sum /tmp/random
head -c $console_bytes /tmp/random >/tmp/printed
section printed sha256sum /tmp/printed
section text base64 /tmp/printed
section file port file
cat /tmp/random >$(port file)
echo 'guest: ready for the socket'
exec 4<>$(port socket)
# Linux reads the end of a file as long as it has not heard that there is somebody at the other end, which it is told on a
# queue of its own and can hear after the first bytes.
: >/tmp/received
until missing=$((bytes - $(wc -c </tmp/received))); [ $missing = 0 ]; do head -c $missing <&4 >>/tmp/received; done
section received sha256sum /tmp/received
cat /tmp/random >&4
section end
echo 'guest: all is sent'
read -r _
