import System

/// Makes a guest that has just booted what programs expect of a Linux system.
enum Preparation {
    static func perform() {
        umask(0)
        mount("proc", at: "/proc", "proc")
        mount("sys", at: "/sys", "sysfs")
        // Neither of the file systems in memory may take all of it: who fills them fills his own.
        mount("dev", at: "/dev", "devtmpfs", "mode=755,size=1m")
        mount("devpts", at: "/dev/pts", "devpts", "mode=620,gid=5,ptmxmode=666")
        mount("shm", at: "/dev/shm", "tmpfs", "mode=1777,size=20%")
        mount("tmp", at: "/tmp", "tmpfs", "mode=1777,size=25%")
        mount("cgroup", at: "/sys/fs/cgroup", "cgroup2")
        for (path, target) in [
            ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "fd/0"), ("/dev/stdout", "fd/1"), ("/dev/stderr", "fd/2"),
        ] as [(StaticString, StaticString)] {
            symlink(text(target), text(path))
        }
        // A name that every root can resolve.
        sethostname(text("localhost"), 9)
        insertModules()
        NetworkInterfaces.switchLoopbackOn()
        Protection.set()
    }

    private static func mount(
        _ source: StaticString, at target: StaticString, _ type: StaticString, _ data: StaticString = ""
    ) {
        mkdir(text(target), 0o755)
        let result = System.mount(text(source), text(target), text(type), UInt(MS_NOSUID), text(data))
        // EBUSY: it is there already.
        if result != 0, last_error() != EBUSY { say("cannot mount", text(target), errno: last_error()) }
    }

    /// Inserts the modules that /modules/order names, one a line, and removes their files, which are in memory.
    private static func insertModules() {
        guard let order = fopen(text("/modules/order"), "re") else { return }
        defer { fclose(order) }
        let line = UnsafeMutablePointer<CChar>.allocate(capacity: 256)
        let path = UnsafeMutablePointer<CChar>.allocate(capacity: 300)
        defer {
            line.deallocate()
            path.deallocate()
        }
        while fgets(line, 256, order) != nil {
            line[strcspn(line, "\n")] = 0
            strcpy(path, "/modules/")
            strcat(path, line)
            strcat(path, ".ko")
            let file = open_file(path, O_RDONLY)
            if file < 0 || insert_module(file) != 0, last_error() != EEXIST {
                say("cannot insert", path, errno: last_error())
            }
            if file >= 0 { close(file) }
            unlink(path)
        }
    }
}
