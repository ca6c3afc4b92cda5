import Machine

/// Types at the guest's console: text, or bytes in base64. Answered when the bytes are on their way; the guest takes
/// them when it likes.
public enum ConsoleWrite: ControlMethod {
    public static let name = "console.write"
    public typealias Params = ConsoleText
    public typealias Result = NoFields
}

/// Changes a device while the guest runs.
public enum DeviceUpdate: ControlMethod {
    public static let name = "device.update"

    public struct Params: Codable, Sendable {
        public var id: String
        /// Of a disk: the file that takes the place of the present one.
        public var path: String?
        /// Of the balloon: how much memory to take from the guest.
        public var size: ByteSize?
        /// Of a network interface: whether its cable is plugged in.
        public var linkUp: Bool?

        private enum CodingKeys: CodingKey, CaseIterable {
            case id, path, size, linkUp
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            try fields.read(.path, into: &path)
            try fields.read(.size, into: &size)
            try fields.read(.linkUp, into: &linkUp)
        }
    }

    public typealias Result = NoFields
}
