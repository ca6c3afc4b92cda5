# The console is hvc0, which may be there only now; the ports are 'file' and 'socket'. $bytes go through each.
insert_modules
# Ports come one after the other, in answer to messages.
until (: </dev/hvc0) 2>/dev/null; do usleep 10000; done
exec </dev/hvc0 >/dev/hvc0 2>&1
stty raw -echo

port() {
    until grep -lx $1 /sys/class/virtio-ports/*/name >/tmp/$1; do usleep 10000; done
    echo /dev/$(basename $(dirname $(cat /tmp/$1)))
}

echo 'guest: ready for the console'
head -c $bytes >/tmp/typed
section typed sha256sum /tmp/typed
head -c $bytes /dev/urandom >/tmp/random
section sum sha256sum /tmp/random
section text base64 /tmp/random
section file port file
cat /tmp/random >$(port file)
echo 'guest: ready for the socket'
exec 4<>$(port socket)
head -c $bytes <&4 >/tmp/received
section received sha256sum /tmp/received
cat /tmp/random >&4
section end
echo 'guest: all is sent'
read -r _
