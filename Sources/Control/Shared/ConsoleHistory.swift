import Synchronization

/// The end of what a guest has printed, for who asks later.
public final class ConsoleHistory: Sendable {
    private struct Contents {
        var bytes: [UInt8] = []
        /// Bytes that were printed before those.
        var offset: UInt64 = 0
        /// Called once when there is more.
        var listener: (@Sendable () -> Void)?
    }

    /// So many bytes are kept at least, and at most twice as many.
    private static let capacity = 64 << 10

    private let contents = Mutex(Contents())

    public init() {}

    public func add(_ more: UnsafeRawBufferPointer) {
        let listener = contents.withLock { contents in
            contents.bytes += more
            if contents.bytes.count > 2 * Self.capacity {
                let old = contents.bytes.count - Self.capacity
                contents.bytes.removeFirst(old)
                contents.offset += UInt64(old)
            }
            return contents.listener.take()
        }
        listener?()
    }

    /// What was printed from `offset` on.
    ///
    /// - Returns: the offset of the first byte, which is larger where older ones are not kept any more, and never beyond
    ///   what was printed.
    public func read(from offset: UInt64) -> (offset: UInt64, bytes: ArraySlice<UInt8>) {
        contents.withLock { contents in
            let known = UInt64(contents.bytes.count)
            let skipped = min(max(offset, contents.offset) - contents.offset, known)
            return (contents.offset + skipped, contents.bytes.dropFirst(Int(skipped)))
        }
    }

    /// Has `job` called once, on whatever thread, when there is something from `offset` on; at once, if there is.
    func whenGrown(beyond offset: UInt64, _ job: @escaping @Sendable () -> Void) {
        let hasGrown = contents.withLock { contents in
            if contents.offset + UInt64(contents.bytes.count) > offset { return true }
            contents.listener = job
            return false
        }
        if hasGrown { job() }
    }
}
