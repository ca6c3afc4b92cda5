# Real work in guests, as `set TRIAL; . ./trials.sh`. kernel/ has a kernel and its modules, $KERNEL_APPEND is for its command
# line, and $FULL is set where the work may take its time. Each line tells what is to be seen: `same: NAME`, or what was there
# instead. stderr has how long things took.

machine="--kernel kernel/vmlinux ${KERNEL_APPEND:+--append $KERNEL_APPEND}"
run() {
    swiftlet run $machine "$@"
}

same() {
    echo "same: $1"
}

differs() {
    echo "differs: $1"
    for file in guest.out guest.err; do [ -e $file ] && tail -n 20 $file; done
}

# equal NAME FILE FILE
equal() {
    cmp $2 $3 && same "$1" || differs "$1"
}

# All of a tree that somebody might have changed.
tree() {
    (cd $1 && find . | sort | xargs stat -c '%n %f %u %g %h %i %s %y %z' && find . -type f | sort | xargs sha256sum)
}

# What may be left of guests and their monitors: processes, files, control groups, machines.
left() {
    ps -o comm | grep '^swiftlet'
    find / -xdev ! -path "$PWD/*" | sort
    find /dev/shm /run /tmp ${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR} 2>/dev/null | sort
    find /sys/fs/cgroup -type d | sort
    awk '/^kvm / { print $1, $3 }' /proc/modules
}

case $1 in
build)
    # build NAME COMMANDS: sources/NAME, read-only, is built by both sides at the same path, and gives the same bytes.
    build() {
        mkdir -p guest/$1 host/$1
        cat >$1.sh <<END
set -e
export SOURCE_DATE_EPOCH=1700000000
cp -a \$1 /build
cd /build
$2
END
        rm -rf /build
        (time sh $1.sh $PWD/sources/$1 $PWD/host/$1) >host.out 2>&1 || { echo "differs: $1 on the host"; tail host.out; }
        grep real host.out >&2
        rm -rf /build
        time swiftlet run $machine --memory 512M --share $PWD/sources/$1:/src --share $PWD/guest/$1:/out:rw -- sh $PWD/$1.sh /src /out \
            >guest.out 2>guest.err || differs "$1 in the guest"
        [ -e /build ] && echo 'differs: the build is on the host'
        for artefact in $3; do equal "$1: $artefact" host/$1/$artefact guest/$1/$artefact; done
    }
    tree sources >before
    build ncompress 'make -s compress
./compress -c compress42.c >packed
./compress -dc packed | cmp - compress42.c
cp compress packed $2' 'compress packed'
    if [ "$FULL" ]; then
        build bzip2 'make -s
cp bzip2 libbz2.a $2' 'bzip2 libbz2.a'
        build hello './configure --quiet --disable-dependency-tracking --disable-nls
make -s
./hello
cp hello config.h $2' 'hello config.h'
    fi
    tree sources >after
    equal 'the sources' before after
    ;;

hostile)
    seconds=${FULL:+60}
    seconds=${seconds:-6}
    mkdir -p share/real/canary/inner share/own/canary/inner source small/bin /canary/inner outside/canary/inner
    for place in share/real share/own; do
        echo start | tee $place/canary/file >$place/canary/inner/file
    done
    ln -s / share/link
    ln -s ../outside share/other
    echo original >source/file
    for place in /canary outside/canary; do
        echo SECRET | tee $place/file >$place/inner/file
        : >$place/inner/SECRET
    done
    cp /bin/busybox races small/bin/
    for applet in $(busybox --list | grep -v busybox); do ln -s busybox small/bin/$applet; done
    outside() {
        for place in /canary outside source small; do tree $place; done
    }
    outside >before
    cat >hostile.sh <<'END'
# What a symbolic link to / leads to in here.
mkdir -p /canary/inner /outside/canary/inner
ls /sys/class/net | grep -v -e '^lo$' -e '^sit0$' && echo 'there is a network card'
ping -c 1 -W 1 192.0.2.1 >/dev/null && echo 'ping came through'
nc -w 1 192.0.2.1 80 </dev/null && echo 'TCP came through'
wget -q -O /dev/null http://192.0.2.1/ && echo 'HTTP came through'
nc -w 1 127.0.0.1 80 </dev/null && echo 'somebody listens'
echo 'network tried'
echo x >/bin/new && rm /bin/tac && echo x >/bin/tac && mv /bin/ed /bin/vi && echo 'the root is a copy'
echo changed >/source/file && echo 'the read-only share was written'
mount -o remount,rw /source && echo changed >/source/file && echo 'the share was written after a mount'
for tag in $(sed -n 's/^\([^ ]*\) [^ ]* virtiofs .*/\1/p' /proc/mounts) source share0 share1 root; do
    mkdir -p /again
    mount -t virtiofs -o rw $tag /again || continue
    echo changed >/again/file && [ ! -e /share/file ] && echo "the share was written by another mount of $tag"
    umount /again
done
rm -f /share/file
echo 'writing tried'
races exchange /share/own /share/other $(($1 + 1)) &
races use /share/own/canary SECRET $1 >/own.out &
races use /share/real/canary SECRET $1
wait
cat /own.out
head -c 100000000 /dev/zero >/tmp/bomb || echo 'the disk is full'
rm -f /tmp/bomb
awk 'BEGIN { s = "x"; while (1) s = s s }' || echo 'the memory is full'
exec 2>/dev/null
b() { b | b & }
(b)
sleep 3
echo survived
END
    cat >expected <<'END'
network tried
the root is a copy
writing tried
END
    for place in real own; do
        for kind in reads writes creations truncations directories removals renamings links modes times lists; do
            echo "$kind happened"
        done
        echo 'secret kept'
    done >uses
    cat uses >>expected
    cat >>expected <<'END'
the disk is full
the memory is full
survived
END
    # What no descriptor is kept for is looked up again by its name, so there are to be few of them.
    for descriptors in ${FULL:+4096} 128; do
        races exchange share/real share/link $((seconds + 6)) >exchange.out &
        (ulimit -n $descriptors; run --memory 192M --pids 64 --disk-size 20M --timeout 240s --root small \
            --share $PWD/source:/source --share $PWD/share:/share:rw -- \
            /bin/sh -c "$(cat hostile.sh)" sh $seconds >guest.out 2>guest.err)
        status=$?
        wait
        grep -v '^exchanged' guest.out >guest.said
        [ $status = 0 ] && grep -q often exchange.out && equal "a hostile build, $descriptors descriptors" expected guest.said ||
            differs "a hostile build: status $status"
        cat exchange.out guest.err >&2
    done
    outside >after
    diff before after && same 'all outside of the share' || differs 'outside of the share'
    ;;

files)
    mkdir -p share/model1 share/model2
    count=${FULL:+30000}
    count=${count:-3000}
    seed=${SEED:-$(($(date +%s) % 100000))}
    echo "seed $seed" >&2
    cat >files.sh <<END
model /share/model1 $seed $count &
first=\$!
model /share/model2 $((seed + 1)) $count && wait \$first || exit 1
cd /share && find model1 model2 -type f | sort | xargs sha256sum
END
    time swiftlet run $machine --cpus 1 --memory 256M --share $PWD/share:/share:rw -- sh $PWD/files.sh >guest.out 2>guest.err ||
        differs "the model: status $?"
    grep -c '^model: .* operations' guest.out | grep -q 2 && same 'two models'
    (cd share && find model1 model2 -type f | sort | xargs sha256sum) >host.out
    grep -v '^model' guest.out >guest.sums
    equal 'the sums' host.out guest.sums

    # Directories of a thousand files, made by the guest and seen by both sides.
    directories=${FULL:+20}
    directories=${directories:-2}
    cat >many.sh <<END
mkdir /share/many && cd /share/many
for directory in \$(seq $directories); do
    mkdir \$directory
    for file in \$(seq 1000); do echo \$directory.\$file >\$directory/\$file; done
done
echo 3 >/proc/sys/vm/drop_caches
find . -type f | wc -l
find . -type f -name '*77' | sort | xargs sha256sum
END
    run --memory 256M --share $PWD/share:/share:rw -- sh $PWD/many.sh >guest.out 2>guest.err || differs 'many files'
    (cd share/many && find . -type f | wc -l && find . -type f -name '*77' | sort | xargs sha256sum) >host.out
    equal 'many files' host.out guest.out

    # While the guest removes what it was told of, it is told of the rest, also by a file system that counts its entries.
    mkdir /dev/shm/removed
    run --share /dev/shm/removed:/share:rw -- \
        sh -c 'mkdir /share/d && cd /share/d && seq 1000 | xargs touch && cd / && rm -r /share/d' >guest.out 2>guest.err &&
        rmdir /dev/shm/removed && same 'a tree is removed' || differs 'a tree is removed'

    # Each with how often: what takes longest only where there is time.
    kinds='hdd:16 rename:100 dentry:30 fallocate:10 flock:200 lockf:200 locka:200 lockofd:200 utime:50 msync:20 readahead:10
        seek:20 sync-file:5 copy-file:10 dirdeep:10 fcntl:50'
    [ "$FULL" ] && kinds="$kinds link:10 symlink:10 dir:200 chmod:100 chown:50 xattr:30 mmap:20 filename:100 fstat:100
        getdent:50 handle:50 iomix:200 revio:200 sendfile:20 splice:100 touch:500 dirmany:10 open:200 aio:100"
    cat >stress.sh <<'END'
mkdir /share/stress && cd /share/stress
for kind; do
    stress-ng --${kind%:*} 1 --${kind%:*}-ops ${kind#*:} --timeout 60s --verify --temp-path . --hdd-bytes 4m \
        --fallocate-bytes 4m --readahead-bytes 4m --seek-size 2m --mmap-bytes 4m --mmap-file --sync-file-bytes 4m \
        --iomix-bytes 4m --revio-bytes 4m >/log 2>&1 && echo "$kind" || cat /log
    cat /proc/uptime >&2
done
ls -A
END
    run --memory 512M --share $PWD/share:/share:rw -- sh $PWD/stress.sh $kinds >guest.out 2>guest.err ||
        differs "stress: status $?"
    printf '%s\n' $kinds >host.out
    equal 'stress' host.out guest.out
    cat guest.err >&2
    ;;

workers)
    count=${FULL:+100}
    count=${count:-3}
    together=${FULL:+20}
    together=${together:-4}
    mkdir -p share results
    seq 5000 >share/input
    work() {
        run --memory 128M --share $PWD/share:/src --status-file results/status.$1 -- \
            sh -c 'sha256sum </src/input; ls -A / /tmp; seq 300; echo errors >&2; exit 7' \
            >results/out.$1 2>results/err.$1
        echo $? >>results/out.$1
    }
    # What is kept for the next one, such as a cache, is there after the first.
    work first
    mv results/out.first expected
    mv results/err.first errors
    grep -q '^7$' expected && grep -q '^errors$' errors && same 'the first' || differs 'the first'
    left >before
    files=$(cut -f 1 /proc/sys/fs/file-nr)
    begin=$(cut -d . -f 1 /proc/uptime)
    for number in $(seq $count); do work $number; done
    middle=$(cut -d . -f 1 /proc/uptime)
    for number in $(seq $together); do work together.$number & done
    wait
    end=$(cut -d . -f 1 /proc/uptime)
    echo "$count one after another: $((middle - begin)) s; $together at once: $((end - middle)) s" >&2
    right=0
    for out in results/out.*; do
        cmp expected $out && cmp errors results/err.${out#results/out.} &&
            grep -q '"cause":"exited","code":7' results/status.${out#results/out.} && right=$((right + 1))
    done
    [ $right = $((count + together)) ] && same 'all of them' || echo "differs: $right are right"
    sleep 1
    left >after
    diff before after && same 'what is left' || echo 'differs: something is left'
    now=$(cut -f 1 /proc/sys/fs/file-nr)
    echo "open files of all processes: $files before, $now after" >&2
    # The kernel counts in portions for each CPU.
    [ $((now - files)) -lt 64 ] && same 'open files' || echo "differs: $files open files, then $now"
    ;;
esac
echo end
