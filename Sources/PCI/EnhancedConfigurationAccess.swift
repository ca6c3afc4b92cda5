/// Configuration space in memory (ECAM, PCI Express Base Specification 6.0 §7.2.2): 4 KiB for each function of bus 0.
public struct EnhancedConfigurationAccess: Sendable {
    /// Bytes of the window.
    public static let size: UInt64 = 1 << 20

    private let bus: Bus

    public init(_ bus: Bus) {
        self.bus = bus
    }

    /// Reads 1 to 8 bytes at `offset` from the window's start; all ones beyond its end.
    public func read(offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        guard offset < Self.size else { return bytes.storeOnes() }
        bus.readConfiguration(of: Self.function(at: offset), at: Self.register(at: offset), into: bytes)
    }

    /// Writes 1 to 8 bytes at `offset` from the window's start; nothing happens beyond its end.
    public func write(offset: UInt64, bytes: UnsafeRawBufferPointer) {
        guard offset < Self.size else { return }
        bus.writeConfiguration(of: Self.function(at: offset), at: Self.register(at: offset), bytes: bytes)
    }

    private static func function(at offset: UInt64) -> FunctionAddress { FunctionAddress(truncating: offset >> 12) }
    private static func register(at offset: UInt64) -> Int { Int(offset & 0xFFF) }
}
