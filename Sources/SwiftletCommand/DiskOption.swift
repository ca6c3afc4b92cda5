import ArgumentParser
import Machine
import MachineConfiguration

/// The values of `--disk`, such as `path=root.img,readonly` or `path=a,,b.img,id=data,iops=500`.
enum DiskOption {
    private static let keys =
        "path=FILE, and then any of id=, readonly, direct, serial=, queues=, queue-size=, bps= and iops="

    /// - Parameter others: disks that there are besides; one without an id gets one that none of them has.
    /// - Throws: `ValidationError` that names the part which is wrong, and what is allowed.
    static func disks(_ values: [String], besides others: [VMConfiguration.Disk] = []) throws -> [VMConfiguration.Disk]
    {
        let ids = DefaultIDs("disk", besides: others.map(\.id))
        return try zip(values, ids).map { try disk($0, id: $1) }
    }

    private static func disk(_ text: String, id: String) throws -> VMConfiguration.Disk {
        var disk = VMConfiguration.Disk(id: id, path: "")
        var given: Set<String> = []
        for part in parts(of: text) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard given.insert(words[0]).inserted else {
                throw ValidationError("--disk \(text): '\(words[0])' is given twice; a comma in a path is written ',,'")
            }
            switch (words[0], words.dropFirst().first) {
            case ("path", let value?): disk.path = value
            case ("id", let value?): disk.id = value
            case ("readonly", nil): disk.readOnly = true
            case ("direct", nil): disk.direct = true
            case ("serial", let value?): disk.serial = value
            case ("queues", let value?): disk.queues = try parse(value, of: "queues", "a number", Int.init)
            case ("queue-size", let value?):
                disk.queueSize = try parse(value, of: "queue-size", "a number", Int.init)
            case ("bps", let value?):
                disk.bytesPerSecond = try parse(value, of: "bps", "bytes a second, such as 500000 or 10M") {
                    UInt64($0) ?? ByteSize($0)?.bytes
                }
            case ("iops", let value?):
                disk.operationsPerSecond = try parse(value, of: "iops", "a number of operations a second", UInt64.init)
            case (let key, _):
                let isFlag = ["readonly", "direct"].contains(key)
                let isKnown = isFlag || ["path", "id", "serial", "queues", "queue-size", "bps", "iops"].contains(key)
                let problem =
                    isKnown ? "'\(key)' \(isFlag ? "takes no value" : "needs a value")" : "there is no '\(key)'"
                throw ValidationError("--disk \(text): \(problem); give \(keys); a comma in a path is written ',,'")
            }
        }
        guard !disk.path.isEmpty else {
            throw ValidationError("--disk \(text): there is no path; give \(keys)")
        }
        return disk
    }

    /// The parts between commas, of which two in a row stand for one in a part.
    private static func parts(of text: String) -> [String] {
        var parts = [""]
        var rest = text[...]
        while let character = rest.popFirst() {
            if character != "," {
                parts[parts.count - 1].append(character)
            } else if rest.first == "," {
                rest.removeFirst()
                parts[parts.count - 1].append(",")
            } else {
                parts.append("")
            }
        }
        return parts
    }

    private static func parse<Value>(
        _ text: String, of key: String, _ meaning: String, _ convert: (String) -> Value?
    ) throws -> Value {
        guard let value = convert(text) else {
            throw ValidationError("--disk \(key)='\(text)': it must be \(meaning)")
        }
        return value
    }
}
