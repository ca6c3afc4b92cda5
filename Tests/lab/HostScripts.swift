/// The lab host's user land: two shell scripts for busybox and two lists of mounts.
///
/// The host's side of the conversation is `Session`. It goes over four virtio-serial ports (`HostPort`): on the first,
/// `ready` comes from here when the machine is up, then from there `go TIME MARK SEED TAR`, where TIME is the time of
/// day, MARK what to end each of the other three streams with, SEED random digits, and TAR 1 when the directory `$OUT`
/// is wanted; then `begun` goes there, from then on empty lines come and `alive` goes, and at last `exit STATUS`.
/// `fail MESSAGE` says that the lab cannot go on.
enum HostScripts {
    /// Applets that `initialise` uses.
    static let applets = [
        "cat", "chmod", "date", "echo", "hostname", "ip", "ln", "mkdir", "modprobe", "mount", "mv", "poweroff", "sh",
        "switch_root", "usleep",
    ]

    /// What is mounted before the command's disk is.
    static let earlyMounts = """
        devtmpfs /dev devtmpfs mode=0755 0 0
        proc /proc proc defaults 0 0
        sysfs /sys sysfs defaults 0 0

        """

    /// What is mounted below the command's root.
    static let mounts = """
        devtmpfs /root/dev devtmpfs mode=0755 0 0
        devpts /root/dev/pts devpts gid=5,mode=620,ptmxmode=666 0 0
        shm /root/dev/shm tmpfs mode=1777 0 0
        proc /root/proc proc defaults 0 0
        sysfs /root/sys sysfs defaults 0 0
        debugfs /root/sys/kernel/debug debugfs defaults 0 0
        tracefs /root/sys/kernel/tracing tracefs defaults 0 0
        securityfs /root/sys/kernel/security securityfs defaults 0 0
        cgroup2 /root/sys/fs/cgroup cgroup2 nsdelegate 0 0
        tmp /root/tmp tmpfs mode=1777 0 0
        run /root/run tmpfs mode=0755 0 0

        """

    /// PID 1 in the initramfs: makes a KVM host of the machine, waits for a command's disk and gives it the machine.
    ///
    /// - Parameter modules: what to insert, in this order.
    static func initialise(modules: [String]) -> String {
        """
        #!/bin/sh
        export PATH=/bin
        mount -a -T /etc/mounts.early
        modprobe -a \(modules.joined(separator: " "))
        ln -s /proc/self/fd /dev/fd
        ln -s fd/0 /dev/stdin
        ln -s fd/1 /dev/stdout
        ln -s fd/2 /dev/stderr
        mkdir -p /dev/pts /dev/shm
        chmod 666 /dev/kvm /dev/net/tun /dev/vhost-net /dev/vhost-vsock /dev/fuse
        ip link set lo up
        hostname lab
        until [ -c \(HostPort.directory.device) ]; do usleep 5000; done
        exec 3<>\(HostPort.control.device)
        hold-machine || echo "fail its KVM makes no virtual machine" >&3
        echo ready >&3
        read -r go time mark seed tar <&3 || poweroff -f
        date -s "@$time" >/dev/null
        echo "$seed" >/dev/urandom
        mount -t ext4 -o noatime,noinit_itable /dev/vda /root || echo "fail the command's disk cannot be mounted" >&3
        mount -a -T /etc/mounts
        export mark tar
        exec switch_root /root /.lab/supervise
        """
    }

    /// PID 1 on the command's disk: runs the command and reports.
    static let supervise = """
        #!/bin/sh
        export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        exec 4>\(HostPort.output.device) 5>\(HostPort.errors.device)
        mkfifo /run/lab.output /run/lab.errors
        cat </run/lab.output >&4 & output=$!
        cat </run/lab.errors >&5 & errors=$!
        echo begun >&3
        # Empty lines come all the time. The port ends when the lab does: then nobody wants the command any more.
        { while read -r line; do :; done <&3; poweroff -f; } &
        while sleep 2; do echo alive >&3; done & pulse=$!
        (
            unset mark tar output errors pulse
            exec sh /.lab/command </dev/null >/run/lab.output 2>/run/lab.errors 3>&- 4>&- 5>&-
        )
        status=$?
        # What the command left running may hold its output open.
        for process in /proc/[0-9]*; do
            process=${process#/proc/}
            case $process in 1 | $output | $errors | $pulse) ;; *) kill -9 $process ;; esac
        done 2>/dev/null
        wait $output; echo -n "$mark" >&4
        wait $errors; echo -n "$mark" >&5
        if [ "$tar" = 1 ]; then
            exec 6>\(HostPort.directory.device)
            tar -C /out -cf - . >&6; echo -n "$mark" >&6
        fi
        echo "exit $status" >&3
        while :; do sleep 1000; done
        """

    /// The command and its environment.
    static func command(_ arguments: [String]) -> String {
        """
        cd /lab
        exec env -i HOME=/root PATH="$PATH" TMPDIR=/tmp LC_ALL=C.UTF-8 OUT=/out LAB_FILES=/lab \
            \(arguments.map(\.shellQuoted).joined(separator: " "))

        """
    }
}

/// The virtio-serial ports between the lab host and us; port 0 is reserved for a console (virtio 1.3 §5.3.2).
enum HostPort: Int, CaseIterable {
    case control = 1
    case output
    case errors
    case directory

    /// The device file in the lab host.
    var device: String { "/dev/vport0p\(rawValue)" }
}
