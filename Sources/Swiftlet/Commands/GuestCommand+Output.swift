public import ControlMessages

extension GuestCommand {
    /// Where a command writes: with a terminal, all is `.stdout`.
    public typealias Stream = ExecOutput.Stream

    /// Something that a command wrote.
    public struct Piece: Sendable, Equatable {
        public let stream: Stream
        public internal(set) var bytes: [UInt8]

        /// The same as text; bytes that are none are replaced.
        public var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// What the command writes.
    public var output: Output { Output(command: self) }

    /// Drops the output that was not read, and all that is to come. Who reads it finds its end with the command's.
    public func discardOutput() {
        vm.acknowledge(buffer.discard(), of: buffer)
    }

    /// What a command writes, in pieces of any size, up to its end. In each stream they are in order.
    ///
    /// It is read as a pipe is: each piece is given once, and who stops reading and begins again goes on where it was. Nothing
    /// is dropped; with 256 KiB unread, the command waits.
    public struct Output: AsyncSequence, Sendable {
        let command: GuestCommand

        public func makeAsyncIterator() -> Iterator {
            Iterator(command: command)
        }

        public struct Iterator: AsyncIteratorProtocol {
            let command: GuestCommand

            /// - Returns: nil after the command's end.
            /// - Throws: `MicroVMError.commandLost` when the machine ended first, after all that came before;
            ///   `CancellationError`.
            public mutating func next() async throws -> Piece? {
                let piece = try await command.buffer.take()
                command.vm.acknowledge(command.buffer.takeAcknowledgement(), of: command.buffer)
                return piece
            }
        }
    }
}
