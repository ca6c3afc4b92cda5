/// Drivers whose requests make no sense to a device of their type: entropy, balloon, network, vsock and console.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let (entropy, balloon, net, vsock, console) = (
        VirtioType.entropy, VirtioType.balloon, VirtioType.net, VirtioType.vsock, VirtioType.console
    )
    let cases: [_ of HostileCase] = [
        HostileCase("request.far-too-long", entropy) { longRequest(&$0) },
        HostileCase("request.nothing-to-write", entropy) { send(&$0, 64) },

        HostileCase("inflate.not-memory", balloon) { inflate(&$0, page: UInt32($0.memoryEnd >> 12)) },
        HostileCase("inflate.greatest-page", balloon) { inflate(&$0, page: .max) },
        HostileCase("inflate.device-registers", balloon) { inflate(&$0, page: 0xFEE0_0000 >> 12) },
        HostileCase("inflate.the-queue-itself", balloon) { inflateQueue(&$0) },
        HostileCase("inflate.half-a-number", balloon) { send(&$0, 3) },
        HostileCase("inflate.far-too-many", balloon) { sendZeros(&$0, 512 << 10) },
        HostileCase("inflate.many-times", balloon) { inflateOften(&$0) },
        HostileCase("statistics.far-too-many", balloon) { statistics(&$0, 512 << 10) },
        HostileCase("statistics.half-an-entry", balloon) { statistics(&$0, 7) },

        HostileCase("frame.no-header", net) { send(&$0, 4) },
        HostileCase("frame.header-only", net) { send(&$0, 12) },
        HostileCase("frame.one-byte", net) { send(&$0, 13) },
        HostileCase("frame.far-too-long", net) { sendZeros(&$0, 512 << 10) },
        HostileCase("frame.header-of-ones", net) { sendOnes(&$0, 1526) },
        HostileCase("frame.many", net) { sendOften(&$0) },
        HostileCase("receive.tiny-buffers", net) { receive(&$0, length: 1) },
        HostileCase("receive.buffers-of-a-header", net) { receive(&$0, length: 12) },
        HostileCase("receive.readable-buffers", net) { receive(&$0, length: 2048, flags: 0) },
        HostileCase("receive.no-buffers", net) { receive(&$0, length: 2048, count: 0) },

        HostileCase("packet.half-a-header", vsock) { send(&$0, 43) },
        HostileCase("packet.longer-than-its-buffer", vsock) { packet(&$0, VsockPacket(length: 4096)) },
        HostileCase("packet.4-GiB-long", vsock) { packet(&$0, VsockPacket(length: .max)) },
        HostileCase("packet.of-ones", vsock) { sendOnes(&$0, 4096) },
        HostileCase("packet.every-operation", vsock) { everyOperation(&$0) },
        HostileCase("packet.unknown-type", vsock) { packet(&$0, VsockPacket(type: 7)) },
        HostileCase("packet.to-another-guest", vsock) { packet(&$0, VsockPacket(destination: 99)) },
        HostileCase("packet.from-another-guest", vsock) { packet(&$0, VsockPacket(source: 99)) },
        HostileCase("packet.in-many-pieces", vsock) { pieces(&$0) },
        HostileCase("credit.lies", vsock) { creditLies(&$0) },
        HostileCase("connection.flood", vsock) { connectionFlood(&$0) },
        HostileCase("connection.same-port-again", vsock) { samePort(&$0) },
        HostileCase("receive.tiny-buffers", vsock) { receive(&$0, length: 1) },
        HostileCase("receive.buffers-of-a-header", vsock) { receive(&$0, length: 44) },
        HostileCase("receive.no-buffers", vsock) { receive(&$0, length: 4096, count: 0) },

        HostileCase("message.half", console) { send(&$0, 7) },
        HostileCase("message.far-too-long", console) { sendOnes(&$0, 512 << 10) },
        HostileCase("message.every-event", console) { everyEvent(&$0) },
        HostileCase("message.ready-again-and-again", console) { readyOften(&$0) },
        HostileCase("receive.tiny-buffers", console) { receive(&$0, length: 1) },
        HostileCase("receive.readable-buffers", console) { receive(&$0, length: 64, flags: 0) },
        HostileCase("receive.no-buffers", console) { receive(&$0, length: 64, count: 0) },
    ]
    return HostileRun.of(cases, startInfo)
}

// MARK: Sending

/// Offers a chain of one readable buffer; the device may take it as it likes.
private func send(_ attack: inout Attack, _ length: UInt32) -> StaticString? {
    if let complaint = attack.begin(.max & ~VirtioFeature.eventIndex) { return complaint }
    attack.describe(0, attack.scratch.physical, length)
    attack.offer()
    attack.settle()
    return nil
}

private func fill(_ attack: Attack, _ length: UInt32, _ byte: UInt8) {
    attack.scratch.initializeMemory(as: UInt8.self, repeating: byte, count: Int(length))
}

private func sendZeros(_ attack: inout Attack, _ length: UInt32) -> StaticString? {
    fill(attack, length, 0)
    return send(&attack, length)
}

private func sendOnes(_ attack: inout Attack, _ length: UInt32) -> StaticString? {
    fill(attack, length, 0xFF)
    return send(&attack, length)
}

private func sendOften(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describeRequest()
    for _ in 0..<1000 {
        attack.offer()
        guard attack.comesTrue({ $0.queue.hasUsed }) else { return "a frame is not taken" }
        _ = attack.queue.takeUsed()
    }
    return nil
}

/// Makes a chain available in the queue that the device sends by, in buffers that it cannot use.
private func receive(
    _ attack: inout Attack, length: UInt32, flags: UInt16 = VirtioDescriptor.write, count: UInt16 = 16
) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    attack.configureQueues()
    guard let queue = attack.receiveQueue else { return "the device does not send" }
    for index in 0..<Int(queue.size) {
        queue.descriptors[index].length = length
        queue.descriptors[index].flags = flags
    }
    attack.device.start()
    queue.available[1] = count
    queue.doorbell.ring()
    attack.describeRequest()
    attack.queue.add(0)
    attack.queue.publish()
    _ = Deadline(megacycles: 10).wait { attack.device.needsReset }
    return nil
}

// MARK: Entropy

private func longRequest(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let length: UInt32 = 1 << 20
    attack.describe(0, attack.scratch.physical, length, VirtioDescriptor.write)
    attack.offer()
    guard attack.comesTrue({ $0.queue.hasUsed }), let used = attack.queue.takeUsed() else {
        return "the request does not end"
    }
    // As much as a device should have to make at a time.
    return used.written > 0 && used.written <= 64 << 10 ? nil : "the device made as much as the guest asked for"
}

// MARK: Balloon

private func inflate(_ attack: inout Attack, page: UInt32) -> StaticString? {
    attack.scratch.storeBytes(of: page, as: UInt32.self)
    return send(&attack, 4)
}

/// The device gives away the memory in which it looks for its buffers.
private func inflateQueue(_ attack: inout Attack) -> StaticString? {
    let page = UnsafeMutableRawPointer(attack.queue.descriptors).physical >> 12
    return inflate(&attack, page: UInt32(truncatingIfNeeded: page))
}

private func inflateOften(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let page = UInt32(truncatingIfNeeded: attack.scratch.physical >> 12) + 1
    attack.scratch.storeBytes(of: page, as: UInt32.self)
    attack.describe(0, attack.scratch.physical, 4)
    for _ in 0..<500 {
        attack.offer()
        guard attack.comesTrue({ $0.queue.hasUsed }) else { return "a page is not taken" }
        _ = attack.queue.takeUsed()
        (attack.scratch + 4096).storeBytes(of: 1, as: UInt32.self)
    }
    return nil
}

/// The third queue takes statistics (virtio 1.3 §5.5.2); they come by the first here, whose memory they use.
private func statistics(_ attack: inout Attack, _ length: UInt32) -> StaticString? {
    let statisticsFeature: UInt64 = 1 << 1
    if let complaint = attack.negotiate(statisticsFeature) { return complaint }
    fill(attack, length, 0xFF)
    let queue = attack.queue
    queue.descriptors[0] = VirtioDescriptor(address: attack.scratch.physical, length: length, flags: 0, next: 0)
    queue.available[1] = 0
    for index in 0..<UInt16(3) {
        // The first two have no buffers, and memory of their own to say so in.
        let empty = (attack.scratch + (768 << 10) + Int(index) * 8192).physical
        let isStatistics = index == 2
        _ = attack.device.enableQueue(
            index, size: queue.size,
            descriptors: isStatistics ? UnsafeMutableRawPointer(queue.descriptors).physical : empty,
            available: isStatistics ? UnsafeMutableRawPointer(queue.available).physical : empty + 4096,
            used: isStatistics ? queue.used.physical : empty + 6144)
    }
    attack.device.start()
    queue.available[2] = 0
    queue.available[1] = 1
    VirtioDoorbell(address: queue.doorbell.address, queue: 2, isWord: queue.doorbell.isWord).ring()
    attack.settle()
    return nil
}

// MARK: Vsock

/// A packet's header (virtio 1.3 §5.10.6), from this guest to the host unless it says otherwise.
private struct VsockPacket {
    var source: UInt64?
    var destination: UInt64 = 2
    var sourcePort: UInt32 = 1024
    var destinationPort: UInt32 = 7
    var length: UInt32 = 0
    var type: UInt16 = 1
    var operation: UInt16 = request
    var flags: UInt32 = 0
    var bufferAllocation: UInt32 = 1 << 16
    var forwardCount: UInt32 = 0

    static var size: UInt32 { 44 }
    static var request: UInt16 { 1 }
    static var readWrite: UInt16 { 5 }
    static var creditUpdate: UInt16 { 6 }

    func write(to attack: Attack) {
        let base = attack.scratch
        // Its own context is in a device's configuration.
        let own = UInt64(attack.device.configuration.readDword())
        base.storeBytes(of: source ?? own, as: UInt64.self)
        base.storeBytes(of: destination, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: sourcePort, toByteOffset: 16, as: UInt32.self)
        base.storeBytes(of: destinationPort, toByteOffset: 20, as: UInt32.self)
        base.storeBytes(of: length, toByteOffset: 24, as: UInt32.self)
        base.storeBytes(of: type, toByteOffset: 28, as: UInt16.self)
        base.storeBytes(of: operation, toByteOffset: 30, as: UInt16.self)
        base.storeBytes(of: flags, toByteOffset: 32, as: UInt32.self)
        base.storeBytes(of: bufferAllocation, toByteOffset: 36, as: UInt32.self)
        base.storeBytes(of: forwardCount, toByteOffset: 40, as: UInt32.self)
    }
}

private func packet(_ attack: inout Attack, _ packet: VsockPacket) -> StaticString? {
    packet.write(to: attack)
    return send(&attack, VsockPacket.size)
}

/// Sends packets one after the other on a device that has started.
private func exchange(_ attack: inout Attack, _ packet: VsockPacket, _ bytes: UInt32 = 0) -> StaticString? {
    packet.write(to: attack)
    attack.describe(0, attack.scratch.physical, VsockPacket.size + bytes)
    attack.offer()
    guard attack.comesTrue({ $0.queue.hasUsed || $0.device.needsReset }) else { return "a packet is not taken" }
    _ = attack.queue.takeUsed()
    return nil
}

private func everyOperation(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for operation in Values([0, 1, 2, 3, 4, 5, 6, 7, 8, 0x100, .max] as [_ of UInt16]) {
        if let complaint = exchange(&attack, VsockPacket(operation: operation, flags: .max)) { return complaint }
    }
    return nil
}

private func pieces(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    VsockPacket(length: 4).write(to: attack)
    // 44 bytes of a header and 4 more, in 16 buffers.
    for index in 0..<UInt16(16) {
        attack.describe(
            index, attack.scratch.physical + UInt64(index) * 3, 3, index < 15 ? VirtioDescriptor.next : 0,
            next: index + 1)
    }
    attack.offer()
    return attack.comesTrue { $0.queue.hasUsed } ? nil : "a packet in pieces is not taken"
}

private func creditLies(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for value in Values([0, 1, 0x7FFF_FFFF, 0x8000_0000, .max] as [_ of UInt32]) {
        for operation in Values(
            [VsockPacket.request, VsockPacket.creditUpdate, VsockPacket.readWrite] as [_ of UInt16])
        {
            let packet = VsockPacket(
                length: operation == VsockPacket.readWrite ? 8 : 0, operation: operation, bufferAllocation: value,
                forwardCount: ~value)
            if let complaint = exchange(&attack, packet, 8) { return complaint }
        }
    }
    return nil
}

private func connectionFlood(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for port in 0..<UInt32(2000) {
        if let complaint = exchange(&attack, VsockPacket(sourcePort: port, destinationPort: port * 7)) {
            return complaint
        }
    }
    return nil
}

private func samePort(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for _ in 0..<100 {
        if let complaint = exchange(&attack, VsockPacket()) { return complaint }
    }
    return nil
}

// MARK: Console

/// Sends a control message (virtio 1.3 §5.3.6.2) on a device that has started.
private func message(_ attack: inout Attack, port: UInt32, event: UInt16, value: UInt16) -> StaticString? {
    attack.scratch.storeBytes(of: port, as: UInt32.self)
    attack.scratch.storeBytes(of: event, toByteOffset: 4, as: UInt16.self)
    attack.scratch.storeBytes(of: value, toByteOffset: 6, as: UInt16.self)
    attack.describe(0, attack.scratch.physical, 8)
    attack.offer()
    guard attack.comesTrue({ $0.queue.hasUsed }) else { return "a message is not taken" }
    _ = attack.queue.takeUsed()
    return nil
}

private func everyEvent(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for port in Values([0, 1, 2, 31, 0x7FFF_FFFF, .max] as [_ of UInt32]) {
        for event in Values([0, 1, 2, 3, 4, 5, 6, 7, 8, .max] as [_ of UInt16]) {
            for value in Values([0, 1, .max] as [_ of UInt16]) {
                if let complaint = message(&attack, port: port, event: event, value: value) { return complaint }
            }
        }
    }
    return nil
}

/// Each time the device has all its ports to tell of.
private func readyOften(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for _ in 0..<500 {
        if let complaint = message(&attack, port: 0, event: 0, value: 1) { return complaint }
    }
    return nil
}
