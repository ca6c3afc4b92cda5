import Foundation
import Testing

/// The `swiftlet` program under test, and the payloads that it boots.
enum Swiftlet {
    /// Named by SWIFTLET; else the one built beside these tests.
    static let program =
        environment["SWIFTLET"]
        ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "swiftlet").path

    /// Named by SWIFTLET_FIRMWARE; else where `make firmware` leaves them.
    private static let firmware = environment["SWIFTLET_FIRMWARE"] ?? "\(package)/.build/firmware"

    private static let environment = ProcessInfo.processInfo.environment
    private static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Whether machines can be run here.
    static let canRun = open("/dev/kvm", O_RDWR | O_CLOEXEC) >= 0
    static let cannotRun: Comment = "/dev/kvm cannot be opened: 'swiftlet doctor' says why and what to do"

    /// A payload's file.
    static func payload(_ name: String) throws -> String {
        let path = "\(firmware)/\(name).elf"
        try #require(FileManager.default.fileExists(atPath: path), "\(path) is not there: run 'make firmware'")
        return path
    }

    /// The manual page, where `make man` leaves it.
    static func manual() throws -> String {
        let path = "\(package)/.build/man/swiftlet.1"
        try #require(FileManager.default.fileExists(atPath: path), "\(path) is not there: run 'make man'")
        return path
    }

    /// Starts the program with its stdin, stdout and stderr in the test's hands.
    static func start(
        _ arguments: [String], stdin: Session.Input = .bytes([]), stdout: Session.Output = .captured
    ) throws -> Session {
        try #require(
            access(program, X_OK) == 0, "\(program) is not there: build it, or name it in the environment as SWIFTLET")
        return try Session(program, arguments, stdin: stdin, stdout: stdout)
    }

    /// Runs the program to its end.
    ///
    /// - Parameter timeout: seconds, after which it is killed and the test fails.
    static func run(
        _ arguments: [String], stdin: Session.Input = .bytes([]), stdout: Session.Output = .captured,
        timeout: Double = 120
    ) throws -> Result {
        try start(arguments, stdin: stdin, stdout: stdout).end(timeout: timeout)
    }

    /// Runs a payload to its end.
    static func run(
        payload name: String, _ options: [String] = [], stdin: Session.Input = .bytes([]),
        stdout: Session.Output = .captured, timeout: Double = 120
    ) throws -> Result {
        try run(["run", "--kernel", payload(name)] + options, stdin: stdin, stdout: stdout, timeout: timeout)
    }

    /// Starts a payload and waits for the line that it begins with.
    static func start(
        payload name: String, _ options: [String] = [], stdin: Session.Input = .bytes([]), until line: String
    ) throws -> Session {
        let session = try start(["run", "--kernel", payload(name)] + options, stdin: stdin)
        try session.await("\(line)\n")
        return session
    }

    /// How a program ended.
    enum Ending: Equatable {
        case exited(CInt)
        case signalled(CInt)
    }

    /// What a program left behind.
    struct Result {
        let ending: Ending
        let stdout: [UInt8]
        let stderr: [UInt8]
        /// From its start to its end.
        let seconds: Double

        var output: String { String(decoding: stdout, as: UTF8.self) }
        var errors: String { String(decoding: stderr, as: UTF8.self) }
    }
}
