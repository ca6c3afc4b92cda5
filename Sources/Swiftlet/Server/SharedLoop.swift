import CLinux
import Linux
import Synchronization

/// The one thread that reads and writes for all machines of this process, and waits for their ends. It starts with the
/// first machine and stays.
enum SharedLoop {
    private static let loop = Mutex<EventLoop?>(nil)
    /// Signals that say what is wrong with the thread that gets them.
    private static let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
    private static let highestSignal: CInt = 64

    static func get() throws(SystemCallError) -> EventLoop {
        try loop.withLock { loop throws(SystemCallError) in
            if let loop { return loop }
            let made = try EventLoop(name: "swiftlet")
            // All other signals are the business of the program's own threads.
            made.perform { SignalSet((1...highestSignal).filter { !faults.contains($0) }).block() }
            try made.start()
            loop = made
            return made
        }
    }
}
