/// A kernel's command line, fit to be handed over.
public struct KernelCommandLine: Equatable, Sendable {
    public let text: String

    /// Joins `parts` with one space between them; spaces around a part and empty parts fall away.
    ///
    /// - Parameter limit: bytes without the final NUL, as the kernel says (`KernelImage.commandLineLimit`).
    public init(_ parts: [String], limit: Int) throws(KernelCommandLineError) {
        for part in parts {
            // By bytes, because a carriage return and a line feed make one Character.
            if part.utf8.contains(0) { throw .forbidden("NUL character", part: part) }
            if part.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) { throw .forbidden("line break", part: part) }
        }
        text = parts.map(Self.trimmed).filter { !$0.isEmpty }.joined(separator: " ")
        let count = text.utf8.count
        guard count <= limit else { throw .tooLong(count, limit: limit) }
    }

    private static func trimmed(_ part: String) -> Substring {
        var rest = part.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        return rest
    }

    /// As the guest sees it: with the NUL at its end.
    var bytes: [UInt8] { Array(text.utf8) + [0] }
}

/// Why a kernel command line cannot be handed over.
public enum KernelCommandLineError: Error, Equatable, CustomStringConvertible {
    case tooLong(Int, limit: Int)
    /// A character that would end it early.
    case forbidden(String, part: String)

    public var description: String {
        switch self {
        case .tooLong(let count, let limit):
            """
            the kernel command line has \(count) bytes, but this kernel takes no more than \(limit); \
            shorten '--append', or 'commandLine' and 'append' in the configuration
            """
        case .forbidden(let name, let part):
            "the kernel command line must not contain a \(name): \(part.debugDescription)"
        }
    }
}
