import Virtio

/// The machine's registers in memory: which device answers at which address.
struct MemoryBus: Sendable {
    private let transports: [MMIOTransport]
    private let pci: PCIHost?

    /// - Parameter transports: by slot.
    init(_ transports: [MMIOTransport], pci: PCIHost?) {
        self.transports = transports
        self.pci = pci
    }

    /// Serves a read of the guest.
    ///
    /// - Returns: whether there is a device; otherwise nothing was done.
    func read(_ address: UInt64, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let (transport, offset) = transport(at: address, count: bytes.count) else {
            return pci?.read(address, into: bytes) ?? false
        }
        transport.read(at: offset, into: bytes)
        return true
    }

    func write(_ address: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let (transport, offset) = transport(at: address, count: bytes.count) else {
            return pci?.write(address, bytes) ?? false
        }
        transport.write(at: offset, bytes)
        return true
    }

    /// The device whose registers have the access whole.
    private func transport(at address: UInt64, count: Int) -> (MMIOTransport, offset: Int)? {
        guard address >= Layout.virtioMMIO else { return nil }
        let (slot, offset) = (address - Layout.virtioMMIO).quotientAndRemainder(dividingBy: MMIOTransport.size)
        guard slot < transports.count, offset + UInt64(count) <= MMIOTransport.size else { return nil }
        return (transports[Int(slot)], Int(offset))
    }
}
