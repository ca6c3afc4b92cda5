import MachineConfiguration

/// Types at the guest's console: text, or bytes in base64. Answered when the bytes are on their way; the guest takes
/// them when it likes.
public enum ConsoleWrite: ControlMethod {
    public static let name = "console.write"
    public typealias Params = ConsoleText
    public typealias Result = NoFields
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

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, size, linkUp
        }

        package init(id: String, path: String? = nil, size: ByteSize? = nil, linkUp: Bool? = nil) {
            self.id = id
            self.path = path
            self.size = size
            self.linkUp = linkUp
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            try fields.read(.path, into: &path)
            try fields.read(.size, into: &size)
            try fields.read(.linkUp, into: &linkUp)
        }

        /// - Throws: `ControlError` for a field that a device of this kind has not got.
        package func require(only allowed: Set<String>, of device: String) throws(ControlError) {
            let given = [("path", path != nil), ("size", size != nil), ("linkUp", linkUp != nil)]
            for (field, isGiven) in given where isGiven && !allowed.contains(field) {
                throw ControlError(
                    .invalidArgument, "\(device) has no '\(field)' that could be changed", field: field,
                    hint: "change \(allowed.sorted().joined(separator: ", "))")
            }
        }
    }

    public typealias Result = NoFields
}
