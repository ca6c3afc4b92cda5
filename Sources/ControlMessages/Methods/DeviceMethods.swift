import MachineConfiguration

/// Types at the guest's console: text, or bytes in base64. Answered when the bytes are on their way; the guest takes
/// them when it likes.
public enum ConsoleWrite: ControlMethod {
    public static let name = "console.write"
    public typealias Params = ConsoleText
    public typealias Result = NoFields
}

extension ConsoleWrite {
    package static let summary = """
        Types at the guest's console. Answered when the bytes are on their way; the guest takes them when it likes. When \
        too many wait for it already, none is taken, and the error is of kind resource.
        """
    package static let errorKinds: [ControlError.Kind] = [.invalidState, .resource]
}

/// Changes a device while the guest runs. A disk with nothing but its id takes over the size that its image has now.
public enum DeviceUpdate: ControlMethod {
    public static let name = "device.update"

    public struct Params: Codable, Sendable {
        public var id: String
        /// Of a disk: the file that takes the place of the present one.
        public var path: String?
        /// Of the balloon: how much memory the guest is to give back, all in all.
        public var size: ByteSize?
        /// Of a network card: whether its cable is plugged in.
        public var linkUp: Bool?
        /// Of a disk or a network card: its limits from now on, of which 0 is none.
        public var bytesPerSecond: UInt64?
        public var operationsPerSecond: UInt64?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, size, linkUp, bytesPerSecond, operationsPerSecond
        }

        package init(
            id: String, path: String? = nil, size: ByteSize? = nil, linkUp: Bool? = nil, bytesPerSecond: UInt64? = nil,
            operationsPerSecond: UInt64? = nil
        ) {
            self.id = id
            self.path = path
            self.size = size
            self.linkUp = linkUp
            self.bytesPerSecond = bytesPerSecond
            self.operationsPerSecond = operationsPerSecond
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            try fields.read(.path, into: &path)
            if let path, path.isEmpty || path.utf8.contains(0) {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath + [CodingKeys.path], debugDescription: "it must name a file"))
            }
            try fields.read(.size, into: &size)
            try fields.read(.linkUp, into: &linkUp)
            try fields.read(.bytesPerSecond, into: &bytesPerSecond)
            try fields.read(.operationsPerSecond, into: &operationsPerSecond)
        }

        /// - Throws: `ControlError` for a field that a device of this kind has not got.
        package func require(only allowed: Set<String>, of device: String) throws(ControlError) {
            let given = [
                ("path", path != nil), ("size", size != nil), ("linkUp", linkUp != nil),
                ("bytesPerSecond", bytesPerSecond != nil), ("operationsPerSecond", operationsPerSecond != nil),
            ]
            for (field, isGiven) in given where isGiven && !allowed.contains(field) {
                throw ControlError(
                    .invalidArgument, "\(device) has no '\(field)' that could be changed", field: "/\(field)",
                    hint: "change \(allowed.sorted().joined(separator: ", "))")
            }
        }
    }

    public typealias Result = NoFields
}

extension DeviceUpdate {
    package static let summary = """
        Changes a device while the guest runs. A disk with nothing but its id takes over the size that its image has \
        now; a network card needs 'linkUp' or 'bytesPerSecond', the balloon 'size'. Answered when the change is made. While one file waits to \
        be put into a disk, another is refused as invalidState.
        """
    package static let errorKinds: [ControlError.Kind] = [
        .notFound, .invalidState, .unsupported, .permission, .resource, .io,
    ]
}

extension DeviceUpdate.Params: DescribedObject {
    package static let summary = "A change of a device."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(String.self, "The device's name, as vm.get lists it; a balloon's is 'balloon'")
        case .path:
            .optional(.path(), "Of a disk: the file that takes the place of the present one, which stays unless given")
        case .size:
            .optional(ByteSize.self, "Of the balloon: how much memory the guest is to give back, all in all")
        case .linkUp: .optional(Bool.self, "Of a network card: whether its cable is plugged in")
        case .bytesPerSecond:
            .optional(
                UInt64.self, "Of a disk or a network card: its limit from now on, as in the configuration; 0 for none")
        case .operationsPerSecond:
            .optional(UInt64.self, "Of a disk: its limit from now on, as in the configuration; 0 for none")
        }
    }
}
