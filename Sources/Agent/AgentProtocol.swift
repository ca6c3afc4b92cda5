/// The numbers of the protocol between a host and its guest's agent: docs/agent-protocol.md.
public enum AgentProtocol {
    /// The port that the agent connects to for control.
    public static let controlPort: UInt32 = 53570
    /// The port that it connects to for each stream of a command.
    public static let streamPort: UInt32 = 53571

    /// The reason of a refusal: the agent runs as many commands as it can.
    public static let tooManyCommands: UInt16 = 4

    static let version: UInt32 = 1
    static let headerSize = 12
    /// Bytes of the longest payload that the agent takes.
    static let longestRequest = 1 << 20
    /// Bytes of the longest payload that it may send.
    static let longestEvent = 4 << 10
    static let tokenSize = 16
    static let streamHeaderSize = tokenSize + 8

    enum Kind: UInt16 {
        case hello = 1
        case exec = 16
        case signal = 17
        case resize = 18
        case powerOff = 19
        case mount = 20
        case makeDirectory = 21
        case limitProcesses = 22
        case mountDisk = 23
        case configureInterface = 24
        case replaceFile = 25
        case started = 32
        case exited = 33
        case failed = 34
        case outputComplete = 35
        case streamFailed = 36
        case done = 37
        case refused = 38
    }
}

/// One of a command's streams. A command with a terminal has no `errors`.
public enum CommandStream: UInt32, Sendable {
    case input = 0
    case output = 1
    case errors = 2
}

/// Where the agent gave a request up.
public enum RequestStep: UInt32, Sendable {
    /// Making pipes, a terminal or a process.
    case resources = 1
    case limit = 2
    case root = 3
    case user = 4
    case directory = 5
    case execution = 6
    /// What is about no command: a mount, a directory, a file, a network card, a limit of all commands.
    case fileSystem = 7
}
