import ArgumentParser
import Control
import FoundationEssentials
import Glibc
import Linux
import MachineConfiguration

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Describes what 'swiftlet serve' takes and tells: an OpenRPC document with JSON Schemas.",
        discussion: """
            It is the document that the method rpc.discover answers with: OpenRPC 1.3, with schemas of JSON Schema \
            2020-12. The schema VMConfiguration is also that of the file for 'swiftlet run --config'.

            Examples:
              swiftlet schema > swiftlet.openrpc.json
              swiftlet schema | jq -r '.methods[] | .name + ": " + .summary'
              swiftlet schema | jq .components.schemas.VMConfiguration
            """)

    func run() throws {
        // A server that no client comes to.
        let server = try ControlServer(
            on: try EventLoop(name: "schema"), version: Swiftlet.configuration.version, policy: .kill, cache: nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(server.document), as: UTF8.self))
    }
}
