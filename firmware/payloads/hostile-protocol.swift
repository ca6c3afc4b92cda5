/// Drivers that do the right things at the wrong time: before the device is ready, twice, after a reset, or never.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let cases: [_ of HostileCase] = [
        HostileCase("frozen.addresses") { frozen(&$0) { moveQueue($0, to: 0) } },
        HostileCase("frozen.addresses-outside-memory") { frozen(&$0) { moveQueue($0, to: 1 << 40) } },
        HostileCase("frozen.size") { frozen(&$0) { $0.device.write(.queueSize, 1) } },
        HostileCase("frozen.size-0") { frozen(&$0) { $0.device.write(.queueSize, 0) } },
        HostileCase("frozen.size-65535") { frozen(&$0) { $0.device.write(.queueSize, 65535) } },
        HostileCase("frozen.disabled") { frozen(&$0) { $0.device.write(.queueEnable, 0) } },
        HostileCase("frozen.features") { frozen(&$0) { $0.device.accept(0) } },

        HostileCase("select.no-such-queue") { selectNone(&$0) },
        HostileCase("notify.no-such-queue") { notifyNone(&$0) },
        HostileCase("notify.before-the-start") { notifyEarly(&$0) },
        HostileCase("notify.after-a-reset") { notifyLate(&$0) },
        HostileCase("notify.flood") { flood(&$0) },

        HostileCase("status.bits-cleared") { statusAfterStart(&$0, VirtioStatus.acknowledge) },
        HostileCase("status.features-ok-cleared") {
            statusAfterStart(&$0, VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.driverOK)
        },
        HostileCase("status.driver-ok-twice") { statusAfterStart(&$0, $0.device.status) },
        HostileCase("status.needs-reset-by-the-driver") {
            statusAfterStart(&$0, $0.device.status | VirtioStatus.needsReset)
        },
        HostileCase("status.features-ok-skipped") {
            startsWith(&$0, VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.driverOK)
        },
        HostileCase("status.driver-ok-alone") { startsWith(&$0, VirtioStatus.driverOK) },

        HostileCase("features.not-offered") { refuses(&$0, .max) },
        HostileCase("features.one-not-offered") { refuses(&$0, $0.device.offeredFeatures | 1 << 63) },
        HostileCase("features.without-version-1") {
            refuses(&$0, $0.device.offeredFeatures & ~VirtioFeature.version1)
        },
        HostileCase("features.no-such-word") { noSuchWord(&$0) },
        HostileCase("features.after-features-ok") { lateFeatures(&$0) },

        HostileCase("start.without-queues") { startWithoutQueues(&$0) },
        HostileCase("start.queues-before-features") { queuesBeforeFeatures(&$0) },

        HostileCase("reset.many-times") { resetOften(&$0) },
        HostileCase("reset.while-busy") { resetWhileBusy(&$0) },
        HostileCase("reset.needed-and-notified") { notifyBroken(&$0) },
    ]
    return HostileRun.of(cases, startInfo)
}

// MARK: Configuration is frozen once the device has started (virtio 1.3 §4.2.2.2, §4.1.4.3.2)

private func frozen(_ attack: inout Attack, _ change: (Attack) -> Void) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let device = attack.device
    device.write(.queueSelect, UInt32(attack.queue.index))
    change(attack)
    if device.read(.queueEnable) != 1 { return "a queue can be disabled while it is in use" }
    // Over MMIO the rest cannot be read.
    if device.pci != nil,
        device.read(.queueSize) != UInt32(attack.queue.size)
            || UInt64(device.read(.queueDescriptors)) != UInt64(UInt(bitPattern: attack.queue.descriptors))
    {
        return "a queue can be changed while it is in use"
    }
    return attack.completesRequest()
}

private func moveQueue(_ attack: Attack, to address: UInt64) {
    attack.device.write(.queueDescriptors, address: address)
    attack.device.write(.queueAvailable, address: address)
    attack.device.write(.queueUsed, address: address)
}

// MARK: Queues that there are not

private func selectNone(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    let device = attack.device
    for index in Values([1 << 10, 1 << 15, 0xFFFF] as [_ of UInt32]) {
        device.write(.queueSelect, index)
        if device.read(.queueSizeMaximum) != 0 { return "a queue that is not there has a size" }
        device.write(.queueSize, 16)
        moveQueue(attack, to: attack.scratch.physical)
        device.write(.queueEnable, 1)
        if device.read(.queueEnable) != 0 { return "a queue that is not there can be enabled" }
    }
    attack.configureQueues()
    device.start()
    return attack.completesRequest()
}

private func notifyNone(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for index in Values([attack.queue.index + 1, 63, 64, 1 << 10, 1 << 15, 0xFFFF] as [_ of UInt16]) {
        VirtioDoorbell(
            address: attack.queue.doorbell.address, queue: index, isWord: attack.queue.doorbell.isWord
        ).ring()
    }
    attack.queue.doorbell.address.write(dword: .max)
    return attack.completesRequest()
}

// MARK: Notifications

private func notifyEarly(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    attack.configureQueues()
    attack.describeRequest()
    attack.offer()
    attack.settle()
    if attack.queue.hasUsed { return "the device used a buffer before it was started" }
    attack.device.start()
    attack.queue.doorbell.ring()
    return attack.comesTrue { $0.queue.hasUsed } ? nil : "the device does not find what was there before its start"
}

private func notifyLate(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.device.reset()
    attack.describeRequest()
    attack.offer()
    attack.settle()
    return attack.queue.hasUsed ? "the device used a buffer after it was reset" : nil
}

private func flood(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for _ in 0..<5000 { attack.queue.doorbell.ring() }
    return attack.completesRequest()
}

private func notifyBroken(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.describe(0, 1 << 40, 64)
    attack.offer()
    if let complaint = attack.needsReset() { return complaint }
    attack.describeRequest()
    for _ in 0..<100 { attack.queue.doorbell.ring() }
    attack.device.start()
    attack.settle()
    return attack.device.needsReset ? nil : "a device that needs a reset went on without"
}

// MARK: The status (virtio 1.3 §2.1)

private func statusAfterStart(_ attack: inout Attack, _ status: UInt8) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    attack.device.status = status
    if attack.device.status & VirtioStatus.driverOK == 0 { return "a bit of the status was cleared without a reset" }
    if attack.device.needsReset { return "the driver set a bit that is the device's own" }
    return attack.completesRequest()
}

private func startsWith(_ attack: inout Attack, _ status: UInt8) -> StaticString? {
    attack.device.reset()
    attack.device.status = VirtioStatus.acknowledge
    attack.device.accept(VirtioFeature.version1)
    attack.device.status = status
    return attack.device.status & VirtioStatus.driverOK == 0 ? nil : "the device starts without settled features"
}

// MARK: Features (virtio 1.3 §2.2)

private func refuses(_ attack: inout Attack, _ features: UInt64) -> StaticString? {
    let device = attack.device
    device.reset()
    device.status = VirtioStatus.acknowledge | VirtioStatus.driver
    device.accept(features)
    device.status = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
    return device.status & VirtioStatus.featuresOK == 0 ? nil : "the device takes features that it must refuse"
}

private func noSuchWord(_ attack: inout Attack) -> StaticString? {
    let device = attack.device
    device.reset()
    device.status = VirtioStatus.acknowledge | VirtioStatus.driver
    for word in Values([2, 3, 1 << 31, .max] as [_ of UInt32]) {
        device.write(.deviceFeaturesSelect, word)
        if device.read(.deviceFeatures) != 0 { return "the device offers features that there are not" }
        device.write(.driverFeaturesSelect, word)
        device.write(.driverFeatures, .max)
    }
    device.accept(VirtioFeature.version1)
    device.status = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
    return device.status & VirtioStatus.featuresOK != 0 ? nil : "words of features that there are not count"
}

private func lateFeatures(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    attack.device.accept(.max)
    attack.configureQueues()
    attack.device.start()
    return attack.completesRequest()
}

// MARK: The start

private func startWithoutQueues(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.negotiate() { return complaint }
    attack.device.start()
    attack.queue.doorbell.ring()
    attack.settle()
    return nil
}

private func queuesBeforeFeatures(_ attack: inout Attack) -> StaticString? {
    attack.device.reset()
    attack.configureQueues()
    attack.device.status = VirtioStatus.acknowledge | VirtioStatus.driver
    attack.configureQueues()
    attack.device.accept(VirtioFeature.version1)
    attack.device.status = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
    attack.device.start()
    attack.offer()
    attack.settle()
    return nil
}

// MARK: Resets (virtio 1.3 §2.4)

private func resetOften(_ attack: inout Attack) -> StaticString? {
    for _ in 0..<200 {
        if let complaint = attack.begin(0) { return complaint }
        attack.device.reset()
        attack.device.reset()
    }
    return nil
}

/// When a reset is over, the device is done with the guest's memory.
private func resetWhileBusy(_ attack: inout Attack) -> StaticString? {
    for _ in 0..<100 {
        if let complaint = attack.begin() { return complaint }
        attack.describeRequest()
        for _ in 0..<16 { attack.queue.add(0) }
        attack.queue.publish()
        attack.device.reset()

        let words = attack.scratch.assumingMemoryBound(to: UInt64.self)
        let used = attack.queue.used.load(fromByteOffset: 2, as: UInt16.self)
        let count = 8192 / 8
        for index in 0..<count { words[index] = 0x5AFE_5AFE_5AFE_5AFE }
        _ = Deadline(megacycles: 1).wait { false }
        for index in 0..<count where words[index] != 0x5AFE_5AFE_5AFE_5AFE {
            return "the device wrote to memory after it was reset"
        }
        if attack.queue.used.load(fromByteOffset: 2, as: UInt16.self) != used {
            return "the device used a buffer after it was reset"
        }
    }
    return nil
}
