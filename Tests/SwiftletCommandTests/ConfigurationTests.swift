import Foundation
import Machine
import MachineConfiguration
import Testing

@testable import SwiftletCommand

/// `--config`, and the options that override what it says.
struct ConfigurationTests {
    private static let usual = """
        {
          "kernel": {"path": "file-kernel", "append": "from-file"},
          "cpus": 2,
          "memory": "64M",
          "entropy": true,
          "balloon": {"size": "1M", "deflateOnOOM": false},
          "disks": [{"id": "disk0", "path": "a"}, {"id": "b", "path": "b", "readOnly": true}],
          "nets": [{"id": "n", "tap": "t"}],
          "ports": [{"name": "p", "file": "f"}]
        }
        """

    /// A file that goes when this value's owner does.
    private final class File {
        let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString).json").path

        init(_ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: path))
        }

        deinit { unlink(path) }
    }

    private func configuration(_ options: [String], file text: String = usual) throws -> VMConfiguration {
        let file = try File(text)
        return try MachineOptions.parse(["--config", file.path] + options).configuration().0
    }

    @Test func theFileIsTheSameValueThatTheOptionsMake() throws {
        let options = [
            "--kernel", "k", "--cpus", "3", "--memory", "2G", "--disk", "path=d,direct", "--net", "user", "--console",
            "virtio", "--balloon", "--port", "name=p,socket=s", "--vsock", "cid=3,socket=v", "--share", "s:t:rw",
            "--transport", "pci",
            "--cpu-weight", "7", "--cpu-quota", "150%", "--io-weight", "9",
            "--append", "quiet", "--initrd", "i", "--boot-protocol", "pvh", "--huge-pages", "never", "--entropy",
        ]
        let (made, _) = try MachineOptions.parse(options).configuration()
        let text = String(decoding: try JSONEncoder().encode(made), as: UTF8.self)
        #expect(try configuration([], file: text) == made)
        #expect(made != VMConfiguration(kernel: .init(path: "k")))
    }

    @Test func whatIsNotGivenStaysAsItIsInTheFile() throws {
        let file = try JSONDecoder().decode(VMConfiguration.self, from: Data(Self.usual.utf8))
        #expect(try configuration([]) == file)
    }

    @Test func optionsOverrideTheFile() throws {
        let changed = try configuration([
            "--kernel", "k", "--cpus", "4", "--memory", "1G", "--no-entropy", "--balloon", "2M", "--append", "last",
            "--transport", "pci",
        ])
        #expect(changed.kernel.path == "k")
        #expect(changed.kernel.append == "from-file last")
        #expect(changed.cpus == 4)
        #expect(changed.memory == ByteSize(bytes: 1 << 30))
        #expect(!changed.entropy)
        #expect(changed.balloon?.size == ByteSize(bytes: 2 << 20))
        #expect(changed.balloon?.deflateOnOOM == false)
        #expect(changed.transport == .pci)
        #expect(changed.disks.count == 2)
    }

    @Test func listsGrowAndTheSameNameTakesAPlace() throws {
        let changed = try configuration([
            "--disk", "path=new", "--disk", "path=other,id=b", "--net", "user", "--port", "name=q,file=g", "--port",
            "name=p,socket=s",
        ])
        #expect(changed.disks.map(\.id) == ["disk0", "b", "disk1"])
        #expect(changed.disks.map(\.path) == ["a", "other", "new"])
        #expect(changed.disks[1].readOnly == nil)
        #expect(changed.nets.map(\.id) == ["n", "net0"])
        #expect(changed.ports == [.init(name: "p", socket: "s"), .init(name: "q", file: "g")])
        #expect(try configuration(["--net", "none"]).nets == [])
        #expect(try configuration(["--net", "none", "--net", "user,id=n"]).nets.map(\.user) == [true])
    }

    /// One option does not take the place of another.
    @Test func optionsWithTheSameNameAreStillAMistake() throws {
        let changed = try configuration(["--disk", "path=x,id=x", "--disk", "path=y,id=x"])
        #expect(changed.disks.map(\.id) == ["disk0", "b", "x", "x"])
        #expect(throws: ConfigurationError.self) { try changed.validate() }
    }

    /// What is said of a field depends on whether an option gave it or the file.
    @Test(
        arguments: [
            (["--cpus", "33"], "--cpus 33: a machine has 1 to 32 vCPUs"),
            (["--memory", "1M"], "--memory 1M: a machine has 16M to 16T of memory"),
            (["--disk", "path=z,queue-size=3"], "--disk queue-size 3: it must be a power of two, 4 to 1024"),
            (["--net", "user,bps=1"], "--net bps 1: it must be 1000 at least"),
            (["--port", "name=x"], "--port 'x': it needs a socket or a file, and not both"),
            (["--cpu-weight", "0"], "--cpu-weight 0: a weight is 1 to 10000"),
            (["--cpu-quota", "0.5%"], "--cpu-quota 0.005: it must be 0.01 to 1000 CPUs"),
            (["--balloon", "1T"], "--balloon 1T: the machine has 64M of memory"),
            (["--vsock", "cid=2,socket=s"], "--vsock cid 2: a guest's context is 3 to 4294967294"),
            (
                ["--disk", "path=c,id=the-first-20-bytes-of-a", "--disk", "path=d,id=the-first-20-bytes-of-b"],
                "--disk id 'the-first-20-bytes-of-b': the guest would know it"
            ),
        ] as [([String], String)])
    func anOptionIsToBlame(options: [String], message: String) throws {
        let file = try File(Self.usual)
        let (configuration, origin) = try MachineOptions.parse(["--config", file.path] + options).configuration()
        let error = try #require(#expect(throws: ConfigurationError.self) { try configuration.validate() })
        #expect("\(origin.explain(error))".hasPrefix(message), "\(origin.explain(error))")
    }

    @Test(
        arguments: [
            (#""cpus": 2"#, #""cpus": 40"#, "3:11: /cpus 40: a machine has 1 to 32 vCPUs"),
            (#""path": "b""#, #""path": """#, "7:63: /disks/1/path '': it must name a file"),
            (#""tap": "t""#, #""user": false"#, "8:12: /nets/0 'n': it must be connected"),
            (#""size": "1M""#, #""size": "1G""#, "6:23: /balloon/size 1G: the machine has 64M"),
        ] as [(String, String, String)])
    func theFileIsToBlame(old: String, new: String, message: String) throws {
        let file = try File(Self.usual.replacing(old, with: new))
        let (configuration, origin) = try MachineOptions.parse(["--config", file.path, "--transport", "pci"])
            .configuration()
        let error = try #require(#expect(throws: ConfigurationError.self) { try configuration.validate() })
        #expect("\(origin.explain(error))".hasPrefix("\(file.path):\(message)"), "\(origin.explain(error))")
    }
}
