import Foundation
import Machine
import Testing

/// Configurations as users write them in JSON.
struct ConfigurationCodingTests {
    private func decode(_ json: String) throws -> VMConfiguration {
        try JSONDecoder().decode(VMConfiguration.self, from: Data(json.utf8))
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let configuration = try decode(#"{"kernel": {"path": "vmlinux"}}"#)
        #expect(configuration == VMConfiguration(kernel: .init(path: "vmlinux")))
    }

    /// Fails for a field that is forgotten in either direction.
    @Test func everyFieldIsKept() throws {
        let json = """
            {"console": {"output": "file:/tmp/log"}, "cpus": 4, "entropy": true, "hugePages": "never",
             "kernel": {"append": "quiet", "bootProtocol": "linux64", "commandLine": "x", "initrd": "i", "path": "k"},
             "memory": "2G", "transport": "pci"}
            """
        var expected = VMConfiguration(
            kernel: .init(path: "k", initrd: "i", commandLine: "x", append: "quiet", bootProtocol: .linux64))
        expected.cpus = 4
        expected.memory = ByteSize(bytes: 2 << 30)
        expected.hugePages = .never
        expected.transport = .pci
        expected.entropy = true
        expected.console.output = .file(path: "/tmp/log")
        #expect(try decode(json) == expected)
        #expect(try JSONDecoder().decode(VMConfiguration.self, from: JSONEncoder().encode(expected)) == expected)

        let fields = try #require(JSONSerialization.jsonObject(with: JSONEncoder().encode(expected)) as? [String: Any])
        #expect(Set(fields.keys) == Set(Mirror(reflecting: expected).children.compactMap(\.label)))
    }

    @Test(arguments: [
        (#"{"kernel": {"path": "k"}, "cpu": 1}"#, "cpu", "use cpus, memory,"),
        (#"{"kernel": {"path": "k", "Initrd": "i"}}"#, "kernel.Initrd", "use path, initrd,"),
        (#"{"kernel": {"path": "k"}, "console": {"output": "events", "input": 1}}"#, "console.input", "use output"),
        (#"{"kernel": {"path": "k"}, "console": {"output": "stdout"}}"#, "console.output", "events, inherit"),
        (#"{"kernel": {"path": "k"}, "console": {"output": "file:"}}"#, "console.output", "events, inherit"),
        (#"{"kernel": {"path": "k"}, "memory": "12"}"#, "memory", "512M"),
        (#"{"kernel": {"path": "k"}, "cpus": 1e300}"#, "cpus", "whole number"),
        (#"{"kernel": {"path": "k"}, "cpus": 1.5}"#, "cpus", "whole number"),
    ])
    func whatCannotBeReadIsNamed(json: String, path: String, remedy: String) {
        do {
            _ = try decode(json)
            Issue.record("was accepted")
        } catch DecodingError.dataCorrupted(let context) {
            #expect(context.codingPath.map(\.stringValue).joined(separator: ".") == path)
            #expect(context.debugDescription.contains(remedy))
        } catch {
            Issue.record(error)
        }
    }

    @Test func theKernelMustBeThere() {
        #expect(throws: DecodingError.self) { try decode("{}") }
        #expect(throws: DecodingError.self) { try decode(#"{"kernel": {}}"#) }
    }

    @Test(arguments: ["events", "inherit", "discard", "file:a", "file:/x y"])
    func consoleOutputsAreWrittenAsTheyAreRead(text: String) {
        #expect(ConsoleConfiguration.Output(rawValue: text)?.rawValue == text)
    }
}
