/// Drivers whose requests to a block device make no sense. Its disk is as before in the end.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let cases: [_ of HostileCase] = [
        block("sector.past-the-end") { refused(&$0, sector: $0.capacity, 512) },
        block("sector.just-before-overflow") { refused(&$0, sector: .max >> 9, 512) },
        block("sector.overflows") { refused(&$0, sector: 1 << 55, 512) },
        block("sector.greatest") { refused(&$0, sector: .max, 512) },
        block("sector.greatest-less-7") { refused(&$0, sector: .max - 7, 4096) },
        block("length.past-the-end") { refused(&$0, sector: $0.capacity - 1, 1024) },
        block("length.in-pieces-past-the-end") { refused(&$0, sector: $0.capacity - 7, 4096, pieces: 8) },
        block("length.in-pieces-up-to-the-end") { inPiecesUpToTheEnd(&$0) },
        block("length.not-of-whole-sectors") { refused(&$0, sector: 0, 513) },
        block("length.0") { emptyTransfer(&$0) },

        block("type.unknown") { unknownTypes(&$0) },
        block("type.flush-without-the-feature") { flushWithoutFeature(&$0) },
        block("type.discard-without-the-feature") {
            ranges(&$0, VirtioBlock.discard, [Range(sector: 0, count: 1)], features: 0)
        },
        block("type.write-to-a-read-only-disk") { writeToReadOnly(&$0) },
        block("identity.of-wrong-lengths") { identity(&$0) },

        block("discard.past-the-end") {
            ranges(&$0, VirtioBlock.discard, [Range(sector: $0.capacity, count: 1)])
        },
        block("discard.greatest") { ranges(&$0, VirtioBlock.discard, [Range(sector: .max, count: .max)]) },
        block("discard.overflows") { ranges(&$0, VirtioBlock.discard, [Range(sector: 1 << 55, count: 8)]) },
        block("discard.second-range-past-the-end") {
            ranges(&$0, VirtioBlock.discard, [Range(sector: 0, count: 8), Range(sector: .max - 3, count: 8)])
        },
        block("discard.unknown-flags") {
            ranges(&$0, VirtioBlock.discard, [Range(sector: 0, count: 8, flags: 0x8000_0000)])
        },
        block("write-zeroes.past-the-end") {
            ranges(&$0, VirtioBlock.writeZeroes, [Range(sector: $0.capacity - 1, count: 2)])
        },
        block("write-zeroes.greatest") {
            ranges(&$0, VirtioBlock.writeZeroes, [Range(sector: .max, count: .max)])
        },
        block("write-zeroes.unknown-flags") {
            ranges(&$0, VirtioBlock.writeZeroes, [Range(sector: 0, count: 8, flags: 2)])
        },
        block("ranges.in-15-bytes") { rangesOfLength(&$0, 15) },
        block("ranges.in-no-bytes") { rangesOfLength(&$0, 0) },
        block("ranges.far-too-many") { rangesOfLength(&$0, 512 << 10) },

        block("chain.header-only") { headerOnly(&$0) },
        block("chain.header-too-short") { shortHeader(&$0) },
        block("chain.status-not-writable") { readOnlyStatus(&$0) },
        block("chain.header-in-pieces") { headerInPieces(&$0) },
        block("chain.status-behind-the-data") { statusBehindData(&$0) },
        block("chain.write-from-a-writable-buffer") { wrongDirection(&$0, VirtioBlock.write) },
        block("chain.read-to-a-readable-buffer") { wrongDirection(&$0, VirtioBlock.read) },

        block("format.stays-raw") { staysRaw(&$0) },
        block("race.header") { race(&$0) },
        block("reset.while-reading") { resetWhileReading(&$0) },
    ]
    return HostileRun.of(cases, startInfo)
}

private func block(_ name: StaticString, _ attack: @escaping (inout Attack) -> StaticString?) -> HostileCase {
    HostileCase(name, VirtioType.block, attack)
}

/// Feature bits (virtio 1.3 §5.2.3).
private enum Feature {
    static var readOnly: UInt64 { 1 << 5 }
    static var flush: UInt64 { 1 << 9 }
    static var discard: UInt64 { 1 << 13 }
    static var writeZeroes: UInt64 { 1 << 14 }
    static var all: UInt64 { readOnly | flush | discard | writeZeroes }
}

// Where a request's parts are in the scratch memory.
private var statusOffset: Int { 16 }
private var dataOffset: Int { 4096 }

extension Attack {
    /// Sectors.
    fileprivate var capacity: UInt64 {
        UInt64((device.configuration + 4).readDword()) << 32 | UInt64(device.configuration.readDword())
    }

    fileprivate var isReadOnly: Bool { device.offeredFeatures & Feature.readOnly != 0 }

    fileprivate func writeHeader(_ type: UInt32, sector: UInt64) {
        scratch.storeBytes(of: type, as: UInt32.self)
        scratch.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        scratch.storeBytes(of: sector, toByteOffset: 8, as: UInt64.self)
        scratch.storeBytes(of: VirtioBlock.statusNone, toByteOffset: statusOffset, as: UInt8.self)
    }

    /// Starts the device and does one request, whose data is the scratch memory from `dataOffset` on.
    ///
    /// - Returns: its status; nil when it did not end.
    fileprivate mutating func perform(
        _ type: UInt32, sector: UInt64, _ length: UInt32, pieces: UInt16 = 1, features: UInt64 = Feature.all
    ) -> UInt8? {
        guard begin(features) == nil else { return nil }
        let flags: UInt16 = type == VirtioBlock.read || type == VirtioBlock.getID ? VirtioDescriptor.write : 0
        writeHeader(type, sector: sector)
        describe(0, scratch.physical, 16, VirtioDescriptor.next, next: 1)
        var index: UInt16 = 1
        if length > 0 {
            let piece = length / UInt32(pieces)
            for number in 0..<pieces {
                describe(
                    index, scratch.physical + UInt64(dataOffset) + UInt64(number) * UInt64(piece), piece,
                    VirtioDescriptor.next | flags, next: index + 1)
                index += 1
            }
        }
        describe(index, scratch.physical + UInt64(statusOffset), 1, VirtioDescriptor.write)
        return finish()
    }

    /// Offers the chain from the first descriptor on.
    ///
    /// - Returns: the request's status; nil when it did not end.
    fileprivate mutating func finish() -> UInt8? {
        offer()
        guard comesTrue({ $0.queue.hasUsed || $0.device.needsReset }), queue.takeUsed() != nil else { return nil }
        return scratch.load(fromByteOffset: statusOffset, as: UInt8.self)
    }
}

// MARK: Reads and writes

/// Neither read nor written: an error.
private func refused(_ attack: inout Attack, sector: UInt64, _ length: UInt32, pieces: UInt16 = 1) -> StaticString? {
    if attack.perform(VirtioBlock.read, sector: sector, length, pieces: pieces) != VirtioBlock.statusIOError {
        return "a read of what is not on the disk is no error"
    }
    if attack.perform(VirtioBlock.write, sector: sector, length, pieces: pieces) != VirtioBlock.statusIOError {
        return "a write of what is not on the disk is no error"
    }
    return nil
}

private func inPiecesUpToTheEnd(_ attack: inout Attack) -> StaticString? {
    attack.perform(VirtioBlock.read, sector: attack.capacity - 8, 4096, pieces: 8) == VirtioBlock.statusOK
        ? nil : "the last sectors cannot be read"
}

private func emptyTransfer(_ attack: inout Attack) -> StaticString? {
    for type in Values([VirtioBlock.read, VirtioBlock.write] as [_ of UInt32])
    where attack.perform(type, sector: 0, 0) == nil && !attack.device.needsReset {
        return "a request without data does not end"
    }
    return nil
}

// MARK: Other requests

private func unknownTypes(_ attack: inout Attack) -> StaticString? {
    for type in Values([2, 3, 5, 7, 9, 10, 12, 15, 0x8000_0000, .max] as [_ of UInt32])
    where attack.perform(type, sector: 0, 512) != VirtioBlock.statusUnsupported {
        return "a request of an unknown type is not unsupported"
    }
    return nil
}

private func flushWithoutFeature(_ attack: inout Attack) -> StaticString? {
    attack.perform(VirtioBlock.flush, sector: 0, 0, features: 0) == VirtioBlock.statusUnsupported
        ? nil : "a flush without the feature is not unsupported"
}

private func writeToReadOnly(_ attack: inout Attack) -> StaticString? {
    guard attack.isReadOnly else { return nil }
    return attack.perform(VirtioBlock.write, sector: 0, 512) == VirtioBlock.statusIOError
        ? nil : "a write to a read-only disk is no error"
}

private func identity(_ attack: inout Attack) -> StaticString? {
    if attack.perform(VirtioBlock.getID, sector: .max, 20) != VirtioBlock.statusOK { return "the disk has no identity" }
    for length in Values([0, 1, 19, 21, 512, 512 << 10] as [_ of UInt32])
    where attack.perform(VirtioBlock.getID, sector: 0, length) == nil && !attack.device.needsReset {
        return "a request for the identity does not end"
    }
    return nil
}

/// One range of a request to discard or to fill with zeroes (virtio 1.3 §5.2.6).
private struct Range: BitwiseCopyable {
    var sector: UInt64
    var count: UInt32
    var flags: UInt32 = 0
}

/// An error, before anything is done.
private func ranges<let count: Int>(
    _ attack: inout Attack, _ type: UInt32, _ ranges: InlineArray<count, Range>, features: UInt64 = Feature.all
) -> StaticString? {
    for index in 0..<count {
        (attack.scratch + dataOffset).storeBytes(of: ranges[index], toByteOffset: 16 * index, as: Range.self)
    }
    let status = attack.perform(type, sector: 0, UInt32(16 * count), features: features)
    return status == VirtioBlock.statusIOError || status == VirtioBlock.statusUnsupported
        ? nil : "a range that cannot be is no error"
}

private func rangesOfLength(_ attack: inout Attack, _ length: UInt32) -> StaticString? {
    (attack.scratch + dataOffset).initializeMemory(as: UInt8.self, repeating: 0, count: Int(length))
    for type in Values([VirtioBlock.discard, VirtioBlock.writeZeroes] as [_ of UInt32])
    where attack.perform(type, sector: 0, length) == VirtioBlock.statusOK {
        return "a number of ranges that cannot be is no error"
    }
    return nil
}

// MARK: Chains

private func headerOnly(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.writeHeader(VirtioBlock.write, sector: 0)
    attack.describe(0, attack.scratch.physical, 16)
    attack.offer()
    return attack.needsReset()
}

private func shortHeader(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, attack.scratch.physical, 15, VirtioDescriptor.next, next: 1)
    attack.describe(1, attack.scratch.physical + UInt64(statusOffset), 1, VirtioDescriptor.write)
    attack.offer()
    return attack.needsReset()
}

private func readOnlyStatus(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.writeHeader(VirtioBlock.flush, sector: 0)
    attack.describe(0, attack.scratch.physical, 16, VirtioDescriptor.next, next: 1)
    attack.describe(1, attack.scratch.physical + UInt64(statusOffset), 1)
    attack.offer()
    return attack.needsReset()
}

/// Devices must not care how a request is split into buffers (virtio 1.3 §2.7.4.1).
private func headerInPieces(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.writeHeader(VirtioBlock.read, sector: 0)
    let address = attack.scratch.physical
    attack.describe(0, address, 1, VirtioDescriptor.next, next: 1)
    attack.describe(1, address + 1, 8, VirtioDescriptor.next, next: 2)
    attack.describe(2, address + 9, 7, VirtioDescriptor.next, next: 3)
    attack.describe(3, address + UInt64(dataOffset), 511, VirtioDescriptor.next | VirtioDescriptor.write, next: 4)
    attack.describe(
        4, address + UInt64(dataOffset) + 511, 1, VirtioDescriptor.next | VirtioDescriptor.write, next: 5)
    attack.describe(5, address + UInt64(statusOffset), 1, VirtioDescriptor.write)
    return attack.finish() == VirtioBlock.statusOK ? nil : "a request in small pieces fails"
}

private func statusBehindData(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.writeHeader(VirtioBlock.read, sector: 0)
    let data = attack.scratch + dataOffset
    data.storeBytes(of: VirtioBlock.statusNone, toByteOffset: 512, as: UInt8.self)
    attack.describe(0, attack.scratch.physical, 16, VirtioDescriptor.next, next: 1)
    attack.describe(1, data.physical, 513, VirtioDescriptor.write)
    _ = attack.finish()
    return data.load(fromByteOffset: 512, as: UInt8.self) == VirtioBlock.statusOK
        ? nil : "a request whose status is in the data's buffer fails"
}

private func wrongDirection(_ attack: inout Attack, _ type: UInt32) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.writeHeader(type, sector: 0)
    let flags: UInt16 = type == VirtioBlock.write ? VirtioDescriptor.write : 0
    attack.describe(0, attack.scratch.physical, 16, VirtioDescriptor.next, next: 1)
    attack.describe(1, attack.scratch.physical + UInt64(dataOffset), 512, VirtioDescriptor.next | flags, next: 2)
    attack.describe(2, attack.scratch.physical + UInt64(statusOffset), 1, VirtioDescriptor.write)
    return attack.finish() != nil || attack.device.needsReset ? nil : "the request does not end"
}

// MARK: The disk

/// A first sector that looks like a qcow2 image changes nothing.
private func staysRaw(_ attack: inout Attack) -> StaticString? {
    if attack.isReadOnly { return nil }
    let capacity = attack.capacity
    let data = attack.scratch + dataOffset
    let kept = attack.scratch + 2 * dataOffset
    guard attack.perform(VirtioBlock.read, sector: 0, 512) == VirtioBlock.statusOK else { return "a read fails" }
    kept.copyMemory(from: data, byteCount: 512)

    // The magic number, version 2, a backing file's name at 72, and a size.
    data.initializeMemory(as: UInt8.self, repeating: 0, count: 512)
    data.storeBytes(of: 0xFB49_4651, as: UInt32.self)
    data.storeBytes(of: 0x0200_0000, toByteOffset: 4, as: UInt32.self)
    data.storeBytes(of: 72, toByteOffset: 15, as: UInt8.self)
    data.storeBytes(of: 11, toByteOffset: 19, as: UInt8.self)
    guard attack.perform(VirtioBlock.write, sector: 0, 512) == VirtioBlock.statusOK else { return "a write fails" }
    data.initializeMemory(as: UInt8.self, repeating: 0, count: 512)
    let isRead = attack.perform(VirtioBlock.read, sector: 0, 512) == VirtioBlock.statusOK
    let isRaw = data.load(as: UInt32.self) == 0xFB49_4651 && attack.capacity == capacity

    data.copyMemory(from: kept, byteCount: 512)
    guard attack.perform(VirtioBlock.write, sector: 0, 512) == VirtioBlock.statusOK else { return "a write fails" }
    return isRead && isRaw ? nil : "the disk is taken for something else than a raw one"
}

/// The header changes while the device reads it.
private func race(_ attack: inout Attack) -> StaticString? {
    for round in 0..<64 {
        if let complaint = attack.begin() { return complaint }
        attack.describeRequest()
        attack.offer()
        for step in 0..<UInt64(round * 40) {
            attack.scratch.storeBytes(of: step & 1 == 0 ? 0 : .max, as: UInt32.self)
            attack.scratch.storeBytes(of: step & 2 == 0 ? 0 : .max << (step & 63), toByteOffset: 8, as: UInt64.self)
        }
        guard attack.comesTrue({ $0.queue.hasUsed }) else { return "the request does not end" }
    }
    return nil
}

/// When a reset is over, nothing more is read into the guest's memory.
private func resetWhileReading(_ attack: inout Attack) -> StaticString? {
    let length = min(UInt64(64 << 10), attack.capacity * 512)
    for _ in 0..<50 {
        if let complaint = attack.begin() { return complaint }
        attack.writeHeader(VirtioBlock.read, sector: 0)
        let address = attack.scratch.physical
        for request in 0..<UInt16(5) {
            let head = 3 * request
            attack.describe(head, address, 16, VirtioDescriptor.next, next: head + 1)
            attack.describe(
                head + 1, address + UInt64(dataOffset) + UInt64(request) * length, UInt32(length),
                VirtioDescriptor.next | VirtioDescriptor.write, next: head + 2)
            attack.describe(head + 2, address + UInt64(statusOffset), 1, VirtioDescriptor.write)
            attack.queue.add(head)
        }
        attack.queue.publish()
        attack.device.reset()

        let words = (attack.scratch + dataOffset).assumingMemoryBound(to: UInt64.self)
        let count = Int(5 * length / 8)
        for index in 0..<count { words[index] = 0x5AFE_5AFE_5AFE_5AFE }
        _ = Deadline(megacycles: 2).wait { false }
        for index in 0..<count where words[index] != 0x5AFE_5AFE_5AFE_5AFE {
            return "the device wrote to memory after it was reset"
        }
    }
    return nil
}
