import Foundation
import Glibc
import Linux

/// A connection to the emulator's QEMU Machine Protocol: commands and answers, each a line of JSON.
final class MachineProtocol {
    private let connection: Connection
    private let deadline: UInt64
    private var pending: [UInt8] = []

    /// - Parameter deadline: when to give up, on the clock of `monotonicNanoseconds()`.
    init(_ connection: Connection, deadline: UInt64) throws {
        self.connection = connection
        self.deadline = deadline
        _ = try nextMessage()
        try command("qmp_capabilities")
    }

    /// Runs a command to its answer.
    ///
    /// - Returns: what it answers.
    @discardableResult
    func command(_ name: String, _ arguments: [String: Any] = [:]) throws -> [String: Any] {
        var line = try JSONSerialization.data(withJSONObject: ["execute": name, "arguments": arguments])
        line.append(UInt8(ascii: "\n"))
        let bytes = [UInt8](line)
        try systemCall("send", on: "the emulator") {
            send(connection.ours, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        }
        while true {
            let message = try nextMessage()
            if let error = message["error"] as? [String: Any] {
                throw LabFailure("the emulator refused '\(name)': \(error["desc"] ?? error)")
            }
            if let answer = message["return"] { return answer as? [String: Any] ?? [:] }
        }
    }

    /// Waits until a migration in either direction is complete.
    func waitForMigration() throws {
        while true {
            let status = try command("query-migrate")["status"] as? String
            switch status {
            case "completed": return
            case "failed", "cancelled": throw LabFailure("the emulator's state could not be saved or restored")
            default: usleep(1000)
            }
        }
    }

    private func nextMessage() throws -> [String: Any] {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Data(pending[..<end])
                pending.removeSubrange(...end)
                guard let message = try JSONSerialization.jsonObject(with: line) as? [String: Any] else { continue }
                return message
            }
            let now = monotonicNanoseconds()
            var wait = pollfd(fd: connection.ours, events: Int16(POLLIN), revents: 0)
            let ready = try systemCall("poll") {
                poll(&wait, 1, now < deadline ? CInt(clamping: (deadline - now) / 1_000_000 + 1) : 0)
            }
            guard ready == 1 else { throw LabFailure("the emulator does not answer") }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = try systemCall("read", on: "the emulator") { read(connection.ours, &buffer, buffer.count) }
            guard count > 0 else { throw LabFailure("the emulator ended by itself") }
            pending += buffer.prefix(count)
        }
    }
}
