import Instructions

/// Looks for devices on PCI bus 0 that come and go, uses the disks among them, and lets go of what it is asked for. With
/// `hostile` on the command line it does so as no driver should, and with `late` it waits for a byte on COM1 before.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    let parameters = Parameters(startInfo)
    guard let access = PCIAccess.find(startInfo) else { fail("there is no PCI bus", status: 1) }
    var guest = HotPlugGuest(
        access: access, arena: Arena(startInfo), isHostile: parameters.has("hostile"), isLate: parameters.has("late"))
    Console.write("watching the slots\n")
    while true { guest.turn() }
}

private struct HotPlugGuest {
    let access: PCIAccess
    var arena: Arena
    let isHostile: Bool
    let isLate: Bool
    /// Behind what is there from the start.
    private var window = PCIWindow(start: 0xD800_0000)
    /// The disk that came last. Its memory is used for the next one, too.
    private var disk: VirtioBlock?
    private var diskNumber: UInt8 = 0
    private let buffer: UnsafeMutableRawPointer

    private static var queueSize: UInt16 { 64 }
    private static var transferLength: UInt32 { 4096 }

    init(access: PCIAccess, arena: consuming Arena, isHostile: Bool, isLate: Bool) {
        self.access = access
        self.isHostile = isHostile
        self.isLate = isLate
        buffer = arena.allocate(Int(Self.queueSize) * Int(Self.transferLength))
        self.arena = arena
    }

    mutating func turn() {
        let inserted = SlotRegisters.inserted.readDword()
        let removals = SlotRegisters.removals.readDword()
        for number in UInt8(0)..<32 where inserted & 1 << UInt32(number) != 0 { welcome(number) }
        for number in UInt8(0)..<32 where removals & 1 << UInt32(number) != 0 { letGo(number) }
        for _ in 0..<100 { pause() }
    }

    private func function(_ number: UInt8) -> PCIFunction {
        PCIFunction(access: access, device: number, function: 0)
    }

    // MARK: Coming

    private mutating func welcome(_ number: UInt8) {
        let function = function(number)
        guard function.vendor != 0xFFFF else { return say("nothing", number) }
        var found: VirtioTransport?
        VirtioDiscovery.inspect(function, &window) { found = $0 }
        guard let device = found, device.type == VirtioType.block else { return say("another device", number) }
        var disk = VirtioBlock(device, queueSize: Self.queueSize, &arena)
        if let msix = device.pci?.msix {
            msix.route(0, toVector: 0x31, ofLocalAPIC: 0)
            msix.write(control: MSIX.enable)
        }
        disk.start(VirtioFeature.eventIndex, msixEntry: 0)
        let status = disk.perform(VirtioBlock.read, sector: 0, buffer, length: Self.transferLength)
        require(status == VirtioBlock.statusOK, "a read failed", status: 2)
        Console.write("a disk of ")
        Console.write(decimal: disk.capacity)
        say(" sectors", number)
        diskNumber = number
        self.disk = disk
    }

    private func say(_ what: StaticString, _ number: UInt8) {
        Console.write(what)
        Console.write(" in slot ")
        Console.write(decimal: UInt64(number))
        Console.write("\n")
    }

    // MARK: Going

    private mutating func letGo(_ number: UInt8) {
        if isLate {
            say("asked to let go", number)
            while Serial.lineStatus.readByte() & Serial.dataReady == 0 { pause() }
            _ = Serial.data.readByte()
        }
        if isHostile { breakRules(number) } else if number == diskNumber { disk?.device.reset() }
        SlotRegisters.ejected.write(dword: 1 << UInt32(number))
        if isHostile { checkItIsGone(number) }
        if number == diskNumber { disk = nil }
        say("let go", number)
    }

    /// Ejects everything else, and leaves the disk with requests under way.
    private mutating func breakRules(_ number: UInt8) {
        let bit: UInt32 = 1 << UInt32(number)
        for port in SlotRegisters.inserted.number..<SlotRegisters.end {
            _ = Port(port).readByte()
            _ = Port(port).readWord()
            Port(port).write(byte: 0xFF)
            Port(port).write(word: 0xFFFF)
            if port != SlotRegisters.ejected.number { Port(port).write(dword: .max) }
        }
        SlotRegisters.ejected.write(dword: ~bit)
        require(function(number).vendor != 0xFFFF, "a device went that was not ejected", status: 3)
        require(function(0).vendor != 0xFFFF, "the host bridge went", status: 3)

        guard number == diskNumber, disk != nil else { return }
        for slot in 0..<(disk?.depth ?? 0) {
            disk?.submit(
                slot, VirtioBlock.read, sector: UInt64(slot), buffer + Int(slot) * Int(Self.transferLength),
                length: Self.transferLength)
        }
        disk?.queue.publish()
    }

    private func checkItIsGone(_ number: UInt8) {
        for _ in 0..<3 { SlotRegisters.ejected.write(dword: .max) }
        require(function(number).vendor == 0xFFFF, "an ejected device is there", status: 4)
        guard number == diskNumber, let disk else { return }
        require(disk.device.registers.readDword() == .max, "an ejected device answers", status: 4)
        disk.device.status = 0
        disk.device.start()
        disk.queue.doorbell.ring()
    }
}
