/// What a share's user chooses about it.
public struct ShareSettings: Sendable {
    /// What the guest mounts it by: 1 to 36 bytes.
    public var tag: String
    /// Whether the guest may only read it.
    public var isReadOnly = true
    /// Files that the guest can know at a time.
    public var nodeLimit = 1 << 16
    /// Descriptors that it may take, 64 at least: a half for files that the guest knows, a half for those that it has open.
    public var descriptorLimit = 1024

    public init(tag: String) {
        self.tag = tag
    }
}
