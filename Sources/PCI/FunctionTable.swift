/// The functions of a bus with their registers, and where their regions are.
struct FunctionTable: Sendable {
    struct Slot: Sendable {
        let address: FunctionAddress
        let function: any Function
        var configuration: ConfigurationSpace
        let msix: MSIXCapability?
    }

    /// In the order of attachment.
    var slots: [Slot]
    private(set) var map = AddressMap()
    private let windows: [ClosedRange<UInt64>]
    private var memory32: AddressAllocator
    private var memory64: AddressAllocator?

    init(memory32: ClosedRange<UInt32>, memory64: ClosedRange<UInt64>?) {
        let low = UInt64(memory32.lowerBound)...UInt64(memory32.upperBound)
        windows = [low] + (memory64.map { [$0] } ?? [])
        self.memory32 = AddressAllocator(low)
        self.memory64 = memory64.map(AddressAllocator.init)
        slots = [
            Slot(address: .hostBridge, function: HostBridge(), configuration: HostBridge.configuration, msix: nil)
        ]
    }

    mutating func append(
        _ function: any Function, _ configuration: ConfigurationSpace, _ regions: [MemoryRegion],
        _ msix: (vectors: MSIX, register: Int)?
    ) throws(BusError) -> FunctionAddress {
        guard let address = FunctionAddress(index: slots.count - 1) else { throw .full }
        try append(function, configuration, regions, msix, to: address) { table, region throws(BusError) in
            try table.allocate(region)
        }
        markMultifunction(address)
        return address
    }

    /// The same while the guest runs: in the first of `devices` that is free, with regions that the guest has to place.
    mutating func plug(
        _ function: any Function, _ configuration: ConfigurationSpace, _ regions: [MemoryRegion],
        _ msix: (vectors: MSIX, register: Int)?, into devices: [UInt8]
    ) throws(BusError) -> FunctionAddress {
        let taken = Set(slots.map(\.address.device))
        guard let device = devices.first(where: { !taken.contains($0) }) else { throw .noSlot }
        let address = FunctionAddress(device: device)
        try append(function, configuration, regions, msix, to: address) { _, _ in 0 }
        return address
    }

    private mutating func append(
        _ function: any Function, _ configuration: ConfigurationSpace, _ regions: [MemoryRegion],
        _ msix: (vectors: MSIX, register: Int)?, to address: FunctionAddress,
        place: (inout FunctionTable, MemoryRegion) throws(BusError) -> UInt64
    ) throws(BusError) {
        var configuration = configuration
        let capability = msix.map { MSIXCapability($0.vectors, register: $0.register, in: &configuration) }
        for region in regions + (capability.map { [$0.region] } ?? []) {
            configuration.addRegion(region, at: try place(&self, region))
        }
        slots.append(Slot(address: address, function: function, configuration: configuration, msix: capability))
    }

    /// Takes away the functions of a device, which answer nowhere any more.
    mutating func remove(device: UInt8) {
        while let index = slots.firstIndex(where: { $0.address.device == device && $0.address != .hostBridge }) {
            for placement in map.placements where placement.function == index {
                slots[index].function.regionMoved(placement.region, to: nil)
            }
            slots.remove(at: index)
            map.remove(function: index)
        }
        // What was below may have come up.
        updateMap()
    }

    func index(of address: FunctionAddress) -> Int? {
        slots.firstIndex { $0.address == address }
    }

    private mutating func allocate(_ region: MemoryRegion) throws(BusError) -> UInt64 {
        if region.width == .bits64, let address = memory64?.allocate(region.size) { return address }
        guard let address = memory32.allocate(region.size) else { throw .noRoom(size: region.size) }
        return address
    }

    /// Lets a guest look for a device's other functions once there are any.
    private mutating func markMultifunction(_ address: FunctionAddress) {
        guard address.function > 0 else { return }
        for index in slots.indices where slots[index].address.device == address.device {
            slots[index].configuration.markMultifunction()
        }
    }

    /// Finds out where regions are now, and tells the functions of those that moved.
    mutating func updateMap() {
        var requests: [AddressMap.Placement] = []
        for (index, slot) in slots.enumerated() {
            for region in slot.configuration.regions {
                guard let addresses = slot.configuration.requestedAddresses(of: region) else { continue }
                requests.append(.init(function: index, region: region.register, addresses: addresses))
            }
        }
        let before = map.placements
        map = AddressMap(requests, windows: windows)
        for old in before where !map.placements.contains(old) {
            slots[old.function].function.regionMoved(old.region, to: nil)
        }
        for new in map.placements where !before.contains(new) {
            slots[new.function].function.regionMoved(new.region, to: new.addresses.lowerBound)
        }
    }
}
