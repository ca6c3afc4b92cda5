import System

/// What keeps the agent able to work whatever commands do.
enum Protection {
    private static let group: StaticString = "/sys/fs/cgroup/commands"
    /// Memory that commands leave to the agent and the kernel, in bytes, unless it is an eighth of all.
    private static let reserve: UInt64 = 32 << 20

    /// Protects the agent, and makes the group of all commands.
    static func set() {
        writeFile("/proc/self/oom_score_adj", "-1000")
        mlockall(MCL_CURRENT | MCL_FUTURE)
        for controller in ["+pids", "+memory", "+cpu"] as [StaticString] {
            writeFile("/sys/fs/cgroup/cgroup.subtree_control", controller)
        }
        mkdir(text(group), 0o755)
        let processes = min(readNumber("/proc/sys/kernel/threads-max"), readNumber("/proc/sys/kernel/pid_max"))
        if processes > 0 { writeFile("/sys/fs/cgroup/commands/pids.max", number: processes / 4 * 3) }
        let memory = UInt64(sysconf(CInt(_SC_PHYS_PAGES))) * UInt64(sysconf(CInt(_SC_PAGESIZE)))
        writeFile("/sys/fs/cgroup/commands/memory.max", number: memory - min(memory / 8, reserve))
    }

    /// Makes the calling process, a child of the agent's, an ordinary one.
    static func leave() {
        writeFile("/sys/fs/cgroup/commands/cgroup.procs", "0")
        writeFile("/proc/self/oom_score_adj", "0")
    }

    private static func writeFile(_ path: StaticString, _ contents: StaticString) {
        writeFile(path, contents.utf8Start, contents.utf8CodeUnitCount)
    }

    private static func writeFile(_ path: StaticString, number: UInt64) {
        var digits: [UInt8] = []
        var rest = number
        repeat {
            digits.insert(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), at: 0)
            rest /= 10
        } while rest > 0
        writeFile(path, digits, digits.count)
    }

    /// A kernel without the control group or the file goes without it.
    private static func writeFile(_ path: StaticString, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let file = open_file(text(path), O_WRONLY)
        guard file >= 0 else { return }
        write(file, bytes, count)
        close(file)
    }

    private static func readNumber(_ path: StaticString) -> UInt64 {
        let file = open_file(text(path), O_RDONLY)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var digits = [UInt8](repeating: 0, count: 20)
        let count = read(file, &digits, digits.count)
        var number: UInt64 = 0
        for digit in digits.prefix(max(count, 0)) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { break }
            number = number &* 10 &+ UInt64(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
