#if hasFeature(Embedded)
    import System
#else
    import CTreeStream
#endif

/// Makes files of what comes down a stream, whose sender is not trusted: nothing is made outside of the directory that
/// everything goes to, no link is followed there, and what it makes the receiver keep is bounded.
public struct TreeReceiver: ~Copyable {
    private struct Level {
        let descriptor: CInt
        let record: TreeRecord
        /// One that was there before keeps its mode and time.
        let isNew: Bool
    }

    private static let chunk = 64 << 10
    /// Directories within each other, of which each is kept open.
    static let deepest = 512

    private let input: CInt
    private let mask: UInt32
    private var levels: [Level] = []
    private var summary = TreeSummary()
    /// Where everything goes, and what its top is to be called; what its sender calls it where that is nil.
    private var top: CInt = -1
    private var topName: [UInt8]?

    /// - Parameters:
    ///   - input: stays open.
    ///   - mask: the permission bits that files may get.
    public init(from input: CInt, mask: UInt32) {
        self.input = input
        self.mask = mask
    }

    deinit {
        for level in levels { close(level.descriptor) }
        if top >= 0 { close(top) }
    }

    /// Receives everything. The first member that cannot be made ends it.
    ///
    /// - Parameters:
    ///   - path: a directory for all to go into, or what the one file or directory is to be.
    ///   - name: what it is to be in a directory, of `TreeTop.name`; nil for what its sender calls it.
    public consuming func receive(at path: [UInt8], as name: [UInt8]?) -> TreeSummary {
        topName = name
        guard openTop(path) else {
            summary.fail(tree_error(), at: path)
            return summary
        }
        while summary.error == 0, let record = readRecord(), record.kind != .end { make(record) }
        return summary
    }

    private mutating func openTop(_ path: [UInt8]) -> Bool {
        top = Self.withText(path) { tree_open(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0) }
        if top >= 0 { return true }
        let slash = UInt8(ascii: "/")
        guard tree_error() == ENOENT || tree_error() == ENOTDIR, let last = path.last, last != slash else {
            return false
        }
        let cut = path.lastIndex(of: slash)
        let parent = cut.map { $0 == 0 ? [slash] : [UInt8](path[..<$0]) } ?? [UInt8(ascii: ".")]
        topName = [UInt8](path[(cut.map { $0 + 1 } ?? 0)...])
        top = Self.withText(parent) { tree_open(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0) }
        return top >= 0
    }

    private static func withText<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        let text = bytes.map { CChar(bitPattern: $0) } + [0]
        return text.withUnsafeBufferPointer { body($0.baseAddress!) }
    }

    // MARK: The stream

    /// - Returns: nil where there is none, which the summary then tells.
    private mutating func readRecord() -> TreeRecord? {
        guard let header = readAll(TreeRecord.headerSize) else { return nil }
        guard let (known, nameLength) = TreeRecord.read(header) else {
            summary.fail(EPROTO, at: place([]))
            return nil
        }
        guard let name = readAll(nameLength) else { return nil }
        var record = known
        record.name = name
        let isSensible =
            switch record.kind {
            case .file, .directory, .link: levels.isEmpty ? mayBeTop(record) : TreeRecord.isName(name)
            case .up: !levels.isEmpty
            case .end: levels.isEmpty
            }
        guard isSensible else {
            summary.fail(EPROTO, at: place([]))
            return nil
        }
        return record
    }

    /// A sender follows a link at the top, and is to send nothing beside it.
    private func mayBeTop(_ record: TreeRecord) -> Bool {
        guard summary.members == 0 else { return false }
        switch record.kind {
        case .file: return TreeRecord.isName(record.name)
        case .directory: return TreeRecord.isName(record.name) || record.name == TreeRecord.target
        case .link, .up, .end: return false
        }
    }

    private mutating func readAll(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { read(input, $0.baseAddress! + filled, count - filled) }
            if got > 0 {
                filled += got
            } else if got == 0 || tree_error() != EINTR {
                // A sender that ends early knows better why.
                summary.fail(got == 0 ? EPIPE : tree_error(), at: [])
                return nil
            }
        }
        return bytes
    }

    // MARK: Files

    private func place(_ name: [UInt8]) -> [UInt8] {
        var parts: [UInt8] = []
        for level in levels { parts += level.record.name + [UInt8(ascii: "/")] }
        return parts + name
    }

    private mutating func make(_ record: TreeRecord) {
        if record.kind == .up { return leave() }
        let directory = levels.last?.descriptor ?? top
        let name = levels.isEmpty ? topName ?? record.name : record.name
        summary.members += 1
        let error: CInt
        switch record.kind {
        case .directory: error = enter(record, name, in: directory)
        case .link: error = makeLink(record, name, in: directory)
        default: error = makeFile(record, name, in: directory)
        }
        if error != 0 { summary.fail(error, at: place(name)) }
    }

    private mutating func enter(_ record: TreeRecord, _ name: [UInt8], in directory: CInt) -> CInt {
        guard levels.count < Self.deepest else { return ENAMETOOLONG }
        let made = Self.withText(name) { mkdirat(directory, $0, 0o700) }
        guard made == 0 || tree_error() == EEXIST else { return tree_error() }
        let descriptor = Self.withText(name) { tree_open(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) }
        guard descriptor >= 0 else { return tree_error() }
        var level = record
        level.name = name
        levels.append(Level(descriptor: descriptor, record: level, isNew: made == 0))
        return 0
    }

    /// A directory gets its mode when nothing is to be made in it any more.
    private mutating func leave() {
        let level = levels.removeLast()
        if level.isNew, let error = finish(level.descriptor, level.record) {
            summary.fail(error, at: place(level.record.name))
        }
        close(level.descriptor)
    }

    private mutating func makeFile(_ record: TreeRecord, _ name: [UInt8], in directory: CInt) -> CInt {
        if let error = clear(name, in: directory) { return error }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let descriptor = Self.withText(name) { tree_open(directory, $0, flags, 0o600) }
        guard descriptor >= 0 else { return tree_error() }
        defer { close(descriptor) }
        var rest = record.size
        while rest > 0 {
            guard let part = readSome(Int(min(rest, UInt64(Self.chunk)))) else { return summary.error }
            var written = 0
            while written < part.count {
                let count = part.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, part.count - written) }
                guard count > 0 || tree_error() == EINTR else { return tree_error() }
                written += max(count, 0)
            }
            rest -= UInt64(part.count)
            summary.bytes += UInt64(part.count)
        }
        return finish(descriptor, record) ?? 0
    }

    /// As much as there is, up to `count`.
    private mutating func readSome(_ count: Int) -> [UInt8]? {
        while true {
            var got = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                got = read(input, buffer.baseAddress, count)
                filled = max(got, 0)
            }
            if got > 0 { return bytes }
            if got == 0 || tree_error() != EINTR {
                summary.fail(got == 0 ? EPIPE : tree_error(), at: [])
                return nil
            }
        }
    }

    private mutating func makeLink(_ record: TreeRecord, _ name: [UInt8], in directory: CInt) -> CInt {
        guard let target = readAll(Int(record.size)) else { return summary.error }
        guard !target.isEmpty, !target.contains(0) else { return EPROTO }
        if let error = clear(name, in: directory) { return error }
        let made = Self.withText(target) { target in Self.withText(name) { symlinkat(target, directory, $0) } }
        return made == 0 ? 0 : tree_error()
    }

    /// Makes room for what takes a file's place, but not a device's or a pipe's, nor at the top that of a link to one.
    private func clear(_ name: [UInt8], in directory: CInt) -> CInt? {
        var status = stat()
        let flags = levels.isEmpty ? 0 : AT_SYMLINK_NOFOLLOW
        let isThere = Self.withText(name) { fstatat(directory, $0, &status, flags) } == 0
        if isThere, tree_is_file(&status) == 0, tree_is_directory(&status) == 0, tree_is_link(&status) == 0 {
            return EOPNOTSUPP
        }
        let removed = Self.withText(name) { unlinkat(directory, $0, 0) }
        return removed == 0 || tree_error() == ENOENT ? nil : tree_error()
    }

    private func finish(_ descriptor: CInt, _ record: TreeRecord) -> CInt? {
        guard fchmod(descriptor, record.mode & mask) == 0 else { return tree_error() }
        return tree_set_time(descriptor, record.seconds, record.nanoseconds) == 0 ? nil : tree_error()
    }
}
