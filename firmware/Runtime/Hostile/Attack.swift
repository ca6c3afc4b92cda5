import Instructions

/// A driver that breaks the rules, and the device that it does so to.
struct Attack {
    let device: VirtioTransport
    /// The queue by which a device of this type takes what its driver sends.
    var queue: Virtqueue
    /// The queue by which it sends, where its type has one: those devices do not work without.
    private(set) var receiveQueue: Virtqueue?
    private let receiveBuffers: UnsafeMutableRawPointer
    /// Memory for buffers, all zeros at first.
    let scratch: UnsafeMutableRawPointer
    /// Where the memory ends that the payload is in.
    let memoryEnd: UInt64
    private(set) var features: UInt64 = 0
    /// Features without which the queues are others.
    private var needed: UInt64 = 0
    /// What a block device's first sector was at first.
    private let firstSector: UnsafeMutableRawPointer
    private var hasFirstSector = false

    static var scratchSize: Int { 1 << 20 }
    private static var queueSize: UInt16 { 16 }
    /// `VIRTIO_CONSOLE_F_MULTIPORT` (virtio 1.3 §5.3.3).
    private static var multiport: UInt64 { 1 << 1 }
    private static var receiveBufferSize: Int { 4096 }

    init(_ device: VirtioTransport, _ startInfo: StartInfo, _ arena: inout Arena) {
        self.device = device
        receiveBuffers = arena.allocate(Int(Self.queueSize) * Self.receiveBufferSize)
        switch device.type {
        // What these take is in the second queue (virtio 1.3 §5.1.2, §5.10.2).
        case VirtioType.net, VirtioType.vsock:
            queue = Virtqueue(1, size: Self.queueSize, &arena)
            receiveQueue = Virtqueue(0, size: Self.queueSize, &arena)
        // With ports, what is always there is their control (virtio 1.3 §5.3.2).
        case VirtioType.console:
            needed = device.offeredFeatures & Self.multiport
            queue = Virtqueue(needed == 0 ? 1 : 3, size: Self.queueSize, &arena)
            receiveQueue = Virtqueue(needed == 0 ? 0 : 2, size: Self.queueSize, &arena)
        default: queue = Virtqueue(0, size: Self.queueSize, &arena)
        }
        scratch = arena.allocate(Self.scratchSize)
        scratch.initializeMemory(as: UInt8.self, repeating: 0, count: Self.scratchSize)
        firstSector = arena.allocate(VirtioBlock.sectorSize)
        memoryEnd = arena.end
    }

    // MARK: What every driver does

    /// Resets the device, sets the queue up and starts the device.
    ///
    /// - Returns: a complaint, if that did not work.
    mutating func begin(_ wanted: UInt64 = VirtioFeature.indirectDescriptors) -> StaticString? {
        if let complaint = negotiate(wanted) { return complaint }
        configureQueues()
        device.start()
        return device.status & VirtioStatus.driverOK != 0 ? nil : "the device does not start"
    }

    /// Resets the device and settles the features.
    mutating func negotiate(_ wanted: UInt64 = VirtioFeature.indirectDescriptors) -> StaticString? {
        guard let features = device.negotiate(wanted | needed) else {
            return "the device refuses features that it offers"
        }
        self.features = features
        return nil
    }

    /// Sets the queues up, with buffers for what the device sends.
    mutating func configureQueues(msixEntry: UInt16? = nil) {
        queue.configure(device, features: features, msixEntry: msixEntry)
        receiveQueue?.configure(device, features: features)
        guard let receiveQueue else { return }
        for index in 0..<receiveQueue.size {
            receiveQueue.descriptors[Int(index)] = VirtioDescriptor(
                address: receiveBuffers.physical + UInt64(Int(index) * Self.receiveBufferSize),
                length: UInt32(Self.receiveBufferSize), flags: VirtioDescriptor.write, next: 0)
            self.receiveQueue?.add(index)
        }
    }

    /// Gives the device back the buffers that it has filled; those of the start are shown to it here, too.
    mutating func takeReceived() {
        while let used = receiveQueue?.takeUsed() { receiveQueue?.add(UInt16(truncatingIfNeeded: used.head)) }
        if let receiveQueue, receiveQueue.nextAvailable != receiveQueue.publishedAvailable {
            self.receiveQueue?.publish()
        }
    }

    /// Offers the device one chain of descriptors, which begins with the queue's first.
    mutating func offer(_ head: UInt16 = 0) {
        takeReceived()
        queue.add(head)
        queue.publish()
    }

    func describe(_ index: UInt16, _ address: UInt64, _ length: UInt32, _ flags: UInt16 = 0, next: UInt16 = 0) {
        queue.descriptors[Int(index)] = VirtioDescriptor(
            address: address, length: length, flags: flags, next: next)
    }

    /// Puts a request into the first descriptors of the queue that the device cannot object to.
    ///
    /// - Returns: how many descriptors it has.
    @discardableResult
    func describeRequest() -> UInt16 {
        let address = scratch.physical
        switch device.type {
        case VirtioType.block:
            // Sector 0 is read: a header of zeros says so.
            scratch.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
            scratch.storeBytes(of: VirtioBlock.statusNone, toByteOffset: 16, as: UInt8.self)
            describe(0, address, 16, VirtioDescriptor.next, next: 1)
            describe(
                1, address + 4096, UInt32(VirtioBlock.sectorSize), VirtioDescriptor.next | VirtioDescriptor.write,
                next: 2)
            describe(2, address + 16, 1, VirtioDescriptor.write)
            return 3
        case VirtioType.entropy:
            describe(0, address, 64, VirtioDescriptor.write)
        case VirtioType.balloon:
            // The page frame number 0: nothing of the payload is there.
            scratch.storeBytes(of: 0, as: UInt32.self)
            describe(0, address, 4)
        default:
            // A header of zeros and more of them, of which no type makes anything.
            scratch.initializeMemory(as: UInt8.self, repeating: 0, count: 128)
            describe(0, address, 128)
        }
        return 1
    }

    /// Makes the request and waits for its end.
    mutating func completesRequest() -> StaticString? {
        describeRequest()
        offer()
        guard comesTrue({ $0.queue.hasUsed }) else { return "a good request does not end" }
        guard let used = queue.takeUsed(), used.head == 0 else { return "a request ended that there was not" }
        switch device.type {
        case VirtioType.block: return checkFirstSector(used.written)
        case VirtioType.entropy: return used.written == 64 ? nil : "not as many random bytes as asked for"
        default: return nil
        }
    }

    private mutating func checkFirstSector(_ written: UInt32) -> StaticString? {
        guard written == UInt32(VirtioBlock.sectorSize) + 1 else { return "the used length is wrong" }
        guard scratch.load(fromByteOffset: 16, as: UInt8.self) == VirtioBlock.statusOK else { return "a read failed" }
        let sector = scratch + 4096
        if !hasFirstSector {
            firstSector.copyMemory(from: sector, byteCount: VirtioBlock.sectorSize)
            hasFirstSector = true
        }
        for offset in stride(from: 0, to: VirtioBlock.sectorSize, by: 8)
        where sector.load(fromByteOffset: offset, as: UInt64.self)
            != firstSector.load(fromByteOffset: offset, as: UInt64.self)
        {
            return "the disk has changed"
        }
        return nil
    }

    /// Resets the device and uses it as a driver should.
    mutating func worksAfterReset() -> StaticString? {
        if let complaint = begin() { return complaint }
        return completesRequest()
    }

    // MARK: What comes of it

    /// Waits for something, some seconds as the host may be busy, and takes what the device sends meanwhile.
    mutating func comesTrue(_ condition: (Attack) -> Bool) -> Bool {
        Deadline(megacycles: 20_000).wait {
            takeReceived()
            return condition(self)
        }
    }

    /// A device whose queue makes no sense stops and says so.
    mutating func needsReset() -> StaticString? {
        comesTrue { $0.device.needsReset } ? nil : "the device does not say that it needs a reset"
    }

    /// Gives the device time for what it does not answer.
    mutating func settle() {
        _ = Deadline(megacycles: 10).wait {
            takeReceived()
            return device.needsReset || queue.hasUsed
        }
    }
}
