/// Drivers whose rings and descriptors make no sense: each such device stops until it is reset, and nothing else happens.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let cases: [_ of HostileCase] = [
        HostileCase("ring.available-index-ahead") { available(&$0, index: 17) },
        HostileCase("ring.available-index-far-ahead") { available(&$0, index: 0x8000) },
        HostileCase("ring.available-index-behind") { available(&$0, index: 0xFFFF) },
        HostileCase("ring.same-chain-again") { sameChainAgain(&$0) },
        HostileCase("ring.refilled-all-the-time") { refill(&$0) },

        HostileCase("chain.head-is-size") { head(&$0, 16) },
        HostileCase("chain.head-is-65535") { head(&$0, 0xFFFF) },
        HostileCase("chain.next-is-size") { chain(&$0, next: 16) },
        HostileCase("chain.next-is-65535") { chain(&$0, next: 0xFFFF) },
        HostileCase("chain.next-is-itself") { chain(&$0, next: 0) },
        HostileCase("chain.cycle") { cycle(&$0) },
        HostileCase("chain.readable-after-writable") { readableAfterWritable(&$0) },

        HostileCase("indirect.nested") {
            indirect(&$0, length: 16, VirtioDescriptor.indirect, tableLength: 16)
        },
        HostileCase("indirect.with-next") {
            indirect(&$0, length: 16, headFlags: VirtioDescriptor.next, tableLength: 16)
        },
        HostileCase("indirect.empty") { indirect(&$0, tableLength: 0) },
        HostileCase("indirect.length-15") { indirect(&$0, tableLength: 15) },
        HostileCase("indirect.length-17") { indirect(&$0, tableLength: 17) },
        HostileCase("indirect.length-4294967280") { indirect(&$0, tableLength: 0xFFFF_FFF0) },
        HostileCase("indirect.longer-than-queue") { indirect(&$0, tableLength: 17 * 16) },
        HostileCase("indirect.cycle") { indirect(&$0, VirtioDescriptor.next, tableLength: 16) },
        HostileCase("indirect.next-outside") { indirect(&$0, VirtioDescriptor.next, next: 1, tableLength: 16) },
        HostileCase("indirect.across-the-end-of-memory") {
            indirect(&$0, tableLength: 32, table: $0.memoryEnd - 16)
        },
        HostileCase("indirect.outside-memory") { indirect(&$0, tableLength: 16, table: 1 << 40) },
        HostileCase("indirect.in-device-registers") { indirect(&$0, tableLength: 16, table: 0xFEE0_0000) },
        HostileCase("indirect.wraps-around") { indirect(&$0, tableLength: 32, table: 0xFFFF_FFFF_FFFF_FFF0) },
        HostileCase("indirect.without-the-feature") { indirect(&$0, tableLength: 16, features: 0) },

        HostileCase("buffer.wraps-around") { buffer(&$0, 0xFFFF_FFFF_FFFF_F000, 0x2000) },
        HostileCase("buffer.wraps-around-to-0") { buffer(&$0, 0xFFFF_FFFF_FFFF_F000, 0x1000) },
        HostileCase("buffer.4-GiB-long") { buffer(&$0, $0.scratch.physical, .max) },
        HostileCase("buffer.across-the-end-of-memory") { buffer(&$0, $0.memoryEnd - 512, 1024) },
        HostileCase("buffer.begins-at-the-end-of-memory") { buffer(&$0, $0.memoryEnd, 1) },
        HostileCase("buffer.in-device-registers") { buffer(&$0, 0xFEE0_0000, 64) },
        HostileCase("buffer.far-outside-memory") { buffer(&$0, 1 << 46, 64) },
        HostileCase("buffer.sum-of-lengths-wraps") { sumOfLengths(&$0) },
        HostileCase("buffer.address-0") { harmlessBuffer(&$0, 0, 64) },
        HostileCase("buffer.length-0") { harmlessBuffer(&$0, $0.scratch.physical, 0) },
        HostileCase("buffer.last-bytes-of-memory") { harmlessBuffer(&$0, $0.memoryEnd - 64, 64) },
        HostileCase("buffer.is-the-ring") { bufferIsRing(&$0) },

        HostileCase("queue.size-0") { queue(&$0, size: 0) },
        HostileCase("queue.size-3") { queue(&$0, size: 3) },
        HostileCase("queue.size-32768") { queue(&$0, size: 32768) },
        HostileCase("queue.size-65535") { queue(&$0, size: 65535) },
        HostileCase("queue.descriptors-misaligned") { queue(&$0, descriptors: $0.scratch.physical + 8) },
        HostileCase("queue.available-misaligned") { queue(&$0, available: $0.scratch.physical + 1) },
        HostileCase("queue.used-misaligned") { queue(&$0, used: $0.scratch.physical + 2) },
        HostileCase("queue.descriptors-outside-memory") { queue(&$0, descriptors: 1 << 40) },
        HostileCase("queue.available-outside-memory") { queue(&$0, available: 1 << 40) },
        HostileCase("queue.used-outside-memory") { queue(&$0, used: 1 << 40) },
        HostileCase("queue.descriptors-across-the-end-of-memory") { queue(&$0, descriptors: $0.memoryEnd - 16) },
        HostileCase("queue.available-across-the-end-of-memory") { queue(&$0, available: $0.memoryEnd - 4) },
        HostileCase("queue.used-across-the-end-of-memory") { queue(&$0, used: $0.memoryEnd - 4) },
        HostileCase("queue.descriptors-wrap-around") { queue(&$0, descriptors: 0xFFFF_FFFF_FFFF_FFF0) },
        HostileCase("queue.used-in-device-registers") { queue(&$0, used: 0xFEE0_0000) },
        HostileCase("queue.parts-overlap") { overlap(&$0) },

        HostileCase("race.descriptor") { race(&$0) },
    ]
    return HostileRun.of(cases, startInfo)
}

// MARK: Rings

/// virtio 1.3 §2.7.6: the index says how many chains there are, and the queue has room for 16.
private func available(_ attack: inout Attack, index: UInt16) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describeRequest()
    attack.queue.available[1] = index
    attack.queue.doorbell.ring()
    return attack.needsReset()
}

/// The device has the chain's descriptors twice at a time.
private func sameChainAgain(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describeRequest()
    for _ in 0..<16 { attack.queue.add(0) }
    attack.queue.publish()
    attack.settle()
    return nil
}

/// As soon as the device has used a chain it is there again.
private func refill(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describeRequest()
    for _ in 0..<16 { attack.queue.add(0) }
    attack.queue.publish()
    var used = 0
    let isDone = Deadline(megacycles: 20_000).wait {
        while attack.queue.takeUsed() != nil {
            used += 1
            attack.queue.add(0)
        }
        attack.queue.publish()
        attack.takeReceived()
        return used >= 1000 || attack.device.needsReset
    }
    return isDone ? nil : "the device does not serve a queue that is always full"
}

// MARK: Chains

private func head(_ attack: inout Attack, _ head: UInt16) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describeRequest()
    attack.offer(head)
    return attack.needsReset()
}

private func chain(_ attack: inout Attack, next: UInt16) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, attack.scratch.physical, 16, VirtioDescriptor.next, next: next)
    attack.offer()
    return attack.needsReset()
}

private func cycle(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for index in 0..<UInt16(16) {
        attack.describe(index, attack.scratch.physical, 1, VirtioDescriptor.next, next: (index + 1) % 16)
    }
    attack.offer()
    return attack.needsReset()
}

private func readableAfterWritable(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let address = attack.scratch.physical
    attack.describe(0, address, 16, VirtioDescriptor.write | VirtioDescriptor.next, next: 1)
    attack.describe(1, address + 64, 16)
    attack.offer()
    return attack.needsReset()
}

/// A table in the scratch memory, whose first descriptor has `flags` and `next`.
private func indirect(
    _ attack: inout Attack, length: UInt32 = 16, _ flags: UInt16 = 0, next: UInt16 = 0, headFlags: UInt16 = 0,
    tableLength: UInt32, table: UInt64? = nil, features: UInt64 = VirtioFeature.indirectDescriptors
) -> StaticString? {
    if let complaint = attack.begin(features) { return complaint }
    let room = attack.scratch + 8192
    let entries = room.assumingMemoryBound(to: VirtioDescriptor.self)
    // Those behind the first make one long chain.
    for index in 0..<UInt16(64) {
        entries[Int(index)] = VirtioDescriptor(
            address: attack.scratch.physical, length: 1, flags: VirtioDescriptor.next, next: index + 1)
    }
    let address = flags & VirtioDescriptor.indirect != 0 ? room.physical : attack.scratch.physical
    if tableLength < 17 * 16 || tableLength > 64 * 16 {
        entries[0] = VirtioDescriptor(address: address, length: length, flags: flags, next: next)
    }
    attack.describe(0, table ?? room.physical, tableLength, VirtioDescriptor.indirect | headFlags, next: 1)
    attack.describe(1, attack.scratch.physical, 16)
    attack.offer()
    return attack.needsReset()
}

// MARK: Buffers

/// A chain of one buffer that is not all in memory.
private func buffer(_ attack: inout Attack, _ address: UInt64, _ length: UInt32) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, address, length)
    attack.offer()
    if let complaint = attack.needsReset() { return complaint }
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, address, length, VirtioDescriptor.write)
    attack.offer()
    return attack.needsReset()
}

/// Each of 16 buffers is in memory, and a 32-bit sum of their lengths is small.
private func sumOfLengths(_ attack: inout Attack) -> StaticString? {
    let length = UInt32(0x1_0000_0000 / 16)
    guard attack.memoryEnd > UInt64(length) + attack.scratch.physical else { return nil }
    if let complaint = attack.begin() { return complaint }
    for index in 0..<UInt16(16) {
        attack.describe(
            index, attack.scratch.physical, length, index < 15 ? VirtioDescriptor.next : 0, next: index + 1)
    }
    attack.offer()
    return attack.needsReset()
}

/// A readable buffer that is in memory: the device may do with it what it likes.
private func harmlessBuffer(_ attack: inout Attack, _ address: UInt64, _ length: UInt32) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, address, length)
    attack.offer()
    attack.settle()
    return nil
}

/// What the device writes changes the ring that it reads.
private func bufferIsRing(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let count = attack.describeRequest()
    attack.queue.descriptors[Int(count) / 2].address = UnsafeMutableRawPointer(attack.queue.available).physical
    attack.offer()
    attack.settle()
    return nil
}

// MARK: Queues

private func queue(
    _ attack: inout Attack, size: UInt16? = nil, descriptors: UInt64? = nil, available: UInt64? = nil,
    used: UInt64? = nil
) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    let queue = attack.queue
    let doorbell = attack.device.enableQueue(
        queue.index, size: size ?? queue.size,
        descriptors: descriptors ?? UnsafeMutableRawPointer(queue.descriptors).physical,
        available: available ?? UnsafeMutableRawPointer(queue.available).physical,
        used: used ?? queue.used.physical)
    attack.device.start()
    doorbell.ring()
    return attack.needsReset()
}

private func overlap(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    let queue = attack.queue
    let everything = attack.scratch.physical
    let doorbell = attack.device.enableQueue(
        queue.index, size: queue.size, descriptors: everything, available: everything, used: everything)
    attack.device.start()
    // An available index of 16, a head of 0, and so on.
    for offset in stride(from: 0, to: 256, by: 2) {
        attack.scratch.storeBytes(of: UInt16(offset == 2 ? 16 : 0), toByteOffset: offset, as: UInt16.self)
    }
    doorbell.ring()
    attack.settle()
    return nil
}

/// The descriptor changes while the device reads it.
private func race(_ attack: inout Attack) -> StaticString? {
    for round in 0..<64 {
        if let complaint = attack.begin() { return complaint }
        let last = attack.describeRequest() - 1
        let good = attack.queue.descriptors[Int(last)]
        attack.offer()
        for step in 0..<(round * 40) {
            attack.describe(
                last, step & 1 == 0 ? 1 << 40 : good.address, step & 2 == 0 ? .max : good.length,
                step & 4 == 0 ? good.flags ^ VirtioDescriptor.indirect : good.flags ^ VirtioDescriptor.next, next: 0)
        }
    }
    return nil
}
