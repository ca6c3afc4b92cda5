/// What concerns all devices of a configuration together.
extension VMConfiguration {
    /// The most virtio devices over MMIO, of which each has a page of registers.
    static let mostMMIODevices = 32

    /// What devices are called of which a machine has one at most.
    private static let ownNames = Agent.devices.union(["entropy", "balloon", "console", "vsock"])

    private static func reserved(_ id: String, field: String) -> ConfigurationError {
        ConfigurationError(field: field, value: "'\(id)'", problem: "that is the name of another kind of device")
    }

    package var virtioDeviceCount: Int {
        let hasConsole = console.device == .virtio || !ports.isEmpty
        let single = [
            entropy, balloon != nil, hasConsole, vsock != nil || agent != nil, agent?.root != nil, agent?.keep != nil,
        ].count { $0 }
        return disks.count + nets.count + shares.count + single
    }

    /// - Throws: for more devices than the transport has room for, and for an id that two of them have.
    func validateDevices() throws(ConfigurationError) {
        if transport == .mmio, virtioDeviceCount > Self.mostMMIODevices {
            throw ConfigurationError(
                field: "/transport", value: "mmio",
                problem: """
                    it has room for \(Self.mostMMIODevices) virtio devices, and the machine has \(virtioDeviceCount); use \
                    'pci', which has room for more
                    """)
        }
        for (index, disk) in disks.enumerated() where Self.ownNames.contains(disk.id) {
            throw Self.reserved(disk.id, field: "/disks/\(index)/id")
        }
        var ids = Set(disks.map(\.id))
        for (index, net) in nets.enumerated() where Self.ownNames.contains(net.id) {
            throw Self.reserved(net.id, field: "/nets/\(index)/id")
        }
        for (index, net) in nets.enumerated() where !ids.insert(net.id).inserted {
            throw ConfigurationError(
                field: "/nets/\(index)/id", value: "'\(net.id)'",
                problem: "another device has it; each device needs an id of its own")
        }
        for (index, share) in shares.enumerated() {
            let field = "/shares/\(index)/\(share.id == nil ? "tag" : "id")"
            if Self.ownNames.contains(share.name) { throw Self.reserved(share.name, field: field) }
            guard ids.insert(share.name).inserted else {
                throw ConfigurationError(
                    field: field, value: "'\(share.name)'",
                    problem: "another device has this id; each device needs one of its own")
            }
        }
    }
}
