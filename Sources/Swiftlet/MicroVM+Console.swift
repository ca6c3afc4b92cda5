extension MicroVM {
    /// What the guest's console prints.
    public var console: Console { Console(vm: self) }

    /// The bytes that a guest's console prints, in pieces of any size, up to the machine's end.
    ///
    /// It is read as a pipe is: each byte is given once, and who stops reading and begins again goes on where it was. As
    /// long as somebody reads it, which is within `for await` and `read`, nothing is dropped; a guest that prints faster
    /// than is read waits. So a loop that reads must not wait in its body for the guest to come to something by itself.
    public struct Console: AsyncSequence, Sendable {
        private static let piece = 64 << 10

        let vm: MicroVM
        private var buffer: ConsoleBuffer { vm.shared.console }

        /// The latest output, at most 256 KiB, whether it was read or not.
        public var recent: [UInt8] { buffer.recent }

        /// How many bytes were dropped because nobody read them.
        public var lostCount: Int { buffer.lost }

        /// Reads up to the end of the next occurrence of `text`.
        ///
        /// - Returns: what was read.
        /// - Throws: `MicroVMError.consoleEnded` when the console ends before, `MicroVMError.tooMuchOutput` when it
        ///   printed more than `limit` bytes before it, `CancellationError`.
        @discardableResult
        public func read(through text: String, limit: Int = 1 << 20) async throws -> [UInt8] {
            let pattern = Array(text.utf8)
            let reading = Reading(vm)
            defer { withExtendedLifetime(reading) {} }
            var bytes: [UInt8] = []
            while true {
                let before = Array(bytes.suffix(Swift.max(pattern.count - 1, 0)))
                let part = await buffer.take(Self.piece, through: pattern, after: before)
                reading.tookBytes()
                guard let part else {
                    try Task.checkCancellation()
                    let last = String(decoding: bytes.suffix(500), as: UTF8.self)
                    throw MicroVMError.consoleEnded(awaited: text, last: last)
                }
                bytes += part.bytes
                if part.isLast { return bytes }
                guard bytes.count <= limit else { throw MicroVMError.tooMuchOutput(limit: limit) }
            }
        }

        public func makeAsyncIterator() -> Iterator {
            Iterator(reading: Reading(vm))
        }

        public struct Iterator: AsyncIteratorProtocol {
            let reading: Reading

            /// - Returns: nil after the machine's end, and when the task is cancelled.
            public mutating func next() async -> [UInt8]? {
                let bytes = await reading.vm.shared.console.take(piece)
                reading.tookBytes()
                return bytes
            }
        }

        /// That somebody reads, as long as this object is there.
        final class Reading: Sendable {
            let vm: MicroVM

            init(_ vm: MicroVM) {
                self.vm = vm
                vm.shared.console.addReader()
            }

            deinit {
                vm.shared.console.removeReader()
                tookBytes()
            }

            /// Lets the guest go on that waited for it.
            func tookBytes() {
                if vm.shared.console.endStall() { vm.resumeConsole() }
            }
        }
    }
}
