import CLinux
import SystemPackage

/// A request on its way: what is left of it, and the system call that it needs next.
///
/// The kernel may move less than it was asked to, a file system may lack an operation, and memory may be misaligned:
/// so a request can take several calls, one after the other. Offsets and counts are bytes.
struct Request {
    enum Step {
        case transfer
        /// A transfer by way of the request's bounce buffer.
        case bouncedTransfer
        case punchHole
        case zeroRange
        case writeZeroes
        /// The ioctl `BLKDISCARD`, which is not a call that both engines can make.
        case discardOnDevice
        case synchronize
    }

    enum Progress: Equatable {
        case unfinished
        case finished(Errno?)
    }

    /// Bytes of a system call at most, so that none takes long.
    private static let largestTransfer = 4 << 20

    let operation: Operation
    /// Whether the request ends only once its changes are durable.
    let isDurable: Bool
    private(set) var step: Step
    private(set) var offset: Int
    private(set) var left: Int
    private var segments: Segments

    /// - Parameter segments: how many of `memory`'s segments are filled in, with `count` bytes together.
    init(
        _ operation: Operation, durable: Bool, offset: Int, count: Int, segments: Int, memory: TransferMemory.Part,
        alignment: TransferAlignment
    ) {
        self.operation = operation
        isDurable = durable
        self.offset = offset
        left = count
        self.segments = Segments(memory.segments, count: segments)
        switch operation {
        case .read, .write: step = self.segments.fit(alignment) ? .transfer : .bouncedTransfer
        case .flush: step = .synchronize
        case .discard: step = .punchHole
        case .writeZeroes(let mayUnmap): step = mayUnmap ? .punchHole : .zeroRange
        }
    }

    /// The system call to make now; nil for the step `discardOnDevice`.
    func nextCall(_ memory: TransferMemory.Part) -> FileCall? {
        switch step {
        case .transfer:
            let (list, count) = segments.prefix(Self.largestTransfer, of: left, memory.bounceSegment)
            return transfer(list, count)
        case .bouncedTransfer:
            let piece = UnsafeMutableRawBufferPointer(rebasing: memory.bounce.prefix(left))
            if operation == .write { segments.copy(to: piece) }
            memory.bounceSegment.initialize(to: iovec(iov_base: piece.baseAddress, iov_len: piece.count))
            return transfer(memory.bounceSegment, 1)
        case .writeZeroes:
            let pieces = min((left - 1) / memory.zeroes.count + 1, memory.capacity)
            for index in 0..<pieces {
                let length = min(left - index * memory.zeroes.count, memory.zeroes.count)
                memory.segments[index] = iovec(iov_base: memory.zeroes.baseAddress, iov_len: length)
            }
            return transfer(memory.segments, pieces)
        case .punchHole:
            return .allocate(mode: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset: offset, count: left)
        case .zeroRange:
            return .allocate(mode: FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset: offset, count: left)
        case .synchronize: return .synchronize
        case .discardOnDevice: return nil
        }
    }

    private func transfer(_ list: UnsafeMutablePointer<iovec>, _ count: Int) -> FileCall {
        operation == .read
            ? .read(list, segments: count, offset: offset)
            : .write(list, segments: count, offset: offset, flags: isDurable ? RWF_DSYNC : 0)
    }

    /// Goes on from what the system call of this step answered: bytes or 0, or a negative errno.
    mutating func advance(_ result: Int, _ memory: TransferMemory.Part, on kind: RawImage.Kind) -> Progress {
        switch step {
        case .transfer, .bouncedTransfer, .writeZeroes: return moved(result, memory)
        case .synchronize: return .finished(result < 0 ? Errno(rawValue: CInt(clamping: -result)) : nil)
        case .punchHole, .zeroRange, .discardOnDevice:
            if result >= 0 { return changed() }
            let errno = Errno(rawValue: CInt(clamping: -result))
            // EINVAL: a block device's own block may be larger than a sector.
            guard errno == .notSupported || errno == .invalidArgument else { return .finished(errno) }
            // A discard is a hint, and need not have an effect.
            guard let next = stepInstead(on: kind) else { return .finished(operation == .discard ? nil : errno) }
            step = next
            return .unfinished
        }
    }

    private mutating func moved(_ result: Int, _ memory: TransferMemory.Part) -> Progress {
        if result < 0 { return .finished(Errno(rawValue: CInt(clamping: -result))) }
        // The file has become shorter, or takes no more.
        if result == 0 { return .finished(.ioError) }
        let count = min(result, left)
        if step == .bouncedTransfer && operation == .read {
            segments.copy(from: UnsafeMutableRawBufferPointer(rebasing: memory.bounce.prefix(count)))
        }
        if step != .writeZeroes { segments.drop(count) }
        offset += count
        left -= count
        return left == 0 ? .finished(nil) : .unfinished
    }

    /// After a change that no flag of its system call makes durable.
    private mutating func changed() -> Progress {
        guard isDurable else { return .finished(nil) }
        step = .synchronize
        return .unfinished
    }

    /// What does the same as a step that this file system or device cannot do; nil when there is nothing.
    private func stepInstead(on kind: RawImage.Kind) -> Step? {
        switch (step, operation) {
        case (.punchHole, .writeZeroes): .zeroRange
        case (.zeroRange, _): .writeZeroes
        case (.punchHole, .discard) where kind == .blockDevice: .discardOnDevice
        default: nil
        }
    }
}
