import Glibc
import Linux

/// What a machine's process tells of itself once, when it begins.
public struct MachineRecord: Equatable, Sendable {
    /// Bytes of its file.
    private static let longest = 64 << 10
    /// Bytes of the command.
    private static let longestCommand = 4096

    public var pid: Int32
    /// Seconds since 1970.
    public var started: Int64
    public var cpus: Int
    /// Bytes.
    public var memory: UInt64
    /// What it runs, as far as it is not too long to tell; empty for a guest that runs what it likes.
    public var command: [String]

    public init(pid: Int32, started: Int64, cpus: Int, memory: UInt64, command: [String]) {
        self.pid = pid
        self.started = started
        self.cpus = cpus
        self.memory = memory
        var room = Self.longestCommand
        self.command = command.prefix { word in
            room -= word.utf8.count + 1
            return room >= 0
        }
    }

    /// Numbers in the first line, and the words of the command after it, each with a NUL byte at its end: what can be made
    /// without a library, as every machine makes one when it begins.
    var bytes: [UInt8] {
        var bytes = Array("\(pid) \(started) \(cpus) \(memory)\n".utf8)
        for word in command { bytes += Array(word.utf8.filter { $0 != 0 }) + [0] }
        return bytes
    }

    init?(_ bytes: [UInt8]) {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let numbers = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        guard numbers.count == 4, let pid = Int32(numbers[0]), let started = Int64(numbers[1]),
            let cpus = Int(numbers[2]), let memory = UInt64(numbers[3])
        else { return nil }
        var words = bytes[(end + 1)...].split(separator: 0, omittingEmptySubsequences: false)
        if words.last?.isEmpty == true { words.removeLast() }
        self.init(
            pid: pid, started: started, cpus: cpus, memory: memory,
            command: words.map { String(decoding: $0, as: UTF8.self) })
    }

    init?(readFrom path: String) {
        guard let bytes = try? contentsOfFile(path, limit: Self.longest) else { return nil }
        self.init(bytes)
    }

    /// It is there as a whole, or not at all.
    func write(to path: String) throws(SystemCallError) {
        let unfinished = path + ".new"
        let descriptor = try OwnedDescriptor.open(unfinished, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try writeAll(bytes, to: descriptor.rawValue, on: path)
        try systemCall("rename", on: path) { rename(unfinished, path) }
    }
}
