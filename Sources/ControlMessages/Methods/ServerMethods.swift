/// What this server is.
public enum ServerInfo: ControlMethod {
    public static let name = "server.info"
    public typealias Params = NoFields
    /// As in the server's first message.
    public typealias Result = Hello
}

/// Whether the server answers.
public enum ServerPing: ControlMethod {
    public static let name = "server.ping"
    public typealias Params = NoFields
    public typealias Result = NoFields
}
