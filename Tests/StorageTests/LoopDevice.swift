import Foundation

/// A block device whose bytes are a file's, for as long as its owner lives; only root can make one.
final class LoopDevice {
    let path: String
    private let file: TemporaryImage

    /// - Returns: nil where there can be none.
    init?(_ file: TemporaryImage, sectorSize: Int = 512) {
        let output = Self.losetup(["--find", "--show", "--sector-size", "\(sectorSize)", file.path])
        guard let path = output, path.hasPrefix("/dev/") else { return nil }
        self.path = path
        self.file = file
    }

    deinit { _ = Self.losetup(["--detach", path]) }

    static let isAvailable: Bool = {
        guard let file = try? TemporaryImage(bytes: [UInt8](repeating: 0, count: 4096)) else { return false }
        return LoopDevice(file) != nil
    }()

    private static func losetup(_ arguments: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/sbin/losetup")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 0 ? text.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }
}
