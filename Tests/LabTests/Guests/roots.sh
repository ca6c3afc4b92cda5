# Roots of commands: images and archives of one tree, and files that keep what is written. kernel/ has a kernel and its
# modules, and $KERNEL_APPEND is for its command line.

machine="--kernel kernel/vmlinux --modules kernel/modules ${KERNEL_APPEND:+--append $KERNEL_APPEND}"
run() {
    swiftlet run $machine "$@" </dev/null
}

# output NAME TEXT COMMAND...: the command prints this, and ends well.
output() {
    name=$1 expected=$2
    shift 2
    if [ "$("$@" 2>errors; echo "status $?")" = "${expected:+$expected
}status 0" ]; then
        echo "same: $name"
    else
        echo "differs: $name"
        "$@" 2>&1 | head -c 600
        head -c 600 errors
    fi
}

# refusal NAME WORDS COMMAND...: the command is refused with these words on stderr.
refusal() {
    name=$1 expected=$2
    shift 2
    "$@" >/dev/null 2>errors
    status=$?
    [ $status = 125 ] && [ "$(cat errors)" = "swiftlet: $expected" ] && echo "same: $name" && return
    echo "differs: $name: status $status"
    head -c 600 errors
}

# begin COMMAND...: in the background, until it has printed `ready`; its process is $pid.
begin() {
    : >started
    swiftlet run $machine "$@" </dev/null >started 2>&1 &
    pid=$!
    for try in $(seq 600); do grep -q ready started && return; usleep 100000; done
    echo 'differs: the machine in the background is not ready'
    cat started
}

# Where its users do not have it in their PATH.
mkdir -p /usr/sbin
cp /usr/bin/mke2fs /usr/sbin/mke2fs

everywhere='cat /etc/marker; echo changed >/etc/marker; rm /bin/vi; mkdir /new; cp /bin/sh /new/sh; cat /etc/marker; ls /new'
written='original
changed
sh'
case $1 in
images)
    for root in root.ext4 dirty.ext4 root.squashfs root.erofs root.tar root.tar.gz root.tar.zst; do
        before=$(sha256sum $root)
        output "$root is a root" "$written" run --root $root -- sh -c "$everywhere"
        [ "$before" = "$(sha256sum $root)" ] && echo "same: $root afterwards" || echo "differs: $root is written"
    done
    # A user's disk is the first one with it as without.
    truncate -s 1M disk.img
    output 'the disks of users' 'mine
agent-root' run --root root.ext4 --disk path=disk.img,id=mine -- \
        sh -c 'cat /sys/block/vda/serial; echo; cat /sys/block/vdb/serial; echo'
    output 'on a PCI bus' original run --transport pci --root root.squashfs -- cat /etc/marker
    begin --root root.ext4 -- sh -c 'echo ready; sleep 1000'
    output 'two machines at once' original run --root root.ext4 -- cat /etc/marker
    kill -0 $pid && echo 'same: the other one runs' || echo 'differs: the other one has ended'
    refusal 'an image that is a root cannot be written' "$PWD/root.ext4: is in use by another process; wait for its end, \
copy the image, or give the disk as read-only in both" run --root root.squashfs --disk path=$PWD/root.ext4,id=d -- true
    kill $pid
    wait $pid
    # The agent looks a disk up by its serial number, and the kernel has the last word.
    dd if=/dev/urandom of=broken.ext4 bs=1k seek=4 count=200 2>/dev/null
    dd if=root.ext4 of=broken.ext4 bs=1k count=4 conv=notrunc 2>/dev/null
    truncate -s 32M broken.ext4
    run --root broken.ext4 -- true 2>errors
    echo "$?: $(head -n 1 errors)" | grep -q "^125: swiftlet: the guest cannot mount the disk 'agent-root'" \
        && echo 'same: a damaged image' || { echo 'differs: a damaged image'; cat errors; }
    ;;
keep)
    mkdir small
    tar -xf root.tar -C small
    : >/etc/marker
    for root in small root.squashfs root.tar /; do
        output "keep above $root" '' run --root $root --keep kept -- sh -c 'echo x >/a; rm /etc/marker; echo y >/tmp/b'
        # The file system was unmounted: no journal is to be replayed.
        [ $(($(od -An -tu4 -j 1120 -N 4 kept) & 4)) = 0 ] && echo 'same: unmounted' || echo 'differs: not unmounted'
        output "kept above $root" x run --root $root --keep kept -- sh -c 'cat /a; ls /tmp; ! test -e /etc/marker'
        rm kept
    done
    output 'a size' '' run --keep kept --disk-size 64M -- sh -c '! dd if=/dev/zero of=/file bs=1M count=100 2>/dev/null'
    [ "$(stat -c %s kept)" = 67108864 ] && echo 'same: the size' || echo 'differs: the size'
    output 'what is removed goes' '' run --keep kept --disk-size 64M -- sh -c 'rm /file; sync'
    [ "$(stat -c %b kept)" -lt 40000 ] && echo 'same: the room' || echo "differs: the room: $(stat -c %b kept) blocks"
    refusal 'another size' 'kept: is there already with a size of 67108864 bytes, which stays as it is; ask for no other size, or name a new file' \
        run --keep kept --disk-size 65M -- true
    begin --keep kept -- sh -c 'echo one >/one; sync; echo two >/two; echo ready; sleep 1000'
    refusal 'one machine at a time' 'kept: is in use by another machine; wait for its end, or copy the file' \
        run --keep kept -- true
    kill -KILL $pid
    wait $pid 2>/dev/null
    output 'after a sudden end' 'one' run --keep kept -- sh -c 'cat /one; echo >/three'
    [ $(($(od -An -tu4 -j 1120 -N 4 kept) & 4)) = 0 ] && echo 'same: unmounted' || echo 'differs: not unmounted'
    output 'and once more' 'one' run --keep kept -- sh -c 'cat /one /three | head -n 1'
    rm -f /usr/sbin/mke2fs /usr/bin/mke2fs /sbin/mke2fs
    refusal 'no mke2fs' "new: cannot be made, as there is no program 'mke2fs'; install the package e2fsprogs, or copy a file \
that was made elsewhere" env PATH=/nonesuch $(command -v swiftlet) run $machine --keep new -- true
    [ -e new ] && echo 'differs: a file is left'
    ls | grep new- && echo 'differs: a new file is left'
    ;;
esac
echo end
