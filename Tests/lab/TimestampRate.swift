import CLinux
import Linux

/// The rate at which the emulator's time stamp counter runs, in kHz: it is this machine's own on x86_64; elsewhere QEMU
/// counts nanoseconds.
func measureTimestampRate() -> Int {
    #if arch(x86_64)
        /// A moment on both clocks, from the narrowest of some tries.
        func sample() -> (nanoseconds: UInt64, ticks: UInt64) {
            let tries = (0..<20).map { _ in
                let before = monotonicNanoseconds()
                let ticks = timestamp_counter()
                return (width: monotonicNanoseconds() - before, nanoseconds: before, ticks: ticks)
            }
            let best = tries.min { $0.width < $1.width } ?? tries[0]
            return (best.nanoseconds + best.width / 2, best.ticks)
        }
        let first = sample()
        usleep(30_000)
        let last = sample()
        return Int((last.ticks - first.ticks) * 1_000_000 / (last.nanoseconds - first.nanoseconds))
    #else
        return 1_000_000
    #endif
}
