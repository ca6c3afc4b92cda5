import Synchronization

/// Bus 0 of a PCI Express segment: a host bridge and up to 248 functions, reached through configuration space and
/// memory. Functions come and go while the guest runs, of which `Slots` tells it. There are no interrupt pins: functions interrupt by MSI-X.
///
/// It knows nothing of how a processor reaches configuration space: `EnhancedConfigurationAccess` and
/// `ConfigurationPorts` do.
public final class Bus: Sendable {
    private let functions: Mutex<FunctionTable>

    /// - Parameters:
    ///   - memory32: where regions with 32-bit addresses can be.
    ///   - memory64: where those with 64-bit addresses can be as well.
    public init(memory32: ClosedRange<UInt32>, memory64: ClosedRange<UInt64>? = nil) {
        functions = Mutex(FunctionTable(memory32: memory32, memory64: memory64))
    }

    /// Puts a function on the bus and gives its regions addresses, as firmware would; before the guest runs.
    ///
    /// - Parameters:
    ///   - regions: base address registers that no capability uses yet.
    ///   - msix: the vectors, if any, and the base address register for their table.
    /// - Throws: `BusError` when there is no more room on the bus or in its windows.
    @discardableResult
    public func attach(
        _ function: any Function, configuration: ConfigurationSpace, regions: [MemoryRegion],
        msix: (vectors: MSIX, register: Int)? = nil
    ) throws(BusError) -> FunctionAddress {
        try functions.withLock { functions throws(BusError) in
            try functions.append(function, configuration, regions, msix)
        }
    }

    /// Puts a function on the bus while the guest runs: into the first of `devices` that is free.
    func plug(
        _ function: any Function, configuration: ConfigurationSpace, regions: [MemoryRegion],
        msix: (vectors: MSIX, register: Int)?, into devices: [UInt8]
    ) throws(BusError) -> FunctionAddress {
        try functions.withLock { functions throws(BusError) in
            try functions.plug(function, configuration, regions, msix, into: devices)
        }
    }

    /// Takes a device's functions off the bus, but for the host bridge. Accesses to them that have begun go on meanwhile.
    public func detach(device: UInt8) {
        functions.withLock { $0.remove(device: device) }
    }

    // MARK: Configuration space

    /// Reads configuration registers: all ones where there is no function or the access is none that PCI has, which
    /// are of 1, 2 or 4 bytes within an aligned four.
    public func readConfiguration(
        of address: FunctionAddress, at offset: Int, into bytes: UnsafeMutableRawBufferPointer
    ) {
        let value = functions.withLock { functions -> UInt64? in
            guard Self.isConfigurationAccess(offset, bytes.count), let index = functions.index(of: address) else {
                return nil
            }
            functions.slots[index].function.willRead(
                configuration: &functions.slots[index].configuration, bytes: offset..<offset + bytes.count)
            return UInt64(functions.slots[index].configuration.read(at: offset, count: bytes.count))
        }
        bytes.storeLittleEndian(value ?? .max)
    }

    /// Writes configuration registers; nothing happens where a read would give all ones.
    public func writeConfiguration(of address: FunctionAddress, at offset: Int, bytes: UnsafeRawBufferPointer) {
        functions.withLock { functions in
            guard Self.isConfigurationAccess(offset, bytes.count), let index = functions.index(of: address) else {
                return
            }
            let value = UInt32(truncatingIfNeeded: bytes.loadLittleEndian())
            functions.slots[index].configuration.write(value, at: offset, count: bytes.count)
            let written = offset..<offset + bytes.count
            let slot = functions.slots[index]
            if ConfigurationRegister.placement.contains(where: written.overlaps) { functions.updateMap() }
            if let msix = slot.msix { msix.didWrite(slot.configuration, bytes: written) }
            slot.function.didWrite(configuration: slot.configuration, bytes: written)
        }
    }

    private static func isConfigurationAccess(_ offset: Int, _ count: Int) -> Bool {
        (0..<ConfigurationSpace.extendedSize).contains(offset) && [1, 2, 4].contains(count) && offset & 3 + count <= 4
    }

    // MARK: Memory

    /// Reads from the region that has all of the addresses.
    ///
    /// - Returns: false when there is none.
    public func read(at address: UInt64, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let target = target(of: address, count: bytes.count) else { return false }
        if let msix = target.msix {
            msix.read(offset: target.offset, into: bytes)
        } else {
            target.function.read(region: target.region, offset: target.offset, into: bytes)
        }
        return true
    }

    /// Writes to the region that has all of the addresses.
    ///
    /// - Returns: false when there is none.
    public func write(at address: UInt64, bytes: UnsafeRawBufferPointer) -> Bool {
        guard let target = target(of: address, count: bytes.count) else { return false }
        if let msix = target.msix {
            msix.write(offset: target.offset, bytes: bytes)
        } else {
            target.function.write(region: target.region, offset: target.offset, bytes: bytes)
        }
        return true
    }

    private struct Target: Sendable {
        let function: any Function
        /// In whose region the access is, rather than the function's own.
        let msix: MSIXCapability?
        let region: Int
        let offset: UInt64
    }

    private func target(of address: UInt64, count: Int) -> Target? {
        functions.withLock { functions in
            guard let placement = functions.map.placement(of: address, count: count) else { return nil }
            let slot = functions.slots[placement.function]
            return Target(
                function: slot.function,
                msix: slot.msix?.region.register == placement.region ? slot.msix : nil,
                region: placement.region, offset: address - placement.addresses.lowerBound)
        }
    }

    // MARK: Snapshots

    /// What a guest can see of one function through the bus.
    public struct FunctionState: Codable, Equatable, Sendable {
        let address: FunctionAddress
        let registers: [UInt8]
        let vectors: MSIX.State?
    }

    public var state: [FunctionState] {
        functions.withLock { functions in
            functions.slots.map {
                FunctionState(
                    address: $0.address, registers: $0.configuration.state, vectors: $0.msix?.vectors.state)
            }
        }
    }

    /// Puts a saved state in place of the present one; no vCPU may run meanwhile.
    ///
    /// - Throws: `BusError.foreignState` when it is not a state of the same functions; nothing has changed then.
    public func restore(_ state: [FunctionState]) throws(BusError) {
        try functions.withLock { functions throws(BusError) in
            guard state.count == functions.slots.count,
                zip(state, functions.slots).allSatisfy({ saved, slot in
                    saved.address == slot.address && saved.registers.count == ConfigurationSpace.size
                        && saved.vectors?.entries.count == slot.msix?.vectors.count
                })
            else { throw .foreignState }
            for (index, saved) in state.enumerated() {
                functions.slots[index].configuration.restore(saved.registers)
                guard let msix = functions.slots[index].msix, let vectors = saved.vectors else { continue }
                msix.vectors.restore(vectors)
                msix.didWrite(functions.slots[index].configuration, bytes: 0..<ConfigurationSpace.size)
            }
            functions.updateMap()
        }
    }
}
