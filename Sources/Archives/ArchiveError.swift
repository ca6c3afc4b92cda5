/// Why an archive could not be read.
public struct ArchiveError: Error, Equatable, CustomStringConvertible {
    /// The file, or the member of one, that is the archive.
    public let name: String
    /// In the words of libarchive.
    public let problem: String

    public var description: String { "\(name): \(problem)" }
}
