import GuestMemory
import Linux
import Virtio

/// A memory balloon: has the guest give pages back, up to a target, and takes those that it reports as free (virtio 1.3
/// §5.5).
public final class BalloonDevice: VirtioDevice {
    /// The driver's page numbers count pages of this size, whatever pages guest and host use.
    static let pageSize = 4096
    /// Of a request with more page numbers, only these are looked at; Linux sends 256.
    static let largestRequest = 1024
    /// Of a statistics buffer with more entries, only these are looked at.
    static let mostStatistics = 64

    private static let queueSize: UInt16 = 128
    /// inflateq, deflateq and up to three more.
    private static let queueCount = 5

    private enum Feature {
        static let statistics = Features.bit(1)
        static let deflateOnOOM = Features.bit(2)
        static let pageReporting = Features.bit(5)
    }

    /// Offsets in the configuration space.
    private enum Field {
        static let pageCount = 0..<4
        static let actual = 4..<8
    }

    private enum Role {
        case inflate, deflate, statistics, reporting
    }

    public let statistics = TrafficStatistics()

    private let ledger: BalloonLedger
    private let memorySize: UInt64
    private let deflatesOnOOM: Bool
    private let statisticsInterval: UInt64
    private var context: DeviceContext?
    /// By index; nil for those that the driver does not use.
    private var queues: [(queue: Virtqueue, role: Role)?] = []
    /// The driver's buffer for statistics, kept until new ones are wanted.
    private var statisticsBuffer: (head: UInt16, queue: Virtqueue)?
    private var statisticsIndex = 0
    private var timer: TimerQueue.ID?
    private var pages: [UInt32] = []

    /// - Parameters:
    ///   - ledger: is kept up to date.
    ///   - memorySize: of the guest, in bytes.
    ///   - target: bytes that the guest is to give back at first.
    ///   - deflatesOnOOM: whether the guest may take memory back when it would have to kill a process otherwise.
    ///   - statisticsInterval: nanoseconds between two requests for the guest's statistics; 0 for none but the first.
    public init(
        ledger: BalloonLedger, memorySize: UInt64, target: UInt64 = 0, deflatesOnOOM: Bool = true,
        statisticsInterval: UInt64 = 0
    ) {
        self.ledger = ledger
        self.memorySize = memorySize
        self.deflatesOnOOM = deflatesOnOOM
        self.statisticsInterval = statisticsInterval
        ledger.update { $0.target = min(target, memorySize) }
        pages.reserveCapacity(Self.largestRequest)
    }

    public var description: DeviceDescription {
        var features: Features = [Feature.statistics, Feature.pageReporting]
        if deflatesOnOOM { features.insert(Feature.deflateOnOOM) }
        return DeviceDescription(
            type: .balloon, features: features, queueSizes: .init(repeating: Self.queueSize, count: Self.queueCount),
            configuration: Self.bytes(pages(in: ledger.reading.target)) + Self.bytes(0), writable: Field.actual)
    }

    public func attach(_ context: DeviceContext) {
        self.context = context
    }

    public func activate(_ activation: Activation) {
        // The specification numbers statsq 2 and reporting_vq 4 (§5.5.2), but Linux leaves no gap for a queue that is
        // not there. Both agree about the order.
        var roles: [Role] = [.inflate, .deflate]
        if activation.features.contains(Feature.statistics) { roles.append(.statistics) }
        if activation.features.contains(Feature.pageReporting) { roles.append(.reporting) }
        var next = roles.makeIterator()
        queues = activation.queues.map { queue in
            guard let queue, let role = next.next() else { return nil }
            return (queue, role)
        }
        if activation.features.contains(Feature.statistics) { scheduleStatistics() }
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        guard let (queue, role) = queues[index] else { return }
        let isCut: Bool
        switch role {
        case .inflate: isCut = try queue.drain { chain throws(QueueError) in try inflate(chain, queue) }
        case .deflate: isCut = try queue.drain { chain in deflate(chain, queue) }
        case .statistics:
            statisticsIndex = index
            isCut = try queue.drain { chain in takeStatistics(chain, queue) }
        case .reporting: isCut = try queue.drain { chain in takeReported(chain, queue) }
        }
        if isCut { context?.notifyAgain(index) }
    }

    public func configurationWritten(_ bytes: [UInt8], at offset: Int) {
        // Linux writes the field whole; of another driver's parts none says how large the balloon is.
        guard offset == Field.actual.lowerBound, bytes.count == Field.actual.count else { return }
        let pages = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        ledger.update { $0.actual = pages * UInt64(Self.pageSize) }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        if let timer { context?.loop.cancel(timer) }
        timer = nil
        statisticsBuffer = nil
        queues = []
        ledger.update {
            $0.actual = 0
            $0.statistics = nil
        }
        done()
    }

    // MARK: For the machine

    /// Asks the guest to give that much of its memory back, all in all.
    ///
    /// - Parameter bytes: rounded down to whole pages; more than all of memory counts as all.
    public func setTarget(_ bytes: UInt64) {
        let target = min(bytes, memorySize)
        ledger.update { $0.target = target }
        let count = Self.bytes(pages(in: target))
        context?.updateConfiguration { $0.replaceSubrange(Field.pageCount, with: count) }
    }

    /// Asks the guest for new statistics, which are in the ledger once they come.
    public func requestStatistics() {
        guard context?.isActive == true, let (head, queue) = statisticsBuffer else { return }
        statisticsBuffer = nil
        queue.complete(head: head, written: 0)
        queue.publish()
        // Another buffer may have waited for this one to go.
        context?.notifyAgain(statisticsIndex)
    }

    // MARK: -

    private func inflate(_ chain: DescriptorChain, _ queue: Virtqueue) throws(QueueError) -> Bool {
        takePageNumbers(of: chain)
        pages.sort()
        var given: UInt64 = 0
        var first = 0
        for index in pages.indices {
            let isRunsEnd = index + 1 == pages.count || pages[index + 1] > pages[index] &+ 1
            guard isRunsEnd else { continue }
            given += UInt64(try discard(from: pages[first], through: pages[index]))
            first = index + 1
        }
        ledger.update { $0.discarded &+= given }
        statistics.fromGuest.count(bytes: Int(clamping: given))
        queue.complete(head: chain.head, written: 0)
        return true
    }

    /// - Returns: how many bytes the host got.
    private func discard(from first: UInt32, through last: UInt32) throws(QueueError) -> Int {
        guard let memory = context?.memory else { return 0 }
        let count = (Int(last) - Int(first) + 1) * Self.pageSize
        do throws(GuestMemoryError) {
            return memory.discard(try memory.bytes(at: UInt64(first) * UInt64(Self.pageSize), count: count))
        } catch {
            throw .malformed("the page numbers \(first) to \(last), not all of which are memory")
        }
    }

    /// Pages come back by being touched: there is nothing to do but to say so.
    private func deflate(_ chain: DescriptorChain, _ queue: Virtqueue) -> Bool {
        queue.complete(head: chain.head, written: 0)
        return true
    }

    private func takePageNumbers(of chain: DescriptorChain) {
        let size = MemoryLayout<UInt32>.size
        let count = min(chain.readable.byteCount / size, Self.largestRequest)
        pages.removeAll(keepingCapacity: true)
        pages.append(contentsOf: repeatElement(0, count: count))
        pages.withUnsafeMutableBytes { _ = chain.readable.read(into: $0) }
    }

    /// Gives free pages to the host until the guest takes them into use again (virtio 1.3 §5.5.6.7).
    private func takeReported(_ chain: DescriptorChain, _ queue: Virtqueue) -> Bool {
        guard let memory = context?.memory else { return false }
        var given: UInt64 = 0
        for segment in chain.writable.segments {
            given += UInt64(
                memory.discard(UnsafeMutableRawBufferPointer(start: segment.iov_base, count: segment.iov_len)))
        }
        ledger.update { $0.discarded &+= given }
        statistics.fromGuest.count(bytes: Int(clamping: given))
        queue.complete(head: chain.head, written: 0)
        return true
    }

    /// Reads the statistics and keeps their buffer: to give it back is to ask for new ones (virtio 1.3 §5.5.6.3).
    private func takeStatistics(_ chain: DescriptorChain, _ queue: Virtqueue) -> Bool {
        guard statisticsBuffer == nil else { return false }
        var entries = [UInt8](
            repeating: 0, count: min(chain.readable.byteCount, Self.mostStatistics * BalloonStatistics.entrySize))
        entries.withUnsafeMutableBytes { _ = chain.readable.read(into: $0) }
        let reading = BalloonStatistics(entries: entries, time: monotonicNanoseconds())
        ledger.update { $0.statistics = reading }
        statisticsBuffer = (chain.head, queue)
        return true
    }

    private func scheduleStatistics() {
        guard statisticsInterval > 0 else { return }
        timer = context?.loop.schedule(after: statisticsInterval) { [weak self] in
            self?.requestStatistics()
            self?.scheduleStatistics()
        }
    }

    private func pages(in bytes: UInt64) -> UInt32 { UInt32(clamping: bytes / UInt64(Self.pageSize)) }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
