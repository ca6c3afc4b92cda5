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
        /// Where the agent mounts it, in the root of commands; nil where it does not.
        public var mountPoint: String?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, tag, readOnly, mountPoint
        }

        public init(path: String, tag: String, readOnly: Bool? = nil, mountPoint: String? = nil) {
            self.path = path
            self.tag = tag
            self.readOnly = readOnly
            self.mountPoint = mountPoint
        }

        /// Bytes of the longest tag (virtio 1.3 §5.11.4).
        package static let longestTag = 36

        /// What the machine knows it by.
        package var name: String { id ?? tag }
    }

    func validateShares() throws(ConfigurationError) {
        var tags: Set<String> = []
        var mountPoints: Set<[Substring]> = []
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
            if let mountPoint = share.mountPoint {
                try validate(mountPoint, of: "\(field)/mountPoint")
                guard mountPoints.insert(mountPoint.split(separator: "/")).inserted else {
                    throw ConfigurationError(
                        field: "\(field)/mountPoint", value: "'\(mountPoint)'",
                        problem: "another share is mounted there; give each a place of its own")
                }
            }
            guard !share.name.isEmpty else {
                throw ConfigurationError(field: "\(field)/id", value: "''", problem: "it must have a letter at least")
            }
        }
    }
}

extension VMConfiguration {
    private func validate(_ mountPoint: String, of field: String) throws(ConfigurationError) {
        func fail(_ problem: String) -> ConfigurationError {
            ConfigurationError(field: field, value: "'\(mountPoint)'", problem: problem)
        }
        guard mountPoint.hasPrefix("/"), mountPoint.contains(where: { $0 != "/" }), !mountPoint.utf8.contains(0) else {
            throw fail("it must be a path in the guest that begins with '/', and not the root itself")
        }
        guard agent != nil else {
            throw fail("it is the agent that mounts shares, and the machine has none: give /agent")
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
                        meaning: "1 to \(VMConfiguration.Share.longestTag) bytes, without a zero byte",
                        examples: ["source"])),
                "What the guest mounts it by: 'mount -t virtiofs TAG DIRECTORY'")
        case .readOnly: .optional(Bool.self, "Whether the guest may only read it", usual: true)
        case .mountPoint:
            .optional(
                .text(
                    .init(
                        pattern: #"^/[^\u0000]*[^/\u0000][^\u0000]*$"#,
                        meaning: "a path that begins with '/', and not '/'", examples: ["/src"])),
                "Where the agent mounts it, in the root of commands; it does not unless this is given")
        }
    }
}

extension VMConfiguration.Share: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(path: try fields.require(.path), tag: try fields.require(.tag))
        try fields.read(.id, into: &id)
        try fields.read(.readOnly, into: &readOnly)
        try fields.read(.mountPoint, into: &mountPoint)
    }
}
