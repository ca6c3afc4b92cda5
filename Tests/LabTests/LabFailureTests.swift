import Foundation
import Testing

/// What the lab does when something is not as it should be.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing), .timeLimit(.minutes(5)))
struct LabFailureTests {
    private let options = ["--swiftlet", "none"]

    @Test(arguments: [SIGKILL, SIGTERM])
    func noEmulatorOutlivesTheLab(signal: CInt) throws {
        let process = try LabHost.process("echo up; sleep 1000", options: options)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        #expect(pipe.fileHandleForReading.availableData == Data("up\n".utf8))
        let children = childProcesses(of: process.processIdentifier)
        #expect(!children.isEmpty)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        let deadline = Date(timeIntervalSinceNow: 10)
        while children.contains(where: isAlive), Date() < deadline { usleep(20_000) }
        #expect(!children.contains(where: isAlive))
    }

    @Test(.disabled(if: ProcessInfo.processInfo.environment["LAB"] == "host", "would crash this machine"))
    func crashOfTheHostIsTheLabsFailure() throws {
        // What the host still has when it crashes is lost with it.
        let script = "echo before; sleep 3; echo c >/proc/sysrq-trigger; sleep 1000"
        let result = try LabHost.run(script, options: options)
        #expect(result.status == 125)
        #expect(result.output == "before\n")
        #expect(result.errors.contains("lab: the lab host ended by itself"))
        #expect(result.errors.contains("Kernel panic"))
    }

    /// Threads that never yield take all processors from everyone else.
    @Test(.disabled(if: ProcessInfo.processInfo.environment["LAB"] == "host", "would hang this machine"))
    func hangOfTheHostIsTheLabsFailure() throws {
        let script = """
            echo -1 >/proc/sys/kernel/sched_rt_runtime_us
            echo before
            sleep 3
            for processor in 1 2; do /usr/bin/chrt -f 99 sh -c 'while :; do :; done' & done
            sleep 1000
            """
        let result = try LabHost.run(script, options: options + ["--program", "/usr/bin/chrt", "--patience", "8s"])
        #expect(result.status == 125)
        #expect(result.errors.contains("lab: the lab host hangs"))
    }

    @Test(.disabled(if: ProcessInfo.processInfo.environment["LAB"] == "host", "needs the emulated host"))
    func damagedSnapshotsDoNoHarm() throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "lab-cache-\(UUID().uuidString)").path
        defer { try? files.removeItem(atPath: directory) }
        let kernel = "\(directory)/kernel"
        func unpack() throws -> LabHost.Result {
            try LabHost.result(
                of: LabHost.process(["kernel", "--package", "linux-image-cloud-amd64", "--to", kernel]))
        }
        func run() throws -> LabHost.Result {
            try LabHost.run(
                "uname -r; exit 7", options: options + ["--host-kernel", kernel],
                environment: ["SWIFTLET_LAB_CACHE": "\(directory)/cache"])
        }

        let unpacked = try unpack()
        #expect(unpacked.status == 0, "\(unpacked.errors)")
        let made = try files.attributesOfItem(atPath: kernel)[.systemFileNumber] as? Int
        #expect(try unpack().output == unpacked.output)
        #expect(try files.attributesOfItem(atPath: kernel)[.systemFileNumber] as? Int == made, "unpacked again")

        #expect(try run().status == 7)
        let snapshots = "\(directory)/cache/snapshots"
        let name = try #require(try files.contentsOfDirectory(atPath: snapshots).first)
        let state = "\(snapshots)/\(name)/state"
        try FileHandle(forUpdating: URL(fileURLWithPath: state)).truncate(atOffset: 10_000)
        let result = try run()
        #expect(result.status == 7, "\(result.errors)")
        #expect(result.output == unpacked.output)
        #expect(!files.fileExists(atPath: state), "kept a snapshot of no use")
        #expect(try run().status == 7)
        #expect(try files.attributesOfItem(atPath: state)[.size] as? Int ?? 0 > 10_000, "made no other")
        #expect(try files.contentsOfDirectory(atPath: "\(directory)/cache/scratch") == [])
    }

    private func childProcesses(of process: pid_t) -> [pid_t] {
        let list = try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { pid_t($0) }
    }

    /// Also false for one that has ended but that nobody has asked for its status.
    private func isAlive(_ process: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return status.split(separator: ")").last?.split(separator: " ").first != "Z"
    }
}
