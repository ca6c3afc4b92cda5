import Foundation
import Testing

/// Guests with stock kernels, booted one after the other in as few runs of the lab as need be, since it takes its time to
/// start.
struct GuestBatch {
    /// One run of `swiftlet run`.
    struct Boot: CustomTestStringConvertible {
        let name: String
        var kernel = Kernel.older
        var image = "vmlinuz"
        /// What `Guests/init.sh` is to do, by itself or by a script of the batch's `GuestContents`.
        let job: String
        /// Further kernel parameters.
        var append = ""
        var options: [String] = []
        var hasInitrd = true
        /// Seconds that the guest may take.
        var limit = 120
        /// Shell commands to run on the host before.
        var before = ""
        /// Shell commands to run meanwhile: the program's number is in $pid, its stdin is descriptor 3, and
        /// `await TEXT` waits until its stdout, which is in $out, has TEXT.
        var meanwhile = ""
        /// Shell commands to run after the end.
        var after = ""

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
        /// What `before`, `meanwhile` and `after` printed.
        let host: String
        let seconds: Double

        /// For the failure of an expectation.
        var comment: Comment {
            """
            status \(status) after \(seconds) s; the end of stdout:
            \(output.suffix(1500))
            stderr:
            \(errors.suffix(1500))
            the host:
            \(host.suffix(1500))
            """
        }

        /// The lines that the guest printed after each `== SECTION`.
        var sections: [String: [Substring]] { Self.sections(of: output) }
        /// The same of the commands on the host.
        var hostSections: [String: [Substring]] { Self.sections(of: host) }

        private static func sections(of text: String) -> [String: [Substring]] {
            var sections: [String: [Substring]] = [:]
            var section = ""
            for line in text.split(whereSeparator: \.isNewline) {
                if line.hasPrefix("== ") {
                    section = String(line.dropFirst(3))
                    sections[section] = []
                } else {
                    sections[section]?.append(line)
                }
            }
            return sections
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
    /// - Parameters:
    ///   - contents: what the guests have in their initramfs.
    ///   - options: further options of `lab run`.
    init(_ boots: [Boot], contents: GuestContents = .standard, options: [String] = []) throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "guests-\(UUID().uuidString)").path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }

        var supplied: [String] = []
        for kernel in Kernel.allCases where boots.contains(where: { $0.kernel == kernel }) {
            let initramfs = "\(directory)/\(kernel.rawValue).cpio"
            try contents.makeInitramfs(initramfs, modules: "\(Self.directory(of: kernel))/modules")
            supplied.append("\(initramfs):\(kernel.rawValue).cpio")
            for image in Set(boots.filter { $0.kernel == kernel }.map(\.image)) {
                supplied.append("\(try Self.directory(of: kernel))/\(image):\(kernel.rawValue).\(image)")
            }
        }
        var results: [String: Result] = [:]
        for start in stride(from: 0, to: boots.count, by: Self.portion) {
            let portion = Array(boots[start..<min(start + Self.portion, boots.count)])
            let out = "\(directory)/out.\(start)"
            try Self.run(
                portion, files: supplied, options: ["--out", out, "--timeout", "20m"] + Self.program + options)
            for (index, boot) in portion.enumerated() {
                results[boot.name] = try Self.readResult("\(out)/\(index)")
            }
        }
        self.results = results
    }

    /// Boots in one run of the lab.
    private static let portion = 10

    private static func run(_ boots: [Boot], files: [String], options: [String]) throws {
        try LabHost.runAgainWhereItFails(
            prelude + boots.enumerated().map(command).joined(), files: files, options: options)
    }

    /// The swiftlet to test, where `make test` names one.
    static var program: [String] {
        ProcessInfo.processInfo.environment["SWIFTLET"].map { ["--swiftlet", $0] } ?? []
    }

    /// How many bytes to send where many take the lab their time; nil where nobody asks for more than usual.
    static let streamBytes = ProcessInfo.processInfo.environment["SWIFTLET_STREAM_BYTES"].flatMap { Int($0) }

    static func directory(of kernel: Kernel) throws -> String {
        let variable = "SWIFTLET_KERNELS"
        let kernels = try #require(
            ProcessInfo.processInfo.environment[variable],
            "\(variable) does not name a directory of kernels, as 'make test' lets it do")
        let path = "\(kernels)/\(kernel.rawValue)"
        try #require(
            FileManager.default.fileExists(atPath: "\(path)/vmlinuz"), "\(path) has no kernel: run 'make kernels'")
        return path
    }

    private static let prelude = """
        await() {
            for try in $(seq $((limit * 10))); do
                grep -q "$1" $out && return
                kill -0 $pid || return
                usleep 100000
            done
        }
        boot() {
            name=$1 limit=$2 before=$3 meanwhile=$4 after=$5
            shift 5
            out=$OUT/$name.out
            exec 4>$OUT/$name.errors 5>$OUT/$name.host
            echo "$name: $*"
            eval "$before" >&5 2>&1
            begin=$(cut -d ' ' -f 1 /proc/uptime)
            if [ "$meanwhile" ]; then
                mkfifo input
                timeout -s KILL $((limit + 40)) swiftlet run "$@" <input >$out 2>&4 &
                pid=$!
                exec 3>input
                # In a shell of its own, which a write to a program that has ended may kill.
                (eval "$meanwhile") >&5 2>&1
                exec 3>&-
                wait $pid
            else
                timeout -s KILL $((limit + 40)) swiftlet run "$@" </dev/null >$out 2>&4
            fi
            status=$?
            end=$(cut -d ' ' -f 1 /proc/uptime)
            rm -f input
            eval "$after" >&5 2>&1
            echo $status $begin $end >$OUT/$name.end
        }

        """

    private static func command(_ index: Int, _ boot: Boot) -> String {
        // Time stamp counters look unstable in a busy lab, for which a kernel would patch its code while it runs it.
        let parameters = ["quiet", "tsc=reliable", boot.kernel.append, boot.append, "job=\(boot.job)"]
        let append = parameters.filter { !$0.isEmpty }
        var arguments = [
            "--kernel", "\(boot.kernel.rawValue).\(boot.image)", "--append", append.joined(separator: " "),
        ]
        if boot.hasInitrd { arguments += ["--initrd", "\(boot.kernel.rawValue).cpio"] }
        if !boot.options.contains("--timeout") { arguments += ["--timeout", "\(boot.limit)s"] }
        let words = ["\(index)", "\(boot.limit)", boot.before, boot.meanwhile, boot.after] + arguments + boot.options
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
            host: try text("host"),
            seconds: try #require(Double(numbers[2])) - #require(Double(numbers[1])))
    }
}
