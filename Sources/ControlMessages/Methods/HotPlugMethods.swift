import MachineConfiguration

/// Plugs a disk or a network card into a running machine on PCI. Answered when the guest has been told of it.
public enum DeviceAttach: ControlMethod {
    public static let name = "device.attach"

    /// Exactly one of them.
    public struct Params: Codable, Sendable {
        public var disk: VMConfiguration.Disk?
        public var net: VMConfiguration.Net?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case disk, net
        }

        package init(disk: VMConfiguration.Disk) {
            self.disk = disk
        }

        package init(net: VMConfiguration.Net) {
            self.net = net
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            try fields.read(.disk, into: &disk)
            try fields.read(.net, into: &net)
            guard (disk == nil) != (net == nil) else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: "give one of disk and net"))
            }
        }
    }

    public typealias Result = NoFields
}

extension DeviceAttach {
    package static let summary = """
        Plugs a disk or a network card into a running machine on PCI. Answered when the guest has been told of it.
        """
    package static let errorKinds: [ControlError.Kind] = [
        .notFound, .invalidState, .unsupported, .permission, .resource, .kvm, .io,
    ]
}

extension DeviceAttach.Params: DescribedObject {
    package static let summary = "A device to plug in."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .disk: .optional(VMConfiguration.Disk.self, "A disk, as in the configuration")
        case .net: .optional(VMConfiguration.Net.self, "A network card, as in the configuration")
        }
    }

    package static var alternatives: [CodingKeys] { [.disk, .net] }
}

/// Has the guest let go of a disk or a network card, and takes it away. Answered when what it had of the host is free, and
/// with an error of kind `timeout` when the guest has not let go of it in time.
public enum DeviceDetach: ControlMethod {
    public static let name = "device.detach"

    public struct Params: Codable, Sendable {
        public var id: String
        /// How long the guest may take; five seconds unless given.
        public var timeoutMs = Milliseconds.usualDetachment

        package enum CodingKeys: CodingKey, CaseIterable {
            case id, timeoutMs
        }

        package init(id: String, timeout: Milliseconds) {
            self.id = id
            timeoutMs = timeout
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            try fields.read(.timeoutMs, into: &timeoutMs)
        }
    }

    public typealias Result = NoFields
}

extension DeviceDetach {
    package static let summary = """
        Has the guest let go of a disk or a network card, and takes it away. Answered when what it had of the host is free, \
        and with an error of kind timeout when the guest has not let go of it in time.
        """
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported, .resource]
}

extension DeviceDetach.Params: DescribedObject {
    package static let summary = "A device to take away."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "The device's name, as vm.get lists it")
        case .timeoutMs:
            .optional(
                Milliseconds.self, "Milliseconds that the guest may take",
                usual: .integer(Int128(Milliseconds.usualDetachment.count)))
        }
    }
}
