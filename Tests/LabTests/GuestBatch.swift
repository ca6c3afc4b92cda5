import Foundation
import Testing

/// Guests with stock kernels, booted one after the other in one run of the lab, which takes its time to start.
struct GuestBatch {
    /// One run of `swiftlet run`.
    struct Boot: CustomTestStringConvertible {
        let name: String
        var kernel = Kernel.older
        var image = "vmlinuz"
        /// What `Guests/init.sh` is to do.
        let job: String
        /// Further kernel parameters.
        var append = ""
        var options: [String] = []
        var hasInitrd = true
        /// Shell commands to run meanwhile: the program's number is in $pid, its stdin is descriptor 3, and
        /// `await TEXT` waits until its stdout has TEXT.
        var meanwhile = ""

        var testDescription: String { name }
    }

    /// A directory as `lab kernel` makes it.
    enum Kernel: String, CaseIterable {
        case older = "6.1"
        case newer = "6.12"

        /// QEMU 7.2 emulates `cmpxchg16b` wrongly, on which kernels from 6.12 on come to grief in the lab.
        var append: String { self == .newer ? "clearcpuid=cx16" : "" }
    }

    /// What is left of a boot.
    struct Result {
        /// As a shell's `$?` has it.
        let status: Int
        let output: String
        let errors: String
        /// What `meanwhile` printed.
        let meanwhile: String
        let seconds: Double

        /// For the failure of an expectation.
        var comment: Comment {
            "status \(status) after \(seconds) s; the end of stdout:\n\(output.suffix(1500))\nstderr:\n\(errors.suffix(1500))"
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let results: [String: Result]

    func result(_ name: String) throws -> Result {
        guard let result = results[name] else { throw Failure(description: "the lab ended before '\(name)' was over") }
        return result
    }

    /// Runs all of `boots`.
    ///
    /// - Parameter options: further options of `lab run`.
    init(_ boots: [Boot], options: [String] = []) throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "guests-\(UUID().uuidString)").path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }

        var supplied: [String] = []
        for kernel in Kernel.allCases where boots.contains(where: { $0.kernel == kernel }) {
            let initramfs = "\(directory)/\(kernel.rawValue).cpio"
            try Self.makeInitramfs(initramfs, for: kernel)
            supplied.append("\(initramfs):\(kernel.rawValue).cpio")
            for image in Set(boots.filter { $0.kernel == kernel }.map(\.image)) {
                supplied.append("\(try Self.directory(of: kernel))/\(image):\(kernel.rawValue).\(image)")
            }
        }
        let script = Self.prelude + boots.enumerated().map(Self.command).joined()
        let options = ["--out", directory + "/out", "--timeout", "10m"] + Self.program + options
        var lab = try LabHost.run(script, files: supplied, options: options)
        if lab.status == 125, lab.errors.contains("the lab host ended by itself") {
            // No process on a host can reset it: this is the emulator's fault, which it has now and then.
            Issue.record("the emulated host was reset; its guests boot once more\n\(lab.errors)", severity: .warning)
            lab = try LabHost.run(script, files: supplied, options: options)
        }
        guard lab.status == 0 else {
            throw Failure(
                description: """
                    the lab ended with status \(lab.status): \(lab.errors.suffix(3000))
                    it had begun these boots:
                    \(lab.output.suffix(5000))
                    """)
        }
        var results: [String: Result] = [:]
        for (index, boot) in boots.enumerated() {
            results[boot.name] = try Self.readResult("\(directory)/out/\(index)")
        }
        self.results = results
    }

    /// The swiftlet to test, where `make test` names one.
    private static var program: [String] {
        ProcessInfo.processInfo.environment["SWIFTLET"].map { ["--swiftlet", $0] } ?? []
    }

    private static func directory(of kernel: Kernel) throws -> String {
        let variable = "SWIFTLET_KERNELS"
        let kernels = try #require(
            ProcessInfo.processInfo.environment[variable],
            "\(variable) does not name a directory of kernels, as 'make test' lets it do")
        let path = "\(kernels)/\(kernel.rawValue)"
        try #require(
            FileManager.default.fileExists(atPath: "\(path)/vmlinuz"), "\(path) has no kernel: run 'make kernels'")
        return path
    }

    private static func makeInitramfs(_ path: String, for kernel: Kernel) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Guests/init.sh").path
        let modules = "\(try directory(of: kernel))/modules:button,evdev,pvpanic_mmio"
        let result = try LabHost.result(
            of: try LabHost.process(["initramfs", "--to", path, "--init", script, "--modules", modules]))
        guard result.status == 0 else { throw Failure(description: result.errors) }
    }

    private static let prelude = """
        await() {
            for try in $(seq 600); do
                grep -q "$1" $out && return
                kill -0 $pid || return
                usleep 100000
            done
        }
        boot() {
            out=$OUT/$1.out meanwhile=$2
            exec 4>$OUT/$1.errors 5>$OUT/$1.meanwhile
            name=$1
            shift 2
            echo "$name: $*"
            begin=$(cut -d ' ' -f 1 /proc/uptime)
            if [ "$meanwhile" ]; then
                mkfifo input
                timeout -s KILL 100 swiftlet run "$@" <input >$out 2>&4 &
                pid=$!
                exec 3>input
                eval "$meanwhile" >&5 2>&1
                exec 3>&-
                wait $pid
            else
                timeout -s KILL 100 swiftlet run "$@" </dev/null >$out 2>&4
            fi
            status=$?
            rm -f input
            echo $status $begin $(cut -d ' ' -f 1 /proc/uptime) >$OUT/$name.end
        }

        """

    private static func command(_ index: Int, _ boot: Boot) -> String {
        let append = ["quiet", boot.kernel.append, boot.append, "job=\(boot.job)"].filter { !$0.isEmpty }
        var arguments = [
            "--kernel", "\(boot.kernel.rawValue).\(boot.image)", "--append", append.joined(separator: " "),
        ]
        if boot.hasInitrd { arguments += ["--initrd", "\(boot.kernel.rawValue).cpio"] }
        if !boot.options.contains("--timeout") { arguments += ["--timeout", "60s"] }
        let words = ["\(index)", boot.meanwhile] + arguments + boot.options
        return "boot \(words.map { "'\($0.replacing("'", with: "'\\''"))'" }.joined(separator: " "))\n"
    }

    private static func readResult(_ prefix: String) throws -> Result? {
        guard let end = try? String(contentsOfFile: "\(prefix).end", encoding: .utf8) else { return nil }
        let numbers = end.split(whereSeparator: \.isWhitespace)
        func text(_ suffix: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(prefix).\(suffix)")), as: UTF8.self)
        }
        return Result(
            status: try #require(Int(numbers[0])), output: try text("out"), errors: try text("errors"),
            meanwhile: try text("meanwhile"),
            seconds: try #require(Double(numbers[2])) - #require(Double(numbers[1])))
    }
}
