import Foundation
import Glibc
import Linux

/// A command's run on the emulated host, from its options to its exit status.
struct HostRun {
    /// How often a machine that does not come up is started anew: the emulator is not perfect.
    private static let attempts = 3
    private static let bootSeconds = 60.0
    /// The same for all, whatever is on it, so that the machine is always the same.
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
        let source = DebianPackage.Source.name("linux-image-cloud-amd64")
        let kernel =
            try options.hostKernel.map { try KernelDirectory(unpackedIn: $0) }
            ?? KernelDirectory(source, in: "\(cache.directory)/host-kernel", cache: cache)
        let initramfs = try HostInitramfs.path(kernel: kernel, busybox: busybox, cache: cache)
        note("the host's kernel and initramfs are there")

        let payload = Payload(files: try files(), busybox: busybox, command: HostScripts.command(command))
        let disk = try payload.makeDisk(deviceSize: Self.diskSize, cache: cache)
        note("the disk is made")

        let emulator = Emulator(
            kernel: kernel, initramfs: initramfs, cpus: options.cpus, memory: options.memory.bytes,
            append: options.hostAppend, timestampRate: measureTimestampRate(), verbose: options.verbose)
        let extraction = try options.out.map { try Extraction(to: $0) }

        var attempt = 0
        while true {
            attempt += 1
            let channels = try Emulator.Channels()
            let machine = try emulator.start(disk: disk, channels: channels)
            let session = Session(
                machine, channels: channels, interruptions: interruptions, timing: timing, outputs: outputs(extraction),
                verbose: options.verbose)
            let outcome = try session.run()
            note("\(outcome)")
            if case .notStarted = outcome, attempt < Self.attempts { continue }
            return try status(of: outcome, report: session.report, extraction: extraction)
        }
    }

    private func status(of outcome: Session.Outcome, report: [UInt8], extraction: Extraction?) throws -> CInt {
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

    private var timing: Session.Timing {
        func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }
        return Session.Timing(
            end: started + nanoseconds(options.timeout.seconds),
            ready: monotonicNanoseconds() + nanoseconds(Self.bootSeconds))
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

    private func note(_ text: String) {
        guard options.verbose else { return }
        let milliseconds = (monotonicNanoseconds() - started) / 1_000_000
        writeToStandardError(Array("lab: \(milliseconds) ms: \(text)\n".utf8))
    }
}
