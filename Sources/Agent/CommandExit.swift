/// How a command's process ended, and what it used, its own children that it waited for included.
public struct CommandExit: Equatable, Sendable {
    public enum Cause: Equatable, Sendable {
        /// By itself, with a status from 0 to 255.
        case exited(UInt8)
        /// By a signal, from 1 to 127.
        case signalled(UInt8, hasDumpedCore: Bool)
    }

    public let cause: Cause
    /// Processor time in microseconds.
    public let userTime: UInt64
    public let systemTime: UInt64
    /// The most memory that one process had resident, in KiB.
    public let residentMemory: UInt64
    /// What it ran into, or another command meanwhile.
    public let limits: LimitsMet

    /// - Parameters:
    ///   - userTime: in microseconds, as `systemTime`.
    ///   - residentMemory: in KiB.
    public init(
        _ cause: Cause, userTime: UInt64, systemTime: UInt64, residentMemory: UInt64, limits: LimitsMet
    ) {
        self.cause = cause
        self.userTime = userTime
        self.systemTime = systemTime
        self.residentMemory = residentMemory
        self.limits = limits
    }

    init(_ payload: inout PayloadReader) throws(PayloadReader.Malformed) {
        let how: UInt32 = try payload.number()
        guard let value = UInt8(exactly: try payload.number(UInt32.self)) else { throw PayloadReader.Malformed() }
        switch how {
        case 0: cause = .exited(value)
        case 1, 2:
            guard (1...127).contains(value) else { throw PayloadReader.Malformed() }
            cause = .signalled(value, hasDumpedCore: how == 2)
        default: throw PayloadReader.Malformed()
        }
        userTime = try payload.number()
        systemTime = try payload.number()
        residentMemory = try payload.number()
        limits = LimitsMet(rawValue: try payload.number())
        _ = try payload.number(UInt32.self)
    }
}

/// Limits of the guest's that commands ran into.
public struct LimitsMet: OptionSet, Equatable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// A process was killed for want of memory.
    public static let memory = LimitsMet(rawValue: 1)
    /// A process could not be made because there were too many.
    public static let processes = LimitsMet(rawValue: 2)
    /// The file system of the command's root has no room left.
    public static let disk = LimitsMet(rawValue: 4)
}

/// How it went with a command.
public enum CommandEnding: Equatable, Sendable {
    /// It ran and ended, and all that it wrote has been delivered where somebody took it.
    ///
    /// - Parameter lostOutput: whether bytes of its output were lost on the way from the guest.
    case ended(CommandExit, lostOutput: Bool)
    /// It was not started.
    ///
    /// - Parameter errno: the guest's, which is Linux's.
    case notStarted(RequestStep?, errno: Int32)
    /// The connection to the agent ended first.
    case unknown(AgentError)

    /// As a shell's `$?` has it: 126 for what cannot be executed, 127 for what is not there, 128+n for signal n; nil for
    /// what says nothing about the command.
    public var shellStatus: UInt8? {
        switch self {
        case .ended(let exit, _):
            switch exit.cause {
            case .exited(let status): status
            case .signalled(let signal, _): signal | 128
            }
        case .notStarted(.execution, errno: 2): 127
        case .notStarted(.execution, _), .notStarted(.directory, _): 126
        case .notStarted, .unknown: nil
        }
    }
}
