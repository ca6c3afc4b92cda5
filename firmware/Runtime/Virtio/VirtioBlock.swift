/// Requests to a block device (virtio 1.3 §5.2.6), each from a slot of its own with room for a header and a status.
struct VirtioBlock {
    static var read: UInt32 { 0 }
    static var write: UInt32 { 1 }
    static var flush: UInt32 { 4 }
    static var getID: UInt32 { 8 }
    static var discard: UInt32 { 11 }
    static var writeZeroes: UInt32 { 13 }

    static var statusOK: UInt8 { 0 }
    static var statusIOError: UInt8 { 1 }
    static var statusUnsupported: UInt8 { 2 }
    /// What a slot's status is before the device writes it.
    static var statusNone: UInt8 { 0xAA }

    static var sectorSize: Int { 512 }

    let device: VirtioTransport
    private(set) var features: UInt64 = 0
    var queue: Virtqueue
    private let slots: UnsafeMutableRawPointer

    /// Descriptors of a slot: header, data, status.
    private static var descriptorsPerSlot: UInt16 { 3 }
    private static var slotSize: Int { 128 }
    private static var statusOffset: Int { 16 }
    private static var tableOffset: Int { 64 }

    /// How many requests there can be at a time.
    var depth: UInt16 { queue.size / Self.descriptorsPerSlot }

    init(_ device: VirtioTransport, queueSize: UInt16, _ arena: inout Arena) {
        self.device = device
        device.write(.queueSelect, 0)
        let maximum = UInt16(truncatingIfNeeded: device.read(.queueSizeMaximum))
        queue = Virtqueue(0, size: min(queueSize, maximum), &arena)
        slots = arena.allocate(Int(queue.size) * Self.slotSize)
    }

    /// Resets the device and gets it going.
    ///
    /// Ends the VM with status 205 when the device refuses the features that it offered itself.
    ///
    /// - Parameter wanted: features to accept where they are offered.
    mutating func start(_ wanted: UInt64, msixEntry: UInt16? = nil) {
        guard let features = device.negotiate(wanted) else {
            fail("a block device refuses features that it offered", status: 205)
        }
        self.features = features
        queue.configure(device, features: features, msixEntry: msixEntry)
        device.start()
    }

    /// Sectors; of the machine's view, which may change.
    var capacity: UInt64 {
        UInt64((device.configuration + 4).readDword()) << 32 | UInt64(device.configuration.readDword())
    }

    // MARK: Requests

    /// Puts a request into the queue, for the next `queue.publish()`.
    ///
    /// - Parameters:
    ///   - slot: one with no request under way, below `depth`.
    ///   - length: bytes at `buffer`, which the device writes to for reads; none for a flush.
    mutating func submit(
        _ slot: UInt16, _ type: UInt32, sector: UInt64, _ buffer: UnsafeMutableRawPointer, length: UInt32
    ) {
        let base = slots + Int(slot) * Self.slotSize
        base.storeBytes(of: type, as: UInt32.self)
        base.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        base.storeBytes(of: sector, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: Self.statusNone, toByteOffset: Self.statusOffset, as: UInt8.self)

        let head = slot * Self.descriptorsPerSlot
        let isIndirect = features & VirtioFeature.indirectDescriptors != 0
        let first = isIndirect ? 0 : head
        let table =
            isIndirect
            ? (base + Self.tableOffset).assumingMemoryBound(to: VirtioDescriptor.self) : queue.descriptors
        let isWrittenByDevice = type == Self.read || type == Self.getID
        var next = first
        func append(_ address: UInt64, _ length: UInt32, _ flags: UInt16) {
            table[Int(next)] = VirtioDescriptor(address: address, length: length, flags: flags, next: next + 1)
            next += 1
        }
        append(base.physical, 16, VirtioDescriptor.next)
        if length > 0 {
            append(
                buffer.physical, length,
                VirtioDescriptor.next | (isWrittenByDevice ? VirtioDescriptor.write : 0))
        }
        append(base.physical + UInt64(Self.statusOffset), 1, VirtioDescriptor.write)
        if isIndirect {
            queue.descriptors[Int(head)] = VirtioDescriptor(
                address: (base + Self.tableOffset).physical, length: 16 * UInt32(next),
                flags: VirtioDescriptor.indirect, next: 0)
        }
        queue.add(head)
    }

    /// Takes the slot of the next finished request; nil when none is.
    mutating func takeFinished() -> UInt16? {
        guard let used = queue.takeUsed() else { return nil }
        return UInt16(truncatingIfNeeded: used.head) / Self.descriptorsPerSlot
    }

    func status(of slot: UInt16) -> UInt8 {
        slots.load(fromByteOffset: Int(slot) * Self.slotSize + Self.statusOffset, as: UInt8.self)
    }

    /// Does one request and waits for its end without interrupts.
    ///
    /// - Returns: its status; nil when it did not end for a long time.
    mutating func perform(
        _ type: UInt32, sector: UInt64, _ buffer: UnsafeMutableRawPointer, length: UInt32
    ) -> UInt8? {
        submit(0, type, sector: sector, buffer, length: length)
        queue.publish()
        guard Deadline(megacycles: 8000).wait(until: { queue.hasUsed }) else { return nil }
        return takeFinished().map { status(of: $0) }
    }
}
