import System

/// The control group of all commands (Linux admin-guide/cgroup-v2). A kernel without control groups goes without.
enum CommandGroup {
    private static let path: StaticString = "/sys/fs/cgroup/commands"
    /// Memory that commands leave to the agent and the kernel, in bytes, unless it is an eighth of all.
    private static let reserve: UInt64 = 32 << 20

    static func make() {
        for controller in ["+pids", "+memory", "+cpu"] as [StaticString] {
            SmallFile.write("/sys/fs/cgroup/cgroup.subtree_control", controller)
        }
        mkdir(text(path), 0o755)
        let processes = min(
            SmallFile.number("/proc/sys/kernel/threads-max"), SmallFile.number("/proc/sys/kernel/pid_max"))
        if processes > 0 { _ = limitProcesses(to: processes / 4 * 3) }
        let memory = UInt64(sysconf(CInt(_SC_PHYS_PAGES))) * UInt64(sysconf(CInt(_SC_PAGESIZE)))
        SmallFile.write("/sys/fs/cgroup/commands/memory.max", number: memory - min(memory / 8, reserve))
    }

    /// - Returns: an errno, or 0.
    static func limitProcesses(to number: UInt64) -> CInt {
        SmallFile.write("/sys/fs/cgroup/commands/pids.max", number: number)
    }

    /// Has the calling process be in the group.
    static func join() {
        SmallFile.write("/sys/fs/cgroup/commands/cgroup.procs", "0")
    }

    /// How often commands have met the limits of the group.
    struct Events {
        /// Processes that were killed for want of memory.
        let kills: UInt64
        /// Processes that were not made because there were too many.
        let forks: UInt64

        static var now: Events {
            Events(
                kills: SmallFile.number("/sys/fs/cgroup/commands/memory.events", after: "oom_kill "),
                forks: SmallFile.number("/sys/fs/cgroup/commands/pids.events", after: "max "))
        }

        /// The limits that were met since `earlier`, as bits.
        func limits(since earlier: Events) -> UInt32 {
            (kills > earlier.kills ? Protocol.Limit.memory : 0) | (forks > earlier.forks ? Protocol.Limit.processes : 0)
        }
    }
}
