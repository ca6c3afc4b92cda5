import Instructions

/// A descriptor of a split virtqueue (virtio 1.3 §2.7.5).
struct VirtioDescriptor {
    var address: UInt64
    /// Bytes.
    var length: UInt32
    var flags: UInt16
    var next: UInt16

    static var next: UInt16 { 1 }
    static var write: UInt16 { 2 }
    static var indirect: UInt16 { 4 }
}

/// A split virtqueue from the driver's side (virtio 1.3 §2.7). It gives descriptors no order: who uses it knows which
/// of them are free. Reading and writing the rings is open to all.
struct Virtqueue {
    let index: UInt16
    /// Entries; a power of two.
    let size: UInt16
    let descriptors: UnsafeMutablePointer<VirtioDescriptor>
    /// Flags, index, the ring, and `used_event`.
    let available: UnsafeMutablePointer<UInt16>
    /// Flags, index, the ring, and `avail_event`.
    let used: UnsafeMutableRawPointer
    private(set) var doorbell: VirtioDoorbell
    private var usesEventIndex = false

    /// The available ring's next index, and what of it the device was shown.
    private(set) var nextAvailable: UInt16 = 0
    private(set) var publishedAvailable: UInt16 = 0
    /// The used ring's next index.
    private(set) var nextUsed: UInt16 = 0

    /// Takes memory for a queue of at most `size` entries.
    init(_ index: UInt16, size: UInt16, _ arena: inout Arena) {
        self.index = index
        self.size = size
        descriptors = arena.allocate(16 * Int(size)).assumingMemoryBound(to: VirtioDescriptor.self)
        available = arena.allocate(6 + 2 * Int(size), alignment: 64).assumingMemoryBound(to: UInt16.self)
        used = arena.allocate(6 + 8 * Int(size), alignment: 64)
        doorbell = VirtioDoorbell(address: MappedAddress(0), queue: index, isWord: false)
    }

    /// Empties the queue and tells the device of it; after the features are settled and before the device starts.
    ///
    /// - Parameter msixEntry: what the device interrupts by on PCI.
    mutating func configure(_ device: VirtioTransport, features: UInt64, msixEntry: UInt16? = nil) {
        usesEventIndex = features & VirtioFeature.eventIndex != 0
        nextAvailable = 0
        publishedAvailable = 0
        nextUsed = 0
        for index in 0..<3 + Int(size) { available[index] = 0 }
        used.initializeMemory(as: UInt8.self, repeating: 0, count: 6 + 8 * Int(size))
        compiler_barrier()

        if device.pci != nil, let msixEntry {
            device.write(.queueSelect, UInt32(index))
            (device.registers + VirtioPCIRegister.queueVector).write(word: msixEntry)
        }
        doorbell = device.enableQueue(
            index, size: size, descriptors: UnsafeMutableRawPointer(descriptors).physical,
            available: UnsafeMutableRawPointer(available).physical, used: used.physical)
    }

    // MARK: Giving buffers

    /// Puts a chain into the available ring; the device is shown it by `publish`.
    mutating func add(_ head: UInt16) {
        available[2 + Int(nextAvailable & (size - 1))] = head
        nextAvailable &+= 1
    }

    /// Shows the device what was added, and notifies it if it wants that.
    mutating func publish() {
        let old = publishedAvailable
        publishedAvailable = nextAvailable
        compiler_barrier()
        available[1] = nextAvailable
        // The device must see the index before its wish is read, as it does it the other way round.
        mfence()
        let isWanted =
            usesEventIndex
            ? nextAvailable &- usedWord(4 + 8 * Int(size)) &- 1 < nextAvailable &- old : usedWord(0) & 1 == 0
        if isWanted { doorbell.ring() }
    }

    // MARK: Taking them back

    struct Used {
        let head: UInt32
        /// Bytes that the device says it wrote.
        let written: UInt32
    }

    /// Takes the next buffer that the device has used; nil when there is none.
    mutating func takeUsed() -> Used? {
        guard hasUsed else { return nil }
        compiler_barrier()
        let entry = used + 4 + 8 * Int(nextUsed & (size - 1))
        nextUsed &+= 1
        return Used(
            head: entry.load(as: UInt32.self), written: entry.load(fromByteOffset: 4, as: UInt32.self))
    }

    var hasUsed: Bool {
        compiler_barrier()
        return usedWord(2) != nextUsed
    }

    private func usedWord(_ offset: Int) -> UInt16 { used.load(fromByteOffset: offset, as: UInt16.self) }

    /// Says whether the device is to interrupt for the next buffer that it has used.
    ///
    /// - Returns: whether there are such buffers already, for which no interrupt may come.
    @discardableResult
    func wantInterrupts(_ areWanted: Bool) -> Bool {
        if usesEventIndex {
            // An index just behind is reached when all others have been.
            available[2 + Int(size)] = areWanted ? nextUsed : nextUsed &- 1
        } else {
            available[0] = areWanted ? 0 : 1
        }
        mfence()
        return hasUsed
    }
}
