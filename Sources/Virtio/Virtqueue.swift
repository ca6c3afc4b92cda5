import CLinux
import GuestMemory

/// A split virtqueue from the device's side (virtio 1.3 §2.7): takes the driver's buffers, checked, and gives them
/// back used. One thread owns it.
///
/// A driver can write anything anywhere in it at any time. Whatever is read is read once, then checked; a queue on
/// which anything threw is finished until the device is reset.
public final class Virtqueue {
    /// What is the device's own of a queue, besides the rings in guest memory.
    public struct State: Codable, Equatable, Sendable {
        /// The available ring's index of the next chain to take, and the used ring's of the next to give back.
        public var nextAvailable: UInt16 = 0
        public var nextUsed: UInt16 = 0
    }

    /// Number of entries; a power of two.
    public let size: UInt16
    public private(set) var state: State

    /// Whether the device's loop looks at the queue by itself and turns notifications on before it sleeps.
    var isPolled = false
    /// Whether the device took no more than it could, and comes back by itself.
    private(set) var isHeld = false

    private let memory: GuestMemory
    private let parts: QueueConfiguration.Parts
    private let usesEventIndex: Bool
    private let allowsIndirect: Bool
    private let interrupt: Interrupt
    /// The available index as last read.
    private var seenAvailable: UInt16
    /// `state.nextUsed` when the driver was last told of it.
    private var publishedUsed: UInt16
    /// Room for the buffers of one chain.
    private let segments: UnsafeMutablePointer<iovec>

    /// - Throws: `QueueError.unusableSize` or `.unusableArea`.
    init(
        _ configuration: QueueConfiguration, features: Features, memory: GuestMemory, interrupt: Interrupt,
        state: State = State()
    ) throws(QueueError) {
        parts = try configuration.map(in: memory)
        size = configuration.size
        self.memory = memory
        usesEventIndex = features.contains(.eventIndex)
        allowsIndirect = features.contains(.indirectDescriptors)
        self.interrupt = interrupt
        self.state = state
        seenAvailable = state.nextAvailable
        publishedUsed = state.nextUsed
        segments = .allocate(capacity: Int(size))
    }

    deinit { segments.deallocate() }

    // MARK: Taking buffers

    /// Takes the next chain that the driver made available.
    ///
    /// - Returns: nil when there is none. The chain's lists are valid until the next call.
    public func pop() throws(QueueError) -> DescriptorChain? {
        if state.nextAvailable == seenAvailable {
            let index = guest_load_acquire(parts.available + SplitRing.index)
            guard index &- state.nextAvailable <= size else {
                throw .availableIndex(index, next: state.nextAvailable)
            }
            seenAvailable = index
            if index == state.nextAvailable { return nil }
        }
        guard inFlight < size else { throw .tooManyInFlight }
        let position = Int(state.nextAvailable & (size - 1))
        let head = guest_load_relaxed(parts.available + SplitRing.ring + SplitRing.availableEntrySize * position)
        let chain = try walk(from: head)
        state.nextAvailable &+= 1
        return chain
    }

    /// Serves what the driver made available: at most one queue length of chains, so that others get their turn.
    ///
    /// Notifications are off meanwhile, and on again when all has been served. What was completed is published.
    ///
    /// - Parameter body: takes a chain, and completes it now or later; false puts the chain back and stops, and
    ///   notifications stay off until the next call.
    /// - Returns: whether the bound was reached, and this is to be called again soon.
    public func drain(_ body: (inout DescriptorChain) throws(QueueError) -> Bool) throws(QueueError) -> Bool {
        disableNotifications()
        isHeld = false
        defer { publish() }
        var served: UInt16 = 0
        repeat {
            while var chain = try pop() {
                guard try body(&chain) else {
                    undoPop()
                    isHeld = true
                    return false
                }
                served += 1
                if served == size { return true }
            }
        } while !isPolled && !enableNotifications()
        return false
    }

    /// Whether the driver made something available that was not taken yet.
    var hasAvailable: Bool {
        guest_load_acquire(parts.available + SplitRing.index) != state.nextAvailable
    }

    /// Puts the chain of the last `pop` back, so that it is the next again.
    public func undoPop() {
        state.nextAvailable &-= 1
    }

    /// How many chains are with the device.
    public var inFlight: UInt16 { state.nextAvailable &- state.nextUsed }

    private func walk(from head: UInt16) throws(QueueError) -> DescriptorChain {
        var table = Table(start: UnsafeRawPointer(parts.descriptors), count: size, isIndirect: false)
        var index = head
        var visited: UInt16 = 0
        var chain = ChainBuilder(segments: segments)
        while true {
            guard index < table.count else { throw .descriptorIndex(index) }
            guard visited < size else { throw .chainTooLong }
            visited += 1
            let descriptor = virtqueue_descriptor_load(table.start + SplitRing.descriptorSize * Int(index))
            if descriptor.flags & SplitRing.DescriptorFlag.indirect != 0 {
                table = try indirectTable(descriptor, in: table)
                index = 0
                // The descriptor that refers to a table has no buffer of its own.
                visited -= 1
                continue
            }
            try chain.append(descriptor, memory)
            guard descriptor.flags & SplitRing.DescriptorFlag.next != 0 else { break }
            index = descriptor.next
        }
        return chain.finished(head: head)
    }

    private struct Table {
        let start: UnsafeRawPointer
        let count: UInt16
        let isIndirect: Bool
    }

    /// virtio 1.3 §2.7.5.3.
    private func indirectTable(_ descriptor: virtqueue_descriptor, in table: Table) throws(QueueError) -> Table {
        guard allowsIndirect, !table.isIndirect, descriptor.flags & SplitRing.DescriptorFlag.next == 0 else {
            throw .unexpectedIndirect
        }
        let length = Int(descriptor.length)
        guard length > 0, length.isMultiple(of: SplitRing.descriptorSize),
            let bytes = try? memory.bytes(at: descriptor.address, count: length), let start = bytes.baseAddress
        else { throw .indirectTable(address: descriptor.address, length: descriptor.length) }
        let count = length / SplitRing.descriptorSize
        guard count <= Int(size) else { throw .chainTooLong }
        return Table(start: UnsafeRawPointer(start), count: UInt16(count), isIndirect: true)
    }

    // MARK: Giving buffers back

    /// Puts a chain into the used ring; the driver sees it at the next `publish`.
    ///
    /// - Parameters:
    ///   - head: of a chain that was popped.
    ///   - written: how many bytes the device wrote to it.
    public func complete(head: UInt16, written: Int) {
        let position = Int(state.nextUsed & (size - 1))
        let entry = parts.used + SplitRing.ring + SplitRing.usedEntrySize * position
        entry.storeBytes(of: UInt32(head), as: UInt32.self)
        entry.storeBytes(of: UInt32(clamping: written), toByteOffset: 4, as: UInt32.self)
        state.nextUsed &+= 1
    }

    /// Shows the driver what was completed, and interrupts it if it wants to know.
    public func publish() {
        guard state.nextUsed != publishedUsed else { return }
        guest_store_release(parts.used + SplitRing.index, state.nextUsed)
        let old = publishedUsed
        publishedUsed = state.nextUsed
        if wantsInterrupt(since: old) { interrupt.raise() }
    }

    /// virtio 1.3 §2.7.7.2.
    private func wantsInterrupt(since old: UInt16) -> Bool {
        // The index must be visible before the driver's wish is read, as the driver does it the other way round.
        full_memory_barrier()
        guard usesEventIndex else {
            return guest_load_relaxed(parts.available) & SplitRing.availableNoInterrupt == 0
        }
        let usedEvent = guest_load_relaxed(
            parts.available + SplitRing.ring + SplitRing.availableEntrySize * Int(size))
        return state.nextUsed &- usedEvent &- 1 < state.nextUsed &- old
    }

    // MARK: Notifications

    /// Tells the driver that it need not notify: the device looks by itself. The driver may all the same.
    public func disableNotifications() {
        // With the event index, the index that the driver last saw lies behind: it keeps quiet until told otherwise.
        if !usesEventIndex { guest_store_relaxed(parts.used, SplitRing.usedNoNotify) }
    }

    /// Asks the driver to notify of the next buffer (virtio 1.3 §2.7.10).
    ///
    /// - Returns: false when there are buffers already, which the driver may not notify of.
    public func enableNotifications() -> Bool {
        if usesEventIndex {
            let availableEvent = parts.used + SplitRing.ring + SplitRing.usedEntrySize * Int(size)
            guest_store_relaxed(availableEvent, state.nextAvailable)
        } else {
            guest_store_relaxed(parts.used, 0)
        }
        full_memory_barrier()
        return guest_load_acquire(parts.available + SplitRing.index) == state.nextAvailable
    }
}
