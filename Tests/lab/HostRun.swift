import Foundation
import Glibc
import Linux

/// A command's run on the emulated host, from its options to its exit status.
struct HostRun {
    /// How often a machine that does not come up is started anew: the emulator is not perfect.
    private static let attempts = 3
    /// Seconds until the command must have begun; on a busy machine, some ten times what it takes on an idle one.
    private static let bootLimit = 60.0
    private static let restoreLimit = 20.0
    /// Bytes. The same for all, whatever is on it, so that a snapshot fits all.
    private static let diskSize = 8 << 30

    private let options: RunCommand
    private let command: [String]
    private let started = monotonicNanoseconds()

    init(_ options: RunCommand, command: [String]) {
        self.options = options
        self.command = command
    }

    /// - Returns: the exit status for us.
    func run() throws -> CInt {
        let interruptions = try Interruptions()
        let cache = try Cache.standard()
        let busybox = try Busybox(path: options.busybox)
        let emulator = try emulator(busybox: busybox, cache: cache)
        let payload = Payload(files: try files(), busybox: busybox, command: HostScripts.command(command))
        let disk = try payload.makeDisk(deviceSize: Self.diskSize, cache: cache)
        note("the disk is made")
        let extraction = try options.out.map { try Extraction(to: $0) }

        func attempt(
            isReady: Bool, _ start: (Emulator.Channels) throws -> ChildProcess
        ) throws -> (outcome: Session.Outcome, report: [UInt8]) {
            let channels = try Emulator.Channels()
            let machine = try start(channels)
            note(isReady ? "the host is restored" : "the host is booting")
            let timing = Session.Timing(
                end: started + nanoseconds(options.timeout.seconds),
                begin: monotonicNanoseconds() + nanoseconds(isReady ? Self.restoreLimit : Self.bootLimit),
                patience: nanoseconds(options.patience.seconds))
            let session = Session(
                machine, channels: channels, interruptions: interruptions, timing: timing,
                outputs: outputs(extraction), verbose: options.verbose)
            let outcome = try session.run(isReady: isReady)
            note("\(outcome)")
            return (outcome, session.report)
        }

        if usesSnapshot, let snapshot = try Snapshot.find(for: emulator, diskSize: Self.diskSize, cache: cache) {
            do {
                let (outcome, report) = try attempt(isReady: true) {
                    try snapshot.restore(emulator, disk: disk, channels: $0)
                }
                if !outcome.isWorthAnotherTry { return try status(of: outcome, report, extraction) }
            } catch is SnapshotFailure {}
            snapshot.remove()
        }
        var tries = 0
        while true {
            tries += 1
            let (outcome, report) = try attempt(isReady: false) { try emulator.start(disk: disk, channels: $0) }
            if !outcome.isWorthAnotherTry || tries == Self.attempts {
                return try status(of: outcome, report, extraction)
            }
        }
    }

    /// Only machines that many commands share are worth one, and one that boots has more to say.
    private var usesSnapshot: Bool { options.snapshot && !options.verbose && options.hostAppend.isEmpty }

    private func emulator(busybox: Busybox, cache: Cache) throws -> Emulator {
        let kernel =
            try options.hostKernel.map { try KernelDirectory(unpackedIn: $0) }
            ?? KernelDirectory(
                .name("linux-image-cloud-amd64"), in: "\(cache.directory)/host-kernel", cache: cache)
        let initramfs = try HostInitramfs.path(kernel: kernel, busybox: busybox, cache: cache)
        return Emulator(
            kernel: kernel, initramfs: initramfs, cpus: options.cpus, memorySize: options.memory.bytes,
            append: options.hostAppend, timestampRate: measureTimestampRate(), verbose: options.verbose)
    }

    private func status(
        of outcome: Session.Outcome, _ report: [UInt8], _ extraction: Extraction?
    ) throws -> CInt {
        switch outcome {
        case .exited(let status):
            try extraction?.finish()
            return status
        case .timedOut: return 124
        case .interrupted(let signal): return 128 + signal
        case .outputClosed: return 128 + SIGPIPE
        case .notStarted(let reason), .lost(let reason):
            let said = String(decoding: report, as: UTF8.self).trimmed
            throw LabFailure("\(reason); the last it said:\n\(said.isEmpty ? "(nothing)" : said)")
        }
    }

    private func outputs(_ extraction: Extraction?) -> [HostPort: CInt] {
        var outputs: [HostPort: CInt] = [.output: STDOUT_FILENO, .errors: STDERR_FILENO]
        outputs[.directory] = extraction?.descriptor
        return outputs
    }

    private func files() throws -> [SuppliedFile] {
        var files: [SuppliedFile] = []
        if let swiftlet = try SwiftletProgram.path(options.swiftlet) {
            files += try ProgramFiles.all(of: swiftlet, at: "/usr/bin/swiftlet")
        }
        for program in options.programs {
            files += try ProgramFiles.all(of: program, at: "/usr/bin/\((program as NSString).lastPathComponent)")
        }
        return files + (try options.files.map(SuppliedFile.init(parsing:)))
    }

    private func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

    private func note(_ text: String) {
        guard options.verbose else { return }
        let milliseconds = (monotonicNanoseconds() - started) / 1_000_000
        writeToStandardError(Array("lab: \(milliseconds) ms: \(text)\n".utf8))
    }
}
