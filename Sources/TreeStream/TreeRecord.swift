#if hasFeature(Embedded)
    import System
#else
    import CTreeStream
#endif

/// What comes before a member of a tree of files on a stream, and says what it is: docs/agent-protocol.md.
struct TreeRecord {
    enum Kind: UInt8 {
        /// A regular file, whose contents follow.
        case file = 1
        /// A directory, whose members follow, up to `up`.
        case directory = 2
        /// A symbolic link, whose target follows.
        case link = 3
        /// The end of a directory.
        case up = 4
        /// The end of everything.
        case end = 5
    }

    /// Bytes of a record without its name.
    static let headerSize = 32
    static let longestName = 255
    static let longestTarget = 4095

    var kind: Kind
    /// Permission bits.
    var mode: UInt32 = 0
    /// Of its last modification, since 1970.
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    /// Bytes that follow.
    var size: UInt64 = 0
    var name: [UInt8] = []

    init(_ kind: Kind) {
        self.kind = kind
    }

    init(_ kind: Kind, name: [UInt8], _ status: stat) {
        self.kind = kind
        self.name = name
        mode = UInt32(status.st_mode) & 0o7777
        var status = status
        seconds = tree_seconds(&status)
        nanoseconds = tree_nanoseconds(&status)
        if kind == .file { size = UInt64(max(status.st_size, 0)) }
    }

    // MARK: Bytes

    var bytes: [UInt8] {
        var bytes = [kind.rawValue, 0, 0, 0]
        append(mode, to: &bytes)
        append(nanoseconds, to: &bytes)
        append(UInt32(truncatingIfNeeded: name.count), to: &bytes)
        append(UInt64(bitPattern: seconds), to: &bytes)
        append(size, to: &bytes)
        return bytes + name
    }

    private func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        var rest = number
        for _ in 0..<MemoryLayout<Number>.size {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// - Parameter header: `headerSize` bytes; the name comes after them.
    /// - Returns: nil for what makes no sense, and the length of the name.
    static func read(_ header: [UInt8]) -> (record: TreeRecord, nameLength: Int)? {
        guard let kind = Kind(rawValue: header[0]), header[1...3].allSatisfy({ $0 == 0 }) else { return nil }
        var record = TreeRecord(kind)
        record.mode = UInt32(number(header[4..<8]))
        record.nanoseconds = UInt32(number(header[8..<12]))
        let nameLength = number(header[12..<16])
        record.seconds = Int64(bitPattern: number(header[16..<24]))
        record.size = number(header[24..<32])
        let hasName = kind == .file || kind == .directory || kind == .link
        guard hasName ? (1...UInt64(longestName)).contains(nameLength) : nameLength == 0,
            record.mode <= 0o7777, record.nanoseconds < 1_000_000_000, record.size <= UInt64(Int64.max),
            kind == .file || kind == .link || record.size == 0, kind != .link || record.size <= UInt64(longestTarget)
        else { return nil }
        return (record, Int(nameLength))
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// That a directory goes into the target itself rather than beside what is in there.
    static let target = [UInt8(ascii: ".")]

    /// Whether a name leads nowhere but to a member of its directory.
    static func isName(_ name: [UInt8]) -> Bool {
        !name.isEmpty && !name.contains(0) && !name.contains(UInt8(ascii: "/")) && name != target
            && name != [UInt8(ascii: "."), UInt8(ascii: ".")]
    }
}
