import Dispatch
import Foundation
import Testing

/// The lab, for tests that need a host with a real KVM: `docs/lab.md` says what a script finds there.
enum LabHost {
    /// What a script left behind.
    struct Result {
        /// As a shell's `$?` has it; 124 when the time was up, 125 when the lab itself failed.
        let status: CInt
        let stdout: [UInt8]
        let stderr: [UInt8]

        var output: String { String(decoding: stdout, as: UTF8.self) }
        var errors: String { String(decoding: stderr, as: UTF8.self) }
    }

    /// The `lab` program, which `make test` names; without one there is nothing to test with.
    static let program = ProcessInfo.processInfo.environment["SWIFTLET_LAB"]
    static var isThere: Bool { program != nil }
    static let missing: Comment = "SWIFTLET_LAB does not name the lab program, as 'make test' lets it do"

    /// Whether all of the work is asked for, as `make trials` does, which takes the lab the better part of an hour.
    static let isFull = ProcessInfo.processInfo.environment["SWIFTLET_TRIALS"] == "full"

    /// Where `make firmware` puts programs for guests, in `programs`.
    static var firmware: String {
        get throws {
            let variable = "SWIFTLET_FIRMWARE"
            return try #require(
                ProcessInfo.processInfo.environment[variable], "\(variable) is not set, as 'make test' lets it be")
        }
    }

    /// Runs a shell script in the lab and waits for its end.
    ///
    /// - Parameters:
    ///   - files: as `HOST:GUEST`, with GUEST relative to the script's working directory.
    ///   - options: further options of `lab run`.
    ///   - environment: variables for the lab, added to ours.
    static func run(
        _ script: String, files: [String] = [], options: [String] = [], environment: [String: String] = [:]
    ) throws -> Result {
        let process = try process(script, files: files, options: options)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        return try result(of: process)
    }

    /// Runs a script that has to succeed, and boots guests.
    static func runAgainWhereItFails(_ script: String, files: [String], options: [String]) throws {
        for attempt in 1... {
            let lab = try run(script, files: files, options: options)
            if lab.status == 0 { return }
            // No process can reset or hang its host: this is the emulator's fault, which it has now and then.
            let isEmulators =
                lab.status == 125
                && ["the lab host ended by itself", "the lab host hangs"].contains(where: lab.errors.contains)
            guard isEmulators, attempt < attempts else {
                throw GuestBatch.Failure(
                    description: """
                        the lab ended with status \(lab.status): \(lab.errors.suffix(3000))
                        it had begun these boots:
                        \(lab.output.suffix(5000))
                        """)
            }
            Issue.record("the emulated host failed; its guests boot once more\n\(lab.errors)", severity: .warning)
        }
    }

    private static let attempts = 3

    /// One for each CPU of this machine, held while a lab runs: more would take from each other what tests with limits need.
    private static let turns = DispatchSemaphore(value: ProcessInfo.processInfo.activeProcessorCount)

    /// Runs a process that has not been started to its end, once no other does.
    static func result(of process: Process) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "lab-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let output = directory.appending(path: "stdout")
        let errors = directory.appending(path: "stderr")
        try Data().write(to: output)
        try Data().write(to: errors)

        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        turns.wait()
        defer { turns.signal() }
        try process.run()
        process.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return Result(
            status: status, stdout: [UInt8](try Data(contentsOf: output)), stderr: [UInt8](try Data(contentsOf: errors))
        )
    }

    /// The same as a process that the caller starts.
    static func process(_ script: String, files: [String] = [], options: [String] = []) throws -> Process {
        try process(["run"] + files.flatMap { ["--file", $0] } + options + ["--", "sh", "-c", script])
    }

    /// The lab with these arguments, to be started by the caller.
    static func process(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(program, missing))
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        return process
    }
}
