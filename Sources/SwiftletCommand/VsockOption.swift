import ArgumentParser
import Machine
import MachineConfiguration

/// The value of `--vsock`, such as `cid=3,socket=guest.sock`.
enum VsockOption {
    /// - Throws: `ValidationError` that names the part which is wrong, and what is allowed.
    static func vsock(_ text: String) throws -> VMConfiguration.Vsock {
        var cid: UInt64?
        var socket: String?
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (words[0], words.dropFirst().first) {
            case ("cid", let value?):
                guard let number = UInt64(value) else {
                    throw ValidationError("--vsock cid='\(value)': it must be a number")
                }
                cid = number
            case ("socket", let value?): socket = value
            default: throw ValidationError("--vsock \(text): '\(part)' is neither cid=N nor socket=PATH")
            }
        }
        guard let cid, let socket else {
            throw ValidationError("--vsock \(text): it takes both the guest's cid=N and socket=PATH")
        }
        return VMConfiguration.Vsock(cid: cid, socket: socket)
    }
}
