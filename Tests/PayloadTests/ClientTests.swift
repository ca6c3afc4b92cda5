import Foundation
import Testing

/// Clients of the control channel that are hard on it, each a program in `Clients`.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct ClientTests {
    private static let clients = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Clients").path

    private func run(_ client: String, _ arguments: [String]) throws {
        let session = try Session(
            "/usr/bin/python3", ["-B", "\(Self.clients)/\(client).py", Swiftlet.program] + arguments, stdin: .bytes([]),
            stdout: .captured)
        let result = try session.end(timeout: 400)
        #expect(result.ending == .exited(0), "\(result.output)\(result.errors.suffix(3000))")
    }

    @Test func linesThatAreNoRequestsDoNoHarm() throws {
        try run("mutations", [try Swiftlet.payload("flood"), "10000"])
    }

    @Test func whatComesBackIsWhatTheStatesSay() throws {
        try run("walk", [try Swiftlet.payload("spin"), "2000"])
    }

    @Test func nothingOutlivesWhoIsKilled() throws {
        try run("killings", [try Swiftlet.payload("flood"), "200"])
    }

    @Test func fiftyMachinesAreDrivenAtOnce() throws {
        try run("crowd", [try Swiftlet.payload("echo"), "50"])
    }

    @Test func aClientThatStopsReadingStopsNothingElse() throws {
        try run("stalled", [try Swiftlet.payload("flood-disk")])
    }

    @Test func nothingButMessagesIsOnStdout() throws {
        try run("intruders", [try Swiftlet.payload("spin")])
    }

    @Test func pathsOfSocketsAreTakenFromTheDead() throws {
        try run("leftovers", [try Swiftlet.payload("spin")])
    }
}
