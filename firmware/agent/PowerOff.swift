import System

enum PowerOff {
    /// How long killed processes may take to go, in milliseconds.
    private static let patience = 2000

    /// Ends all processes, writes everything to disks, and switches the machine off.
    static func perform(_ mounts: Mounts) -> Never {
        for _ in 0..<patience {
            kill(-1, SIGKILL)
            while waitpid(-1, nil, WNOHANG) > 0 {}
            if waitpid(-1, nil, WNOHANG) < 0, last_error() == ECHILD { break }
            usleep(1000)
        }
        // A kernel that shuts devices down while a card has traffic may wait for ever for a queue that it has broken
        // (virtio_net polls it; Linux 0d0eff39ceb3).
        NetworkInterfaces.switchOff()
        mounts.undo()
        sync()
        reboot(RB_POWER_OFF)
        say("cannot power off", errno: last_error())
        while true { pause() }
    }
}
