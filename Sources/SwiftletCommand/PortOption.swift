import ArgumentParser
import Machine
import MachineConfiguration

/// The values of `--port`, such as `name=agent,socket=/tmp/agent`.
enum PortOption {
    /// - Throws: `ValidationError` that names the part which is wrong, and what is allowed.
    static func port(_ text: String) throws -> VMConfiguration.Port {
        var port = VMConfiguration.Port(name: "")
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (words[0], words.dropFirst().first) {
            case ("name", let value?): port.name = value
            case ("socket", let value?): port.socket = value
            case ("file", let value?): port.file = value
            default:
                throw ValidationError(
                    "'\(part)' is no part of a port; give name=NAME, and then socket=PATH or file=PATH")
            }
        }
        return port
    }
}
