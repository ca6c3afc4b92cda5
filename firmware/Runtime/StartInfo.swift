/// What a PVH loader tells about the machine (Xen public/arch-x86/hvm/start_info.h, version 1).
struct StartInfo {
    struct Module {
        let address: UInt64
        /// Bytes.
        let size: UInt64
    }

    struct Region {
        let start: UInt64
        /// Bytes.
        let size: UInt64
        /// As in E820: 1 is memory for the guest to use.
        let type: UInt32

        var end: UInt64 { start &+ size }
        var isMemory: Bool { type == 1 }

        func contains(_ address: UInt64) -> Bool {
            address >= start && address < end
        }
    }

    private let base: UnsafeRawPointer

    /// Ends the VM with status 200 or 201 when there is no start info of version 1 or later at `base`.
    init(_ base: UnsafeRawPointer) {
        self.base = base
        require(field(0) as UInt32 == 0x336E_C578, "the start info has no magic number", status: 200)
        require(field(4) as UInt32 >= 1, "the start info has no memory map", status: 201)
    }

    private func field<Value: BitwiseCopyable>(_ offset: Int) -> Value {
        base.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    /// NUL-terminated; nil when the loader gave none.
    var commandLine: UnsafePointer<UInt8>? {
        UnsafePointer(bitPattern: UInt(field(24) as UInt64))
    }

    var moduleCount: UInt32 { field(12) }

    func module(at index: UInt32) -> Module {
        let list = UInt(field(16) as UInt64)
        guard let entry = UnsafeRawPointer(bitPattern: list &+ UInt(index) &* 32) else {
            return Module(address: 0, size: 0)
        }
        return Module(
            address: entry.loadUnaligned(as: UInt64.self),
            size: entry.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// The ACPI root pointer; nil when the loader gave none.
    var rootPointer: UnsafeRawPointer? {
        UnsafeRawPointer(bitPattern: UInt(field(32) as UInt64))
    }

    var regionCount: UInt32 { field(48) }

    func region(at index: UInt32) -> Region {
        let map = UInt(field(40) as UInt64)
        guard let entry = UnsafeRawPointer(bitPattern: map &+ UInt(index) &* 24) else {
            return Region(start: 0, size: 0, type: 0)
        }
        return Region(
            start: entry.loadUnaligned(as: UInt64.self),
            size: entry.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            type: entry.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    }

    /// Whether the memory map calls `address` memory.
    func isMemory(_ address: UInt64) -> Bool {
        for index in 0..<regionCount where region(at: index).isMemory && region(at: index).contains(address) {
            return true
        }
        return false
    }
}
