import Instructions

/// Drivers that write to PCI configuration space, memory regions and MSI-X tables what no driver should.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let cases: [_ of HostileCase] = [
        HostileCase("msix.table-in-each-width") { msixTable($0) },
        HostileCase("msix.past-the-table") { pastTheTable($0) },
        HostileCase("msix.pending-bits-are-read-only") { pendingBits($0) },
        HostileCase("msix.no-such-vector") { noSuchVector(&$0) },
        HostileCase("msix.masked-and-unmasked-while-busy") { maskWhileBusy(&$0) },

        HostileCase("region.sized-while-on") { region($0, .max) },
        HostileCase("region.at-0") { region($0, 0) },
        HostileCase("region.on-memory") { region($0, 0x10_0000) },
        HostileCase("region.on-the-local-apic") { region($0, 0xFEE0_0000) },
        HostileCase("region.on-the-configuration-window") { region($0, 0xE000_0000) },
        HostileCase("region.on-another") { region($0, 0xD000_0000) },
        HostileCase("region.above-all-memory") { region($0, 0xFFFF_FFFF_FFFF_C000) },
        HostileCase("region.moved") { moved($0) },

        HostileCase("command.memory-off") { memoryOff($0) },
        HostileCase("command.bus-master-off") { busMasterOff(&$0) },

        HostileCase("space.identity-is-read-only") { identity($0) },
        HostileCase("space.ones-in-each-width") { writeSpace($0, .max) },
        HostileCase("space.zeros-in-each-width") { writeSpace($0, 0) },
        HostileCase("space.extended") { extendedSpace($0) },
        HostileCase("space.no-such-function") { noSuchFunction($0) },
        HostileCase("ports.in-each-width") { _ in ports() },
        HostileCase("access-capability.anything") { accessCapability($0) },
    ]
    return HostileRun.of(cases, startInfo, isForPCI: true)
}

// MARK: MSI-X (PCI Local Bus 3.0 §6.8.2)

private func writeEachWidth(_ address: MappedAddress, _ value: UInt64) {
    address.write(byte: UInt8(truncatingIfNeeded: value))
    address.write(word: UInt16(truncatingIfNeeded: value))
    address.write(dword: UInt32(truncatingIfNeeded: value))
    address.write(qword: value)
    _ = address.readByte()
    _ = address.readWord()
    _ = address.readDword()
    _ = address.readQword()
}

private func msixTable(_ attack: Attack) -> StaticString? {
    guard let msix = attack.device.pci?.msix else { return nil }
    msix.write(control: 0)
    for entry in 0..<min(msix.count, 4) {
        for offset in 0..<MSIX.entrySize { writeEachWidth(msix.entry(entry) + offset, .max) }
    }
    msix.entry(0).write(dword: 0xFEE0_0000)
    (msix.entry(0) + 8).write(qword: 0x1_0000_0041)
    guard msix.entry(0).readDword() == 0xFEE0_0000, (msix.entry(0) + 8).readQword() == 0x1_0000_0041 else {
        return "an entry does not keep what is written to it"
    }
    return nil
}

private func pastTheTable(_ attack: Attack) -> StaticString? {
    guard let msix = attack.device.pci?.msix else { return nil }
    msix.write(control: 0)
    for offset in 0..<UInt(64) { writeEachWidth(msix.entry(msix.count) + offset, .max) }
    for offset in 0..<UInt(64) { writeEachWidth(MappedAddress(msix.table.value + 0xFC0 + offset), .max) }
    return nil
}

private func pendingBits(_ attack: Attack) -> StaticString? {
    guard let msix = attack.device.pci?.msix else { return nil }
    for offset in 0..<UInt(16) { writeEachWidth(msix.pendingBits + offset, .max) }
    return msix.pendingBits.readQword() == 0 ? nil : "a driver can set pending bits"
}

private func noSuchVector(_ attack: inout Attack) -> StaticString? {
    guard let pci = attack.device.pci, let msix = pci.msix else { return nil }
    if let complaint = attack.negotiate() { return complaint }
    attack.device.write(.queueSelect, UInt32(attack.queue.index))
    for register in Values([VirtioPCIRegister.queueVector, VirtioPCIRegister.configurationVector] as [_ of UInt]) {
        for vector in Values([msix.count, 0x7FF, 0x8000, 0xFFFE] as [_ of UInt16]) {
            (attack.device.registers + register).write(word: vector)
            if (attack.device.registers + register).readWord() != VirtioPCIRegister.noVector {
                return "the device takes a vector that there is not"
            }
        }
    }
    return nil
}

private func maskWhileBusy(_ attack: inout Attack) -> StaticString? {
    guard let msix = attack.device.pci?.msix else { return nil }
    LocalAPIC.enable()
    if let complaint = attack.negotiate() { return complaint }
    msix.route(0, toVector: 0x31, ofLocalAPIC: LocalAPIC.id)
    msix.write(control: MSIX.enable)
    attack.configureQueues(msixEntry: 0)
    attack.device.start()
    attack.describeRequest()
    for round in 0..<UInt32(200) {
        attack.offer()
        (msix.entry(0) + 12).write(dword: round & 1)
        msix.write(control: round & 2 == 0 ? MSIX.enable : MSIX.enable | MSIX.maskAll)
        guard attack.comesTrue({ $0.queue.hasUsed }) else { return "a masked device does not finish a request" }
        _ = attack.queue.takeUsed()
    }
    // What came while it was masked comes now.
    let seen = InterruptTable.count(0x31)
    (msix.entry(0) + 12).write(dword: 1)
    msix.write(control: MSIX.enable)
    attack.offer()
    guard attack.comesTrue({ $0.queue.hasUsed }) else { return "a masked device does not finish a request" }
    attack.settle()
    if InterruptTable.count(0x31) != seen { return "an interrupt came through a mask" }
    (msix.entry(0) + 12).write(dword: 0)
    let hasCome = attack.comesTrue { _ in
        compiler_barrier()
        return InterruptTable.count(0x31) != seen
    }
    attack.device.reset()
    msix.write(control: 0)
    return hasCome ? nil : "an interrupt was lost while it was masked"
}

// MARK: Memory regions and the command register

/// Places every region of the function at `address`, sees that nothing comes of it, and takes it back.
private func region(_ attack: Attack, _ address: UInt64) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    var old = InlineArray<6, UInt32>(repeating: 0)
    for index in 0..<6 { old[index] = function.readDword(0x10 + 4 * UInt16(index)) }
    for index in 0..<6 {
        let isHigh = index > 0 && old[index - 1] & 0b110 == 0b100
        function.write(
            0x10 + 4 * UInt16(index), dword: UInt32(truncatingIfNeeded: isHigh ? address >> 32 : address))
        _ = attack.device.registers.readDword()
        attack.device.registers.write(dword: 0)
    }
    for index in 0..<6 { function.write(0x10 + 4 * UInt16(index), dword: old[index]) }
    return nil
}

private func moved(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    // The first region that is there.
    var register: UInt16 = 0x10
    while register < 0x28, function.readDword(register) & ~15 == 0 { register += 4 }
    let old = function.readDword(register)
    let new: UInt32 = 0xDF00_0000
    let offset = attack.device.registers.value - UInt(old & ~15)
    guard offset < 0x10_0000 else { return nil }
    attack.device.reset()
    attack.device.status = VirtioStatus.acknowledge
    function.write(register, dword: new | old & 15)
    let there = MappedAddress(UInt(new) + offset + 0x14).readByte()
    let here = MappedAddress(UInt(old & ~15) + offset + 0x14).readByte()
    function.write(register, dword: old)
    if there != VirtioStatus.acknowledge { return "a region that was moved does not answer at its new place" }
    if here == VirtioStatus.acknowledge { return "a region that was moved still answers at its old place" }
    return nil
}

private func memoryOff(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    attack.device.reset()
    attack.device.status = VirtioStatus.acknowledge
    function.write(0x04, word: 0)
    let status = attack.device.status
    attack.device.status = VirtioStatus.acknowledge | VirtioStatus.driver
    function.enable()
    if status == VirtioStatus.acknowledge { return "a region answers although the function's memory is off" }
    return attack.device.status == VirtioStatus.acknowledge ? nil : "a region was written although it was off"
}

private func busMasterOff(_ attack: inout Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    if let complaint = attack.begin() { return complaint }
    function.write(0x04, word: 1 << 1)
    attack.describeRequest()
    attack.offer()
    attack.settle()
    function.enable()
    return nil
}

// MARK: Configuration space

private func identity(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    for offset in Values([0x00, 0x08, 0x2C, 0x34] as [_ of UInt16]) {
        let old = function.readDword(offset)
        function.write(offset, dword: ~old)
        if function.readDword(offset) != old { return "a driver can change what the function is" }
    }
    return nil
}

private func writeSpace(_ attack: Attack, _ value: UInt64) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    attack.device.reset()
    var old = InlineArray<64, UInt32>(repeating: 0)
    for index in 0..<64 { old[index] = function.readDword(4 * UInt16(index)) }
    // The registers are off from the command register on.
    for offset in stride(from: UInt16(4), to: 256, by: 1) {
        function.write(offset, byte: UInt8(truncatingIfNeeded: value))
    }
    for offset in stride(from: UInt16(4), to: 256, by: 2) {
        function.write(offset, word: UInt16(truncatingIfNeeded: value))
    }
    for offset in stride(from: UInt16(4), to: 256, by: 4) {
        function.write(offset, dword: UInt32(truncatingIfNeeded: value))
    }
    function.write(0x04, word: 0)
    for index in 4..<64 { function.write(4 * UInt16(index), dword: old[index]) }
    function.enable()
    for index in Values([0, 2, 11, 13] as [_ of Int]) where function.readDword(4 * UInt16(index)) != old[index] {
        return "the function's identity has changed"
    }
    return nil
}

/// Misaligned and wide accesses to the window itself, and to where nothing is (PCI Express 5.0 §7.2.2).
private func extendedSpace(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function, case .window(let base) = function.access else { return nil }
    let space = base + (UInt(function.device) << 15 | UInt(function.function) << 12)
    for offset in stride(from: UInt(0x100), to: 0x1000, by: 4) {
        (space + offset).write(dword: .max)
        _ = (space + offset).readDword()
    }
    for offset in stride(from: UInt(0x08), to: 0x100, by: 3) {
        _ = (space + offset).readWord()
        _ = (space + offset).readDword()
        _ = (space + offset).readQword()
    }
    for offset in Values([0x0FFD, 0x0FFF] as [_ of UInt]) {
        _ = (space + offset).readDword()
        (space + offset).write(dword: .max)
    }
    return nil
}

private func noSuchFunction(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    let none = PCIFunction(access: function.access, device: 31, function: 7)
    for offset in stride(from: UInt16(0), to: 256, by: 4) {
        none.write(offset, dword: 0)
        if none.readDword(offset) != .max { return "a function that is not there does not read as ones" }
    }
    return nil
}

private func ports() -> StaticString? {
    let address = PCIAccess.addressPort
    for value in Values([0, .max, 0x8000_0000, 0x80FF_FFFC, 0x8000_0001, 0x7FFF_FFFF] as [_ of UInt32]) {
        address.write(dword: value)
        _ = address.readDword()
        for offset in 0..<UInt16(4) {
            let port = Port(PCIAccess.dataPort + offset)
            _ = port.readByte()
            _ = port.readWord()
            _ = port.readDword()
        }
        for offset in 0..<UInt16(4) {
            let port = Port(address.number + offset)
            port.write(byte: 0xFF)
            port.write(word: 0xFFFF)
            port.write(dword: value)
            _ = port.readByte()
            _ = port.readWord()
        }
    }
    address.write(dword: 0)
    return nil
}

/// The window into the function's regions that its configuration space has (virtio 1.3 §4.1.4.9).
private func accessCapability(_ attack: Attack) -> StaticString? {
    guard let function = attack.device.pci?.function else { return nil }
    var found: UInt16?
    function.forEachCapability(0x09) { if function.readByte($0 + 3) == 5 { found = $0 } }
    guard let found else { return "there is no configuration access capability" }
    for region in Values([0, 1, 2, 5, 6, 7, 255] as [_ of UInt8]) {
        function.write(found + 4, byte: region)
        for length in Values([0, 1, 2, 3, 4, 5, 8, 0x7FFF_FFFF, .max] as [_ of UInt32]) {
            function.write(found + 12, dword: length)
            for offset in Values([0, 1, 2, 0x14, 0xFFE, 0x1000, 0x7FFF, 0x7FFF_FFFC, .max] as [_ of UInt32]) {
                function.write(found + 8, dword: offset)
                _ = function.readDword(found + 16)
                _ = function.readWord(found + 17)
                function.write(found + 16, dword: .max)
                function.write(found + 19, byte: 0xFF)
            }
        }
    }
    return nil
}
