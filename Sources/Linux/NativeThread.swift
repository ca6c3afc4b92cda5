import CLinux

/// A POSIX thread that can be sent a signal and joined.
public struct NativeThread: ~Copyable, Sendable {
    private let handle: pthread_t

    /// Starts `body` on a thread of its own.
    ///
    /// - Parameters:
    ///   - name: shown by `ps -L` and in core dumps; the kernel keeps the first 15 bytes.
    ///   - stackSize: bytes of address space; only what is touched takes memory.
    public init(
        name: String, stackSize: Int = 256 << 10, _ body: @escaping @Sendable () -> Void
    ) throws(SystemCallError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackSize)

        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle, &attributes,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw SystemCallError("pthread_create", on: name, errno: .init(rawValue: status))
        }
        self.handle = handle
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    public func send(signal: CInt) {
        pthread_kill(handle, signal)
    }

    /// Processor time that the thread has had so far, in nanoseconds, a guest's included for a vCPU; nil where the
    /// system does not tell.
    public var processorTime: UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard pthread_getcpuclockid(handle, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Waits for the thread's end.
    public consuming func join() {
        pthread_join(handle, nil)
    }
}
