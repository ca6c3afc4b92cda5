import Foundation
import Machine
import MachineConfiguration
import Testing

@testable import Control

/// What is said of a configuration that is JSON and cannot be decoded.
struct DecodingProblemTests {
    @Test(
        arguments: [
            (#"{"kernel": {"path": "k"}, "cpus": "two"}"#, #"/cpus "two": it must be a whole number, 1 to 32"#),
            (#"{"kernel": {"path": "k"}, "cpus": 1.5}"#, "/cpus 1.5: it must be a whole number, 1 to 32"),
            (#"{"kernel": {"path": "k"}, "cpus": 1e300}"#, "/cpus 1e300: it must be a whole number, 1 to 32"),
            (
                #"{"kernel": {"path": "k"}, "cpus": 99999999999999999999}"#,
                "/cpus 99999999999999999999: it must be a whole number, 1 to 32"
            ),
            (#"{"kernel": {"path": "k"}, "entropy": 1}"#, "/entropy 1: it must be true or false"),
            (#"{"kernel": {"path": "k"}, "transport": "usb"}"#, #"/transport "usb": it must be one of mmio, pci"#),
            (
                #"{"kernel": {"path": "k"}, "memory": 512}"#,
                "/memory 512: it must be a number and a unit, such as 512M or 2G, 16M to 16T"
            ),
            (
                #"{"kernel": {"path": "k"}, "console": {"output": "stdout"}}"#,
                #"/console/output "stdout": it must be events, inherit, discard or file:PATH"#
            ),
            (
                #"{"kernel": {"path": "k"}, "nets": [{"id": "n"}, {"id": "m", "mac": "x"}]}"#,
                #"/nets/1/mac "x": it must be an address such as 52:54:00:12:34:56"#
            ),
            (#"{"kernel": {"path": "k"}, "disks": {}}"#, "/disks {}: it must be a list"),
            (#"{"kernel": "k"}"#, #"/kernel "k": it must be an object"#),
            (#"{"kernel": null}"#, "/kernel null: it must be an object"),
            (#"{"kernel": {}}"#, "/kernel/path: it is missing; give a path"),
            ("{}", "/kernel: it is missing; give an object"), ("[1]", "[1]: it must be an object"),
            (
                #"{"kernel": {"path": "k", "a/b~": 1}}"#,
                "/kernel/a~1b~0 1: there is no such field; use path, initrd, commandLine, append, bootProtocol"
            ),
            (
                #"{"kernel": {"path": "k"}, "vsock": {"cid": "\#(String(repeating: "é", count: 100))"}}"#,
                "/vsock/cid \"\(String(repeating: "é", count: 59))…: it must be a whole number, 3 to 4294967294"
            ),
            (
                "{\"kernel\": {\"path\": [\n1]}}",
                "/kernel/path [ 1]: it must be a path"
            ),
        ] as [(String, String)])
    func theFieldTheValueAndWhatIsAllowedAreTold(json: String, message: String) throws {
        let text = Array(json.utf8)
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(VMConfiguration.self, from: Data(text))
        }
        let problem = DecodingProblem(try #require(error), in: text, schema: VMConfiguration.schema)
        #expect(problem.description == message)
    }
}
