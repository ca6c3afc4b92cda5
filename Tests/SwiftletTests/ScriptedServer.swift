import ControlMessages
import Foundation
import TemporaryFiles

@testable import Swiftlet

/// A script in the place of `swiftlet serve`, which answers as a test wants it.
struct ScriptedServer {
    /// In nanoseconds: no host is so busy.
    private static let helloLimit: UInt64 = 600_000_000_000

    private let program: TemporaryFile
    private let log: TemporaryFile

    /// - Parameters:
    ///   - cases: of a shell's `case`, for the names of methods other than `vm.create` and `vm.start`. What none of them takes
    ///     is answered with `{}`, or as `vm.pause` is. `$line` is the request and `$id` its id, `answer RESULT` and
    ///     `refuse ERROR` answer it, `tell METHOD PARAMETERS` is a notification.
    ///   - functions: a shell's, for the cases.
    init(_ cases: String, functions: String = "") throws {
        let hello = Hello(
            protocol: Hello.currentProtocol, version: "0", pid: 1, capabilities: [], limits: Limits(maxLine: 1 << 20))
        let greeting = String(decoding: try JSONEncoder().encode(NotificationMessage(params: hello)), as: UTF8.self)
        log = try TemporaryFile("")
        program = try TemporaryFile(
            #"""
            #!/bin/sh
            answer() { echo '{"jsonrpc":"2.0","id":'${2:-$id}',"result":'"$1"'}'; }
            refuse() { echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32000,"message":"","data":'"$1"'}}'; }
            tell() { echo '{"jsonrpc":"2.0","method":"'$1'","params":'"$2"'}'; }
            \#(functions)
            echo '\#(greeting)'
            # Requests are numbered from 1 on.
            id=0
            while IFS= read -r line; do
                id=$((id + 1))
                printf '%s\n' "$line" >>\#(log.path)
                method=$(printf '%s\n' "$line" | sed 's/.*"method":"\([^"]*\)".*/\1/')
                case $method in
                vm.create) answer '{"id":"vm"}' ;;
                vm.start) answer '{"state":"running"}' ;;
                \#(cases)
                vm.pause) answer '{"state":"paused"}' ;;
                *) answer '{}' ;;
                esac
            done

            """#, executable: true)
    }

    func start() async throws -> MicroVM {
        try await MicroVM.start(
            VMConfiguration(kernel: .init(path: "none")), unreadConsole: .dropsOldest,
            program: ServerProgram(path: program.path, helloLimit: Self.helloLimit))
    }

    /// A request, as far as tests want to know.
    struct Request {
        let method: String
        let params: [String: Any]
    }

    /// The requests so far.
    func requests() throws -> [Request] {
        try String(contentsOfFile: log.path, encoding: .utf8).split(separator: "\n").compactMap { line in
            // The last one may be on its way into the file.
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let method = object["method"] as? String
            else { return nil }
            return Request(method: method, params: object["params"] as? [String: Any] ?? [:])
        }
    }

    func requests(_ method: String) throws -> [[String: Any]] {
        try requests().filter { $0.method == method }.map(\.params)
    }

    /// Waits until there are so many requests of a kind.
    func await(_ method: String, count: Int = 1) async throws -> [[String: Any]] {
        while true {
            let found = try requests(method)
            if found.count >= count { return found }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The signals that commands were sent.
    func signals() throws -> [Int32] {
        try requests("exec.signal").compactMap { ($0["signal"] as? Int).map(Int32.init) }
    }

    /// How many bytes of output were acknowledged.
    func acknowledged() throws -> Int {
        try requests("exec.ack").compactMap { $0["bytes"] as? Int }.reduce(0, +)
    }
}
