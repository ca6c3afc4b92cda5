/// The ways to a function's configuration space, for bus 0.
enum PCIAccess {
    /// PCI Express's window to it, at this address (PCI Express 5.0 §7.2.2).
    case window(MappedAddress)
    /// PCI's pair of ports (PCI Local Bus 3.0 §3.2.2.3.2).
    case ports

    static var addressPort: Port { Port(0xCF8) }
    static var dataPort: UInt16 { 0xCFC }

    /// The way that there is; nil on a machine without PCI.
    static func find(_ startInfo: StartInfo) -> PCIAccess? {
        let window = describedWindow(startInfo) ?? MappedAddress(usualWindow)
        if hasBridge(.window(window)) { return .window(window) }
        return hasBridge(.ports) ? .ports : nil
    }

    /// Where QEMU's microvm has the window, which its ACPI tables only tell in AML.
    private static var usualWindow: UInt { 0xE000_0000 }

    /// The window that the MCFG table names (PCI Firmware 3.2 §4.1.2).
    private static func describedWindow(_ startInfo: StartInfo) -> MappedAddress? {
        guard let table = ACPITable.findOptional("MCFG", from: startInfo), table.length >= 60 else { return nil }
        return MappedAddress(UInt(table.base.loadUnaligned(fromByteOffset: 44, as: UInt64.self)))
    }

    private static func hasBridge(_ access: PCIAccess) -> Bool {
        let vendor = PCIFunction(access: access, device: 0, function: 0).vendor
        return vendor != 0 && vendor != 0xFFFF
    }
}

/// One function of a device on PCI bus 0.
struct PCIFunction {
    let access: PCIAccess
    let device: UInt8
    let function: UInt8

    var vendor: UInt16 { readWord(0x00) }
    var deviceID: UInt16 { readWord(0x02) }
    var hasManyFunctions: Bool { readByte(0x0E) & 0x80 != 0 }

    /// Has it answer at its memory's addresses, and write to the guest's memory.
    func enable() {
        let memorySpace: UInt16 = 1 << 1
        let busMaster: UInt16 = 1 << 2
        write(0x04, word: readWord(0x04) | memorySpace | busMaster)
    }

    /// Calls `body` with the offset of each capability of a kind.
    func forEachCapability(_ id: UInt8, _ body: (UInt16) -> Void) {
        let hasCapabilities: UInt16 = 1 << 4
        guard readWord(0x06) & hasCapabilities != 0 else { return }
        var offset = UInt16(readByte(0x34) & ~3)
        // As many as there is room for, in case the list is a ring.
        for _ in 0..<48 where offset >= 0x40 {
            if readByte(offset) == id { body(offset) }
            offset = UInt16(readByte(offset + 1) & ~3)
        }
    }

    /// The address of a memory region. One that no firmware has placed gets the next free address of `window`.
    func region(_ index: UInt8, _ window: inout PCIWindow) -> MappedAddress {
        let register = 0x10 + 4 * UInt16(index)
        let is64Bit = readDword(register) & 0b110 == 0b100
        if readDword(register) & ~15 == 0 && (!is64Bit || readDword(register + 4) == 0) {
            write(register, dword: .max)
            let size = ~(readDword(register) & ~15) &+ 1
            write(register, dword: window.allocate(size))
            if is64Bit { write(register + 4, dword: 0) }
        }
        let high = is64Bit ? UInt(readDword(register + 4)) << 32 : 0
        return MappedAddress(high | UInt(readDword(register) & ~15))
    }

    // MARK: Registers

    private func windowAddress(_ base: MappedAddress, _ offset: UInt16) -> MappedAddress {
        base + (UInt(device) << 15 | UInt(function) << 12 | UInt(offset))
    }

    private func dataPort(_ offset: UInt16) -> Port {
        let enable: UInt32 = 1 << 31
        PCIAccess.addressPort.write(
            dword: enable | UInt32(device) << 11 | UInt32(function) << 8 | UInt32(offset & 0xFC))
        return Port(PCIAccess.dataPort + (offset & 3))
    }

    func readByte(_ offset: UInt16) -> UInt8 {
        switch access {
        case .window(let base): windowAddress(base, offset).readByte()
        case .ports: dataPort(offset).readByte()
        }
    }

    func readWord(_ offset: UInt16) -> UInt16 {
        switch access {
        case .window(let base): windowAddress(base, offset).readWord()
        case .ports: dataPort(offset).readWord()
        }
    }

    func readDword(_ offset: UInt16) -> UInt32 {
        switch access {
        case .window(let base): windowAddress(base, offset).readDword()
        case .ports: dataPort(offset).readDword()
        }
    }

    func write(_ offset: UInt16, byte: UInt8) {
        switch access {
        case .window(let base): windowAddress(base, offset).write(byte: byte)
        case .ports: dataPort(offset).write(byte: byte)
        }
    }

    func write(_ offset: UInt16, word: UInt16) {
        switch access {
        case .window(let base): windowAddress(base, offset).write(word: word)
        case .ports: dataPort(offset).write(word: word)
        }
    }

    func write(_ offset: UInt16, dword: UInt32) {
        switch access {
        case .window(let base): windowAddress(base, offset).write(dword: dword)
        case .ports: dataPort(offset).write(dword: dword)
        }
    }
}

/// Addresses for memory regions that no firmware has placed, as on QEMU's microvm.
struct PCIWindow {
    private var next: UInt32

    init(start: UInt32 = 0xD000_0000) {
        next = start
    }

    mutating func allocate(_ size: UInt32) -> UInt32 {
        let start = (next + size - 1) & ~(size - 1)
        next = start + size
        return start
    }
}
