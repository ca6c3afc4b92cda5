import Foundation
import Testing

/// A client of `swiftlet serve`.
final class ServedMachine {
    typealias Message = [String: Any]

    let session: Session
    private var lastID = 0
    /// How much of stdout was parsed.
    private var parsed = 0
    /// All messages so far; whatever else is on stdout fails the test.
    private(set) var messages: [Message] = []

    init(_ arguments: [String] = []) throws {
        session = try Swiftlet.start(["serve"] + arguments, stdin: .open)
    }

    /// A server with a machine that boots a payload.
    convenience init(
        payload: String, configuration: Message = [:], arguments: [String] = [], started: Bool = true
    ) throws {
        try self.init(arguments)
        var configuration = configuration
        configuration["kernel"] = ["path": try Swiftlet.payload(payload)]
        configuration["memory"] = configuration["memory"] ?? "64M"
        try request("vm.create", ["config": configuration])
        if started { try request("vm.start") }
    }

    /// Sends a request, whose answer comes when it likes.
    func send(_ method: String, _ params: Message = [:]) throws -> Int {
        lastID += 1
        let message: Message = ["jsonrpc": "2.0", "id": lastID, "method": method, "params": params]
        session.write(
            String(decoding: try JSONSerialization.data(withJSONObject: message), as: UTF8.self) + "\n")
        return lastID
    }

    /// Sends a request and waits for its result.
    @discardableResult
    func request(_ method: String, _ params: Message = [:]) throws -> Message {
        let answer = try answer(to: try send(method, params))
        return try #require(answer["result"] as? Message, "\(method): \(answer)")
    }

    /// Sends a request and waits for the reason why it is not granted.
    func refusal(_ method: String, _ params: Message = [:]) throws -> Message {
        let answer = try answer(to: try send(method, params))
        let error = try #require(answer["error"] as? Message, "\(method): \(answer)")
        return try #require(error["data"] as? Message)
    }

    func answer(to id: Int) throws -> Message {
        try message("the answer to request \(id)") { $0["id"] as? Int == id }
    }

    /// Waits for a notification.
    @discardableResult
    func notification(_ method: String) throws -> Message {
        let message = try message(method) { $0["method"] as? String == method }
        return try #require(message["params"] as? Message)
    }

    /// What the console printed so far.
    var console: [UInt8] {
        messages.filter { $0["method"] as? String == "console.output" }.flatMap { message -> [UInt8] in
            let params = message["params"] as? Message
            if let text = params?["data"] as? String { return Array(text.utf8) }
            return (params?["base64"] as? String).flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
        }
    }

    func awaitConsole(_ text: String) throws {
        try session.await("'\(text)' on the console") { stdout in
            parse(stdout)
            return console.firstRange(of: Array(text.utf8)) != nil
        }
    }

    /// Ends the input and waits for the server's end.
    func end() throws -> Swiftlet.Result {
        try session.endInput()
        return try finish()
    }

    /// Waits for the server's end.
    func finish() throws -> Swiftlet.Result {
        let result = try session.end()
        parse(result.stdout)
        #expect(parsed == result.stdout.count, "stdout ends within a message")
        return result
    }

    private func message(_ what: String, _ condition: (Message) -> Bool) throws -> Message {
        var found: Message?
        try session.await(what) { stdout in
            parse(stdout)
            found = messages.first(where: condition)
            return found != nil
        }
        return try #require(found)
    }

    private func parse(_ stdout: [UInt8]) {
        while let end = stdout[parsed...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = stdout[parsed..<end]
            parsed = end + 1
            guard let message = try? JSONSerialization.jsonObject(with: Data(line)) as? Message,
                message["jsonrpc"] as? String == "2.0"
            else {
                Issue.record("stdout has a line that is no message: \(String(decoding: line, as: UTF8.self))")
                continue
            }
            messages.append(message)
        }
    }
}
