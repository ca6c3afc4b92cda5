import MachineConfiguration

/// Copies files of the host's into a guest that has an agent.
public enum FSCopyIn: ControlMethod {
    public static let name = "fs.copyIn"

    public struct Params: Codable, Equatable, Sendable {
        /// On the host.
        public var source: String
        /// In the guest.
        public var target: String
        /// The guest's user whose the files are, and as whom they are made.
        public var uid: UInt32 = 0
        public var gid: UInt32 = 0

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case source, target, uid, gid
        }

        public init(source: String, target: String, uid: UInt32 = 0, gid: UInt32 = 0) {
            self.source = source
            self.target = target
            self.uid = uid
            self.gid = gid
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            source = try fields.requirePath(.source, of: decoder)
            target = try fields.requirePath(.target, of: decoder)
            try fields.read(.uid, into: &uid)
            try fields.read(.gid, into: &gid)
        }
    }

    public typealias Result = CopyResult
}

/// Copies files of a guest's, which has an agent, to the host.
public enum FSCopyOut: ControlMethod {
    public static let name = "fs.copyOut"

    public struct Params: Codable, Equatable, Sendable {
        /// In the guest.
        public var source: String
        /// On the host.
        public var target: String

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case source, target
        }

        public init(source: String, target: String) {
            self.source = source
            self.target = target
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            source = try fields.requirePath(.source, of: decoder)
            target = try fields.requirePath(.target, of: decoder)
        }
    }

    public typealias Result = CopyResult
}

/// What was copied.
public struct CopyResult: Codable, Equatable, Sendable {
    /// Files, directories and symbolic links.
    public var members: UInt64
    /// Of all files together.
    public var bytes: UInt64

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case members, bytes
    }

    package init(members: UInt64, bytes: UInt64) {
        self.members = members
        self.bytes = bytes
    }
}

extension FSCopyIn {
    package static let summary = """
        Copies a file of the host's, or a directory with all that is in it, into a guest with an agent: into the target, where \
        that is a directory, or else to become it. Answered when it is there. What a link at its top leads to is copied, \
        links below are links. What cannot be read is left out, and the answer then an error.
        """
    package static let errorKinds: [ControlError.Kind] = [
        .invalidState, .unsupported, .notFound, .permission, .guest, .io, .resource,
    ]
}

extension FSCopyOut {
    package static let summary = """
        Copies a file of the guest's, or a directory with all that is in it, to the host, as fs.copyIn does. Files there \
        belong to the user that the server is, and are nobody's programs with more rights than that.
        """
    package static let errorKinds = FSCopyIn.errorKinds
}

extension FSCopyIn.Params: DescribedObject {
    package static let summary = "What to copy into a guest."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .source: copyPath("A file or directory of the host's")
        case .target: copyPath("Where to copy it in the guest: a directory, or what it is to be called there")
        case .uid: .optional(UInt32.self, "The guest's user whose the files are, and as whom they are made", usual: 0)
        case .gid: .optional(UInt32.self, "The guest's group", usual: 0)
        }
    }
}

extension FSCopyOut.Params: DescribedObject {
    package static let summary = "What to copy out of a guest."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .source: copyPath("A file or directory of the guest's")
        case .target: copyPath("Where to copy it on the host: a directory, or what it is to be called there")
        }
    }
}

extension CopyResult: DescribedObject {
    package static let summary = "What was copied."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .members: .required(UInt64.self, "Files, directories and symbolic links")
        case .bytes: .required(UInt64.self, "Bytes of all files together")
        }
    }
}

private func copyPath(_ text: String) -> FieldDescription {
    .required(
        .text(.init(pattern: #"^/[^\u0000]*$"#, meaning: "a path that begins with '/'", examples: ["/tmp"])), text)
}

extension Fields {
    /// A path that begins with a slash.
    fileprivate func requirePath(_ key: Key, of decoder: any Decoder) throws -> String {
        let path: String = try require(key)
        guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count < 4096 else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath + [key],
                    debugDescription: "it must be a path that begins with '/', of less than 4096 bytes"))
        }
        return path
    }
}
