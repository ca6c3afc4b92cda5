import Foundation
import Testing

/// `swiftlet schema`, as what `swiftlet serve` does shows it.
struct SchemaTests {
    /// A client in Python that validates all that is said against the document, with a validator that is not ours.
    @Test(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
    func theServerDoesWhatTheDocumentSays() throws {
        let client = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Clients/schema_client.py")
            .path
        let firmware = URL(filePath: try Swiftlet.payload("hello")).deletingLastPathComponent().path
        let session = try Session(
            "/usr/bin/python3", [client, Swiftlet.program, firmware], stdin: .bytes([]), stdout: .captured)
        let result = try session.end(timeout: 120)
        #expect(result.ending == .exited(0), "\(result.errors)")
        #expect(result.output.hasSuffix("are as described\n"))
    }

    @Test func theDocumentIsOpenRPC() throws {
        let result = try Swiftlet.run(["schema"])
        #expect(result.ending == .exited(0))
        #expect(result.errors == "")
        let document = try #require(JSONSerialization.jsonObject(with: Data(result.stdout)) as? [String: Any])
        #expect((document["openrpc"] as? String)?.hasPrefix("1.3.") == true)
        let methods = document["methods"] as? [[String: Any]]
        #expect(methods?.contains { $0["name"] as? String == "vm.create" } == true)
    }
}
