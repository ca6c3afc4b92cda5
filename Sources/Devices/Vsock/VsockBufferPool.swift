/// Shares out the memory in which bytes of the guest's wait for the host's programs: each connection gets some, and
/// more while there are few.
struct VsockBufferPool {
    /// Bytes that every connection gets.
    static let least: UInt32 = 16 << 10
    /// As many as a socket in Linux has by itself.
    static let most: UInt32 = 256 << 10

    /// Bytes left to share out beyond the least.
    private var free: UInt32 = 64 << 20

    mutating func take() -> UInt32 {
        let extra = min(Self.most - Self.least, free / 16)
        free -= extra
        return Self.least + extra
    }

    /// - Parameter allocation: what `take` returned.
    mutating func giveBack(_ allocation: UInt32) {
        free += allocation - Self.least
    }
}
