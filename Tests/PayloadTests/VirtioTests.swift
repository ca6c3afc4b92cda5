import Foundation
import TemporaryFiles
import Testing

/// Bare-metal guests with virtio drivers of their own, over each transport.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct VirtioTests {
    static let transports = ["mmio", "pci"]

    /// The highest bit of each word at the disk's end, and no other, is what the guest leaves changed.
    @Test(arguments: transports)
    func disksAreReadAndWritten(transport: String) throws {
        let size = 1 << 20
        let disk = try TemporaryFile(zeros: size)
        let result = try Swiftlet.run(
            payload: "virtio-block", ["--transport", transport, "--disk", "path=\(disk.path)"])
        #expect(result.output == "block over \(transport) is right, sectors: 2048\n")
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
        let written = [[UInt8]](repeating: [0, 0, 0, 0, 0, 0, 0, 0x80], count: 512).flatMap { $0 }
        let contents = try Data(contentsOf: URL(fileURLWithPath: disk.path))
        #expect(contents == Data(count: size - written.count) + Data(written))
    }

    /// What `make bench` runs, in short.
    @Test(
        arguments: transports,
        ["", "interrupts", "depth=32", "depth=32 interrupts", "operation=write block=131072", "operation=notify"])
    func theBenchmarkReports(transport: String, parameters: String) throws {
        let disk = try TemporaryFile(zeros: 4 << 20)
        let result = try Swiftlet.run(
            payload: "virtio-block-bench",
            [
                "--transport", transport, "--disk", "path=\(disk.path)", "--append", "operations=300 \(parameters)",
            ])
        #expect(result.ending == .exited(0), "\(result.output)\(result.errors)")
        var report: [Substring: UInt64] = [:]
        let lines = result.output.split(separator: "\n")
        #expect(lines.first == "measuring")
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            report[words[0]] = UInt64(words[1])
        }
        #expect(report["operations"] == 300)
        let (median, slow) = (try #require(report["p50"]), try #require(report["p99"]))
        #expect(median > 0 && median <= slow)
        #expect(try #require(report["nanoseconds"]) >= slow)
        #expect((report["waits"] != nil) == parameters.contains("interrupts"))
    }
}
