/// Drivers that read and write device registers in ways and places that there are not.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let cases: [_ of HostileCase] = [
        HostileCase("registers.read-in-each-width") { readAll($0) },
        HostileCase("registers.ones-in-each-width") { writeAll(&$0, .max) },
        HostileCase("registers.zeros-in-each-width") { writeAll(&$0, 0) },
        HostileCase("registers.ones-once-started") { writeAllStarted(&$0) },
        HostileCase("registers.across-the-end") { acrossTheEnd($0) },
        HostileCase("registers.anything-anywhere") { anything(&$0) },
        HostileCase("configuration.zeros-past-the-end") { pastTheEnd($0) },
        HostileCase("configuration.is-read-only", VirtioType.block) { writeConfiguration(&$0) },
        HostileCase("notify.in-each-width") { notifyInEachWidth(&$0) },
    ]
    return HostileRun.of(cases, startInfo)
}

/// Bytes from the registers on that belong to the device on either transport.
private var extent: UInt { 0x200 }

private func readAll(_ attack: Attack) -> StaticString? {
    for offset in 0..<extent {
        let address = attack.device.registers + offset
        _ = address.readByte()
        _ = address.readWord()
        _ = address.readDword()
        _ = address.readQword()
    }
    return nil
}

private func write(_ address: MappedAddress, width: UInt, _ value: UInt64) {
    switch width {
    case 1: address.write(byte: UInt8(truncatingIfNeeded: value))
    case 2: address.write(word: UInt16(truncatingIfNeeded: value))
    case 4: address.write(dword: UInt32(truncatingIfNeeded: value))
    default: address.write(qword: value)
    }
}

private func writeAll(_ attack: inout Attack, _ value: UInt64) -> StaticString? {
    attack.device.reset()
    for width in Values([1, 2, 4, 8] as [_ of UInt]) {
        for offset in 0..<extent { write(attack.device.registers + offset, width: width, value) }
    }
    return nil
}

private func writeAllStarted(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for width in Values([1, 2, 4, 8] as [_ of UInt]) {
        for offset in 0..<extent { write(attack.device.registers + offset, width: width, .max) }
    }
    return nil
}

/// From the last bytes of a page into the next, which KVM splits into accesses of odd widths.
private func acrossTheEnd(_ attack: Attack) -> StaticString? {
    let end = MappedAddress((attack.device.registers.value & ~0xFFF) + 0x1000)
    for back in 1...UInt(7) {
        let address = MappedAddress(end.value - back)
        _ = address.readWord()
        _ = address.readDword()
        _ = address.readQword()
        address.write(word: .max)
        address.write(dword: .max)
        address.write(qword: .max)
    }
    return nil
}

private func anything(_ attack: inout Attack) -> StaticString? {
    var random: UInt64 = 0x2545_F491_4F6C_DD1D
    for round in 0..<3000 {
        if round % 100 == 0, let complaint = attack.begin() { return complaint }
        // Marsaglia, "Xorshift RNGs".
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        // As addresses these are outside memory.
        let value = random | 0xF000_0000_F000_0000
        write(attack.device.registers + UInt(random >> 8) % extent, width: 1 << UInt(random & 3), value)
    }
    return nil
}

/// virtio 1.3 §4.2.2: registers end where the next page begins.
private func pastTheEnd(_ attack: Attack) -> StaticString? {
    guard attack.device.pci == nil else { return nil }
    for offset in stride(from: UInt(0x200), to: 0xF00, by: 4)
    where (attack.device.configuration + offset).readDword() != 0 {
        return "past its end the configuration is not zero"
    }
    return nil
}

private func writeConfiguration(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    let capacity = attack.device.configuration.readDword()
    for offset in 0..<UInt(0x40) {
        // The one field of a block device that drivers may write is whether its cache writes back.
        if offset >= 0x18, offset <= 0x20 { continue }
        for width in Values([1, 2, 4, 8] as [_ of UInt]) {
            write(attack.device.configuration + offset, width: width, .max)
        }
    }
    if attack.device.configuration.readDword() != capacity { return "the driver changed the disk's capacity" }
    return attack.completesRequest()
}

private func notifyInEachWidth(_ attack: inout Attack) -> StaticString? {
    if let complaint = attack.begin() { return complaint }
    for width in Values([1, 2, 4, 8] as [_ of UInt]) {
        write(attack.queue.doorbell.address, width: width, UInt64(attack.queue.index))
        write(attack.queue.doorbell.address + 1, width: width, .max)
    }
    return attack.completesRequest()
}
