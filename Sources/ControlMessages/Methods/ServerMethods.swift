import MachineConfiguration

/// What this server is.
public enum ServerInfo: ControlMethod {
    public static let name = "server.info"
    public typealias Params = NoFields
    /// As in the server's first message.
    public typealias Result = Hello
}

/// Gives up a request that has not been answered: its answer is an error of kind `cancelled`. What it has brought about is not
/// undone. Does nothing when there is no such request, as it may have been answered meanwhile.
public enum Cancel: ControlMethod {
    public static let name = "$/cancel"

    public struct Params: Codable, Sendable {
        public var id: RequestID

        package enum CodingKeys: CodingKey, CaseIterable {
            case id
        }

        public init(id: RequestID) {
            self.id = id
        }

        public init(from decoder: any Decoder) throws {
            id = try Fields<CodingKeys>(of: decoder).require(.id)
        }
    }

    public typealias Result = NoFields
}

extension Cancel {
    package static let summary = """
        Gives up a request that has not been answered: its answer is an error of kind cancelled. What it has brought about \
        is not undone. Does nothing when there is no such request, as it may have been answered meanwhile.
        """
}

extension Cancel.Params: DescribedObject {
    package static let summary = "A request to give up."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(RequestID.self, "The request's id")
        }
    }
}

/// Whether the server answers.
public enum ServerPing: ControlMethod {
    public static let name = "server.ping"
    public typealias Params = NoFields
    public typealias Result = NoFields
}

extension ServerInfo {
    package static let summary = "Tells what the server is, as 'hello' did."
}

extension ServerPing {
    package static let summary = "Does nothing but answer."
}

/// What this server can do, for programs.
public enum RPCDiscover: ControlMethod {
    public static let name = "rpc.discover"
    public typealias Params = NoFields
    package typealias Result = JSONValue
}

extension RPCDiscover {
    package static let summary = "Answers with this document."
}
