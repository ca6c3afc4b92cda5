import Foundation
import Testing

/// The clients in docs/examples: a guest's console on stdout, and its status.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct ExampleTests {
    static let clients = [
        Program(path: "\(Payload.package)/docs/examples/guest.sh", remedy: "install bash and jq"),
        Program(path: "\(Payload.package)/docs/examples/guest.py", remedy: "install python3"),
        Program(path: "\(Payload.package)/.build/examples/debug/guest", remedy: "run 'make examples'"),
    ]

    private let environment = ["SWIFTLET_BINARY": Payload.swiftlet]

    @Test(arguments: clients, [("hello", 0, "hello from a bare-metal guest\n"), ("console-panic", 255, "panic")])
    func itShowsAGuest(client: Program, guest: (payload: String, status: Int32, output: String)) async throws {
        let kernel = try Payload.configuration(guest.payload).kernel.path
        let result = try await client.run([kernel], environment: environment)
        #expect(result.status == .exited(guest.status))
        #expect(result.output.contains(guest.output))
        #expect(result.errors == "")
    }

    @Test(arguments: clients)
    func itSaysWhatIsWrong(client: Program) async throws {
        let result = try await client.run(["/nonexistent"], environment: environment)
        #expect(result.status == .exited(125))
        #expect(result.errors.contains("/nonexistent"), "\(result.errors)")
        #expect(result.output == "")
    }
}
