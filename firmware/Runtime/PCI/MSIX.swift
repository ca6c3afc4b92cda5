/// A function's message-signalled interrupts (PCI Local Bus 3.0 §6.8.2).
struct MSIX {
    let function: PCIFunction
    let capability: UInt16
    let table: MappedAddress
    let pendingBits: MappedAddress
    /// Entries of the table.
    let count: UInt16

    static var entrySize: UInt { 16 }
    static var enable: UInt16 { 1 << 15 }
    static var maskAll: UInt16 { 1 << 14 }

    /// nil when the function has none.
    init?(_ function: PCIFunction, _ window: inout PCIWindow) {
        var found: UInt16?
        function.forEachCapability(0x11) { found = $0 }
        guard let found else { return nil }
        self.function = function
        capability = found
        count = (function.readWord(found + 2) & 0x7FF) + 1
        let table = function.readDword(found + 4)
        self.table = function.region(UInt8(truncatingIfNeeded: table & 7), &window) + UInt(table & ~7)
        let pending = function.readDword(found + 8)
        pendingBits = function.region(UInt8(truncatingIfNeeded: pending & 7), &window) + UInt(pending & ~7)
    }

    func write(control: UInt16) {
        function.write(capability + 2, word: control)
    }

    func entry(_ index: UInt16) -> MappedAddress { table + UInt(index) * Self.entrySize }

    /// Has entry `index` interrupt a CPU with a vector (Intel SDM volume 3 §11.11).
    func route(_ index: UInt16, toVector vector: UInt8, ofLocalAPIC id: UInt8) {
        entry(index).write(dword: 0xFEE0_0000 | UInt32(id) << 12)
        (entry(index) + 4).write(dword: 0)
        (entry(index) + 8).write(dword: UInt32(vector))
        (entry(index) + 12).write(dword: 0)
    }
}
