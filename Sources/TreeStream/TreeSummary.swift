/// How it went with a tree of files.
public struct TreeSummary: Equatable, Sendable {
    /// Members of all kinds that were copied.
    public var members: UInt64 = 0
    /// Bytes of files.
    public var bytes: UInt64 = 0
    /// Why the first member was left out that was; an errno, or 0 for none.
    public private(set) var error: Int32 = 0
    /// Which one that was, as a path within the tree.
    public private(set) var place: [UInt8] = []

    mutating func fail(_ error: Int32, at place: [UInt8]) {
        guard self.error == 0 else { return }
        self.error = error
        self.place = place
    }
}
