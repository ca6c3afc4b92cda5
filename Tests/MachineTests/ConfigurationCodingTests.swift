import Foundation
import Machine
import MachineConfiguration
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
            {"agent": {"diskSize": "1G", "keep": "f", "modules": "m", "processes": 9, "root": "r"},
             "balloon": {"deflateOnOOM": false, "size": "1M", "statisticsInterval": 5},
             "console": {"device": "virtio", "output": "file:/tmp/log"}, "cpus": 4,
             "disks": [{"bytesPerSecond": 5000, "direct": true, "id": "d", "operationsPerSecond": 7, "path": "p",
                        "queueSize": 64, "queues": 2, "readOnly": true, "serial": "s"}],
             "entropy": true, "hugePages": "never",
             "kernel": {"append": "quiet", "bootProtocol": "linux64", "commandLine": "x", "initrd": "i", "path": "k"},
             "limits": {"cpuQuota": "1.5", "cpuWeight": 3, "ioWeight": 4}, "memory": "2G",
             "nets": [{"bytesPerSecond": 5000, "fd": 5, "id": "n", "mac": "02:00:00:00:00:01", "mtu": 9000, "queues": 2,
                       "tap": "t", "user": false}],
             "ports": [{"file": "f", "name": "p", "socket": "s"}],
             "shares": [{"id": "i", "mountPoint": "/m", "path": "p", "readOnly": false, "tag": "t"}], "transport": "pci",
             "vsock": {"cid": 3, "socket": "v"}}
            """
        let configuration = try decode(json)
        #expect(configuration.disks.first?.queueSize == 64)
        #expect(configuration.console.output == .file(path: "/tmp/log"))

        // What was read is what is written, ...
        let written = try JSONEncoder().encode(configuration)
        let given = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? NSDictionary
        #expect(try JSONSerialization.jsonObject(with: written) as? NSDictionary == given)
        // ... and that is all there is.
        let values: [(Any, Any?)] = [
            (configuration, given), (configuration.kernel, given?["kernel"]),
            (configuration.console, given?["console"]), (configuration.limits, given?["limits"]),
            (try #require(configuration.balloon), given?["balloon"]),
            (try #require(configuration.agent), given?["agent"]),
            (try #require(configuration.vsock), given?["vsock"]),
            (configuration.ports[0], (given?["ports"] as? [Any])?.first),
            (configuration.disks[0], (given?["disks"] as? [Any])?.first),
            (configuration.shares[0], (given?["shares"] as? [Any])?.first),
            (configuration.nets[0], (given?["nets"] as? [Any])?.first),
        ]
        for (value, fields) in values {
            let names = try #require(fields as? [String: Any]).keys
            #expect(Set(names) == Set(Mirror(reflecting: value).children.compactMap(\.label)))
        }
    }

    @Test(arguments: [
        (#"{"kernel": {"path": "k"}, "cpu": 1}"#, "cpu", "use cpus, memory,"),
        (#"{"kernel": {"path": "k", "Initrd": "i"}}"#, "kernel.Initrd", "use path, initrd,"),
        (
            #"{"kernel": {"path": "k"}, "console": {"output": "events", "input": 1}}"#, "console.input",
            "use device, output"
        ),
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
        #expect(VMConfiguration.Console.Output(rawValue: text)?.rawValue == text)
    }
}
