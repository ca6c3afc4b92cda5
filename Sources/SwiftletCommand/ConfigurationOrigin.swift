import ControlGroups
import Machine
import MachineConfiguration

/// Where the fields of a configuration came from, so that errors speak of what the user wrote.
struct ConfigurationOrigin {
    /// The file of `--config`.
    let file: ConfigurationFile?
    /// JSON pointers to what options gave.
    private var given: Set<String> = []

    /// Options and what they give, what is within something else before that.
    private static let options = [
        ("/kernel/path", "--kernel"), ("/kernel/initrd", "--initrd"), ("/kernel/append", "--append"),
        ("/kernel/bootProtocol", "--boot-protocol"), ("/cpus", "--cpus"), ("/memory", "--memory"),
        ("/hugePages", "--huge-pages"), ("/transport", "--transport"), ("/disks", "--disk"), ("/nets", "--net"),
        ("/entropy", "--entropy"), ("/balloon/size", "--balloon"), ("/balloon", "--balloon"),
        ("/console/device", "--console"), ("/ports", "--port"), ("/vsock", "--vsock"),
        ("/shares", "--share"), ("/agent/root", "--root"), ("/agent/keep", "--keep"),
        ("/agent/modules", "--modules"),
        ("/agent/diskSize", "--disk-size"), ("/agent/processes", "--pids"),
        ("/limits/cpuWeight", "--cpu-weight"), ("/limits/cpuQuota", "--cpu-quota"),
        ("/limits/ioWeight", "--io-weight"),
    ]
    /// Fields whose keys are other words in options.
    private static let keys = [
        "readOnly": "readonly", "queueSize": "queue-size", "bytesPerSecond": "bps", "operationsPerSecond": "iops",
    ]

    init(file: ConfigurationFile?) {
        self.file = file
    }

    /// Notes that an option gave the field.
    mutating func note(_ field: String) {
        given.insert(field)
    }

    /// Whether an option gave the field.
    func isGiven(_ field: String) -> Bool {
        given.contains(field)
    }

    /// What the file says and what has no effect, in sentences.
    var warnings: [String] {
        guard let file, file.configuration.console.output != .events else { return [] }
        return [
            """
            \(file.location(of: "/console/output")): /console/output has no effect: 'swiftlet run' prints the console on \
            stdout
            """
        ]
    }

    /// The same error, in terms of the option or of the place in the file that is to blame.
    func explain(_ error: any Error) -> any Error {
        switch error {
        case let error as ConfigurationError:
            Explained(description: "\(subject(error.field)) \(error.value): \(error.problem)")
        case let error as ControlGroupError:
            Explained(description: "\(subject(error.field)) \(error.value): \(error.problem); \(error.remedy)")
        case let error as FieldError where isFromFile(error.field):
            Explained(description: "\(subject(error.field)): \(error.cause)")
        default: error
        }
    }

    private struct Explained: Error, CustomStringConvertible {
        let description: String
    }

    private func subject(_ field: String) -> String {
        if let file, isFromFile(field) { return "\(file.location(of: field)): \(field)" }
        guard let (pointer, option) = Self.options.first(where: { Self.isWithin(field, $0.0) }) else { return field }
        let inner = JSONPointer(String(field.dropFirst(pointer.count))).steps.filter { Int($0) == nil }
        return ([option] + inner.map { Self.keys[$0] ?? $0 }).joined(separator: " ")
    }

    private func isFromFile(_ field: String) -> Bool {
        file != nil && !given.contains { Self.isWithin(field, $0) || Self.isWithin($0, field) }
    }

    private static func isWithin(_ field: String, _ outer: String) -> Bool {
        field == outer || field.hasPrefix(outer + "/")
    }
}
