import SystemPackage

/// What a request wants done with a range of the image.
public enum Operation: Equatable, Sendable {
    /// Bytes from the image into the request's segments.
    case read
    /// Bytes from the request's segments into the image.
    case write
    /// What has been written, by requests that are complete, becomes durable.
    case flush
    /// The bytes are no longer needed. What they read as then is unspecified, and keeping them is allowed.
    case discard
    /// The bytes become zeroes; with `mayUnmap` their room may be given back.
    case writeZeroes(mayUnmap: Bool)
}

/// A request that has ended.
public struct Completion: Equatable, Sendable {
    public let tag: Int
    /// nil where all went well.
    public let failure: Errno?

    public init(tag: Int, failure: Errno? = nil) {
        self.tag = tag
        self.failure = failure
    }
}
