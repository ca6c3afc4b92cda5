import Foundation
import Glibc
import Linux
import Testing

@testable import Control

/// A server without a machine and its client, both in this process and on this thread.
final class ServedClient {
    private let loop: EventLoop
    let server: ControlServer
    /// Nil after the requests' end.
    private var requests: NonblockingPipe?
    private let answers: NonblockingPipe
    private var received: [UInt8] = []

    init() throws {
        loop = try EventLoop(name: "test")
        let requests = try NonblockingPipe()
        answers = try NonblockingPipe()
        server = try ControlServer(on: loop, version: "9.9", policy: .kill, cache: nil)
        try server.connect(input: requests.reading, output: answers.writing ?? -1)
        self.requests = consume requests
    }

    var hasEnded: Bool { server.hasEnded }

    /// Sends bytes as they are, while the server takes them.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty, let descriptor = requests?.writing {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest.removeFirst(count) }
            loop.turn(waiting: false)
        }
    }

    /// Sends whole lines until the server takes no more.
    ///
    /// - Returns: how many were sent.
    func sendAsMuchAsIsTaken(_ lines: [[UInt8]]) -> Int {
        guard let descriptor = requests?.writing else { return 0 }
        for (index, line) in lines.enumerated() {
            // Lines are shorter than PIPE_BUF, and so written whole or not at all.
            while line.withUnsafeBytes({ write(descriptor, $0.baseAddress, $0.count) }) < 0 {
                var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                work()
                if poll(&room, 1, 0) == 0 { return index }
            }
        }
        return lines.count
    }

    func send(line: String) {
        send(Array((line + "\n").utf8))
    }

    /// Ends the requests, and lets the server take that in; a program that another test starts may have them open for a moment.
    func end() {
        requests = nil
        for _ in 0..<60_000 where !server.hasEnded {
            work()
            usleep(1000)
        }
    }

    /// Lets the server work for some turns, without reading what it says.
    func work() {
        for _ in 0..<50 { loop.turn(waiting: false) }
    }

    /// All messages that have come since the last call.
    func messages() throws -> [[String: Any]] {
        while true {
            work()
            let part = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(0, read(answers.reading, buffer.baseAddress, buffer.count))
            }
            if part.isEmpty { break }
            received += part
        }
        defer { received = [] }
        #expect(received.isEmpty || received.last == UInt8(ascii: "\n"))
        return try received.split(separator: UInt8(ascii: "\n")).map { line in
            let message = try #require(JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            #expect(message["jsonrpc"] as? String == "2.0")
            return message
        }
    }
}

extension [String: Any] {
    /// The value at a path of names.
    func at(_ path: String...) -> Any? {
        path.reduce(self as Any?) { value, name in (value as? [String: Any])?[name] }
    }
}
