import CLinux
import KVM
import Linux
import Synchronization

/// A vCPU and the thread that runs it.
final class VCPUThread: Sendable {
    let vcpu: VCPU
    let exits = ExitCounters()
    private let thread = Mutex<NativeThread?>(nil)
    /// The kernel's number of the thread; 0 before its start.
    private let threadNumber = Atomic<pid_t>(0)

    init(vcpu: consuming VCPU) {
        self.vcpu = vcpu
    }

    /// Starts running guest code, whenever `gate` lets it.
    ///
    /// - Parameter handle: called on the vCPU's thread for every exit but interruptions; answers whether to go on.
    func start(gate: RunGate, handle: @escaping @Sendable (VCPUThread, VCPUExit) -> Bool) throws(SystemCallError) {
        Self.installKickHandler()
        try thread.withLock { thread throws(SystemCallError) in
            thread = try NativeThread(name: "vcpu\(vcpu.id)") { [self] in
                // Whoever starts a machine may have it blocked, as threads of a dispatch queue do.
                SignalSet([Self.kickSignal]).unblock()
                threadNumber.store(gettid(), ordering: .relaxed)
                while gate.pass(waited: { vcpu.tellOfPause() }) {
                    guard runUntilInterrupted(handle) else { return }
                    // Before the gate's phase is read: a request made after that is seen by the next run.
                    vcpu.clearExitRequest()
                }
            }
        }
    }

    /// - Returns: false when the vCPU has come to its end.
    private func runUntilInterrupted(_ handle: (VCPUThread, VCPUExit) -> Bool) -> Bool {
        while true {
            let exit = vcpu.run()
            if case .interrupted = exit {
                exits.count(.signal)
                return true
            }
            if !handle(self, exit) { return false }
        }
    }

    /// Makes the vCPU leave guest code soon and pass the gate.
    func kick() {
        vcpu.requestExit()
        thread.withLock { $0?.send(signal: Self.kickSignal) }
    }

    /// Processor time that the thread has had so far, in nanoseconds; nil before its start and after its end.
    var processorTime: UInt64? {
        thread.withLock { thread in
            // Borrowed, and not copied as `flatMap` would.
            switch thread {
            case .some(let thread): thread.processorTime
            case .none: nil
            }
        }
    }

    /// How long the thread has been ready to run and had no processor, in nanoseconds; nil before its start and after its
    /// end, and where the kernel does not count it (`CONFIG_SCHED_INFO`).
    var waitTime: UInt64? {
        let number = threadNumber.load(ordering: .relaxed)
        // Time on a processor, time of waiting for one, and turns.
        guard number > 0, let text = try? contentsOfFile("/proc/self/task/\(number)/schedstat", limit: 4096) else {
            return nil
        }
        let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? UInt64(fields[1]) : nil
    }

    /// Waits for the thread's end; does nothing when it was never started.
    func join() {
        let thread = thread.withLock { $0.take() }
        thread?.join()
    }

    private static var kickSignal: CInt { real_time_signal() }

    /// A handler that does nothing, so that the signal interrupts `KVM_RUN` and no more.
    private static func installKickHandler() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(kickSignal, &action, nil)
    }
}
