import System

/// What keeps the agent able to work whatever commands do.
enum Protection {
    /// Protects the agent, and makes the group of all commands.
    static func set() {
        SmallFile.write("/proc/self/oom_score_adj", "-1000")
        mlockall(MCL_CURRENT | MCL_FUTURE)
        CommandGroup.make()
    }

    /// Makes the calling process, a child of the agent's, an ordinary one.
    static func leave() {
        CommandGroup.join()
        SmallFile.write("/proc/self/oom_score_adj", "0")
    }
}
