import ArgumentParser
import Machine
import MachineConfiguration

/// The values of `--share`, such as `src:source:ro`.
enum ShareOption {
    private static let form = "give HOST:TAG, HOST:TAG:ro or HOST:TAG:rw"

    /// - Throws: `ValidationError` that says what is missing.
    static func share(_ text: String) throws -> VMConfiguration.Share {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var readOnly: Bool?
        if parts.count > 2, let last = parts.last, ["ro", "rw"].contains(last) {
            readOnly = last == "ro"
            parts.removeLast()
        }
        guard parts.count >= 2, let tag = parts.popLast(), !tag.isEmpty else {
            throw ValidationError("--share \(text): there is no tag that the guest could mount it by; \(form)")
        }
        // A path may have colons as well.
        let path = parts.joined(separator: ":")
        guard !path.isEmpty else { throw ValidationError("--share \(text): there is no directory; \(form)") }
        return VMConfiguration.Share(path: path, tag: String(tag), readOnly: readOnly)
    }
}
