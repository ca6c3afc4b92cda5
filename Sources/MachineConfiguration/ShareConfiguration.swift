extension VMConfiguration {
    /// A directory of the host that the guest can mount, by virtio-fs.
    public struct Share: Encodable, Equatable, Sendable {
        /// Unlike that of any other device; by default the tag.
        public var id: String?
        /// The directory.
        public var path: String
        /// What the guest mounts it by: `mount -t virtiofs TAG DIRECTORY`.
        public var tag: String
        /// Whether the guest may only read it; it may unless this is false.
        public var readOnly: Bool?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, tag, readOnly
        }

        public init(path: String, tag: String, readOnly: Bool? = nil) {
            self.path = path
            self.tag = tag
            self.readOnly = readOnly
        }

        /// Bytes of the longest tag (virtio 1.3 §5.11.4).
        package static let longestTag = 36

        /// What the machine knows it by.
        package var name: String { id ?? tag }
    }

    func validateShares() throws(ConfigurationError) {
        var tags: Set<String> = []
        for (index, share) in shares.enumerated() {
            let field = "/shares/\(index)"
            guard !share.path.isEmpty, !share.path.utf8.contains(0) else {
                throw ConfigurationError(
                    field: "\(field)/path", value: "'\(share.path)'", problem: "it must name a directory")
            }
            guard (1...Share.longestTag).contains(share.tag.utf8.count), !share.tag.utf8.contains(0) else {
                throw ConfigurationError(
                    field: "\(field)/tag", value: "'\(share.tag)'",
                    problem: "it must have 1 to \(Share.longestTag) bytes, and no zero byte")
            }
            guard tags.insert(share.tag).inserted else {
                throw ConfigurationError(
                    field: "\(field)/tag", value: "'\(share.tag)'", problem: "another share has this tag")
            }
            guard !share.name.isEmpty else {
                throw ConfigurationError(field: "\(field)/id", value: "''", problem: "it must have a letter at least")
            }
        }
    }
}

extension VMConfiguration.Share: DescribedObject {
    package static let summary = "A directory of the host that the guest can mount, by virtio-fs."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .optional(.name, "Its name, unlike that of any other device; the tag unless it is given")
        case .path: .required(.path(), "The directory")
        case .tag:
            .required(
                .text(
                    .init(
                        pattern: #"^[^\u0000]*$"#, length: 1...VMConfiguration.Share.longestTag,
                        meaning: "1 to \(VMConfiguration.Share.longestTag) bytes, without a zero byte", examples: ["source"])),
                "What the guest mounts it by: 'mount -t virtiofs TAG DIRECTORY'")
        case .readOnly: .optional(Bool.self, "Whether the guest may only read it", usual: true)
        }
    }
}

extension VMConfiguration.Share: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(path: try fields.require(.path), tag: try fields.require(.tag))
        try fields.read(.id, into: &id)
        try fields.read(.readOnly, into: &readOnly)
    }
}
