/// The virtio devices of a machine.
enum VirtioDiscovery {
    /// Calls `body` with each device behind MMIO registers, where Swiftlet's machine and QEMU's microvm have them, and
    /// then with each on PCI bus 0.
    static func forEachDevice(_ startInfo: StartInfo, _ body: (VirtioTransport) -> Void) {
        for slot in 0..<UInt(32) { inspect(MappedAddress(0xC000_0000 + slot * 0x1000), body) }
        for slot in 0..<UInt(24) { inspect(MappedAddress(0xFEB0_0000 + slot * 0x200), body) }
        var window = PCIWindow()
        forEachFunction(startInfo) { function in inspect(function, &window, body) }
    }

    /// The first device of a type; ends the VM with status 204 when there is none.
    static func first(_ type: UInt32, _ startInfo: StartInfo) -> VirtioTransport {
        var found: VirtioTransport?
        forEachDevice(startInfo) { device in
            if found == nil, device.type == type { found = device }
        }
        guard let found else { fail("there is no virtio device of the type that this payload is for", status: 204) }
        return found
    }

    private static func inspect(_ registers: MappedAddress, _ body: (VirtioTransport) -> Void) {
        let virt: UInt32 = 0x7472_6976
        let version: UInt32 = 2
        guard registers.readDword() == virt, (registers + 4).readDword() == version else { return }
        let type = (registers + 8).readDword()
        if type != 0 {
            body(VirtioTransport(registers: registers, configuration: registers + 0x100, type: type, pci: nil))
        }
    }

    static func forEachFunction(_ startInfo: StartInfo, _ body: (PCIFunction) -> Void) {
        guard let access = PCIAccess.find(startInfo) else { return }
        for device in 0..<UInt8(32) {
            let first = PCIFunction(access: access, device: device, function: 0)
            if first.vendor == 0xFFFF { continue }
            body(first)
            guard first.hasManyFunctions else { continue }
            for number in 1..<UInt8(8) {
                let function = PCIFunction(access: access, device: device, function: number)
                if function.vendor != 0xFFFF { body(function) }
            }
        }
    }

    /// Calls `body` with a function if it is a device (virtio 1.3 §4.1.2, §4.1.4).
    static func inspect(
        _ function: PCIFunction, _ window: inout PCIWindow, _ body: (VirtioTransport) -> Void
    ) {
        let modernID: UInt16 = 0x1040
        guard function.vendor == 0x1AF4 else { return }
        // What QEMU calls transitional has an id of its own, and the type as the subsystem id.
        let id = function.deviceID
        let type = id > modernID ? id - modernID : function.readWord(0x2E)
        var common: MappedAddress?
        var notifications: MappedAddress?
        var multiplier: UInt32 = 0
        var interruptStatus: MappedAddress?
        var configuration: MappedAddress?
        function.forEachCapability(0x09) { capability in
            let kind = function.readByte(capability + 3)
            guard kind >= 1, kind <= 4 else { return }
            let region = function.region(function.readByte(capability + 4), &window)
            let address = region + UInt(function.readDword(capability + 8))
            switch kind {
            case 1: common = address
            case 2:
                notifications = address
                multiplier = function.readDword(capability + 16)
            case 3: interruptStatus = address
            default: configuration = address
            }
        }
        guard let common, let notifications, let interruptStatus else { return }
        let msix = MSIX(function, &window)
        function.enable()
        body(
            VirtioTransport(
                registers: common, configuration: configuration ?? common, type: UInt32(type),
                pci: VirtioPCI(
                    function: function, notifications: notifications, notificationMultiplier: multiplier,
                    interruptStatus: interruptStatus, msix: msix)))
    }
}
