/// What concerns all devices of a configuration together.
extension VMConfiguration {
    /// The most virtio devices over MMIO, of which each has a page of registers.
    static let mostMMIODevices = 32

    var virtioDeviceCount: Int {
        let hasConsole = console.device == .virtio || !ports.isEmpty
        let single = [entropy, balloon != nil, hasConsole, vsock != nil].count { $0 }
        return disks.count + nets.count + single
    }

    /// - Throws: for more devices than the transport has room for, and for an id that two of them have.
    func validateDevices() throws(ConfigurationError) {
        if transport == .mmio, virtioDeviceCount > Self.mostMMIODevices {
            throw ConfigurationError(
                field: "transport", value: "mmio",
                problem: """
                    it has room for \(Self.mostMMIODevices) virtio devices, and the machine has \(virtioDeviceCount); use \
                    'pci', which has room for more
                    """)
        }
        var ids = Set(disks.map(\.id))
        for (index, net) in nets.enumerated() where !ids.insert(net.id).inserted {
            throw ConfigurationError(
                field: "nets[\(index)].id", value: "'\(net.id)'",
                problem: "another device has it; each device needs an id of its own")
        }
    }
}
