import ArgumentParser
import Machine
import MachineConfiguration
import Network

/// The values of `--net`, such as `tap=tap0,mac=52:54:00:12:34:56` or `user`.
enum NetOption {
    private static let keys = "tap=IFNAME, fd=N, user or none, and then any of id=, mac=, mtu=, queues= and bps="

    /// What stands for no card at all.
    static let none = "none"

    /// - Parameter others: cards that there are besides; one without an id gets one that none of them has.
    /// - Throws: `ValidationError` that names the part which is wrong, and what is allowed.
    static func nets(_ values: [String], besides others: [VMConfiguration.Net] = []) throws -> [VMConfiguration.Net] {
        let ids = DefaultIDs("net", besides: others.map(\.id))
        return try zip(values, ids).filter { $0.0 != none }.map { try net($0, id: $1) }
    }

    private static func net(_ text: String, id: String) throws -> VMConfiguration.Net {
        var net = VMConfiguration.Net(id: id)
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (words[0], words.dropFirst().first) {
            case ("user", nil): net.user = true
            case ("tap", let value?): net.tap = value
            case ("fd", let value?): net.fd = try parse(value, of: "fd", "a descriptor's number", Int32.init)
            case ("id", let value?): net.id = value
            case ("mac", let value?):
                net.mac = try parse(value, of: "mac", "an address such as 52:54:00:12:34:56", MACAddress.init)
            case ("mtu", let value?): net.mtu = try parse(value, of: "mtu", "bytes, at most 65520", UInt16.init)
            case ("queues", let value?): net.queues = try parse(value, of: "queues", "a number", Int.init)
            case ("bps", let value?):
                net.bytesPerSecond = try parse(value, of: "bps", "bytes a second, such as 500000 or 10M") {
                    UInt64($0) ?? ByteSize($0)?.bytes
                }
            case (let key, _):
                let isKnown = ["tap", "fd", "user", "id", "mac", "mtu", "queues", "bps"].contains(key)
                let problem =
                    isKnown ? "'\(key)' \(key == "user" ? "takes no value" : "needs a value")" : "there is no '\(key)'"
                throw ValidationError("--net \(text): \(problem); give \(keys)")
            }
        }
        return net
    }

    private static func parse<Value>(
        _ text: String, of key: String, _ meaning: String, _ convert: (String) -> Value?
    ) throws -> Value {
        guard let value = convert(text) else {
            throw ValidationError("--net \(key)='\(text)': it must be \(meaning)")
        }
        return value
    }
}
