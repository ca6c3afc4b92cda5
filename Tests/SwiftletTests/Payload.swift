import Foundation
import Swiftlet
import Testing

/// The bare-metal guests that machines boot here, and whether they can.
enum Payload {
    /// Named by SWIFTLET_FIRMWARE; else where `make firmware` leaves them.
    private static let directory =
        ProcessInfo.processInfo.environment["SWIFTLET_FIRMWARE"] ?? "\(package)/.build/firmware"
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Whether machines can be run here.
    static let canRun = access("/dev/kvm", R_OK | W_OK) == 0
    static let cannotRun: Comment = "/dev/kvm cannot be opened: 'swiftlet doctor' says why and what to do"

    /// The program `swiftlet`: named by SWIFTLET; else the one built beside these tests, as the library finds it.
    static let swiftlet =
        ProcessInfo.processInfo.environment["SWIFTLET"]
        ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "swiftlet").path

    /// The least machine that boots a payload.
    static func configuration(_ name: String) throws -> VMConfiguration {
        let path = "\(directory)/\(name).elf"
        try #require(FileManager.default.fileExists(atPath: path), "\(path) is not there: run 'make firmware'")
        var configuration = VMConfiguration(kernel: .init(path: path))
        configuration.memory = ByteSize(bytes: 64 << 20)
        return configuration
    }
}
