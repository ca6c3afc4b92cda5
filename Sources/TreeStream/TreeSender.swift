#if hasFeature(Embedded)
    import System
#else
    import CTreeStream
#endif

/// Sends a file, or a directory with all that is in it, down a stream.
public struct TreeSender: ~Copyable {
    private struct Level {
        /// Which the descriptor belongs to.
        let stream: OpaquePointer
        let descriptor: CInt
        let name: [UInt8]
    }

    private static let chunk = 64 << 10
    /// Bytes of a file that says less of itself.
    private static let longestSmall = 16 << 20

    private let output: CInt
    private var levels: [Level] = []
    private var summary = TreeSummary()
    /// Nobody takes any more of it.
    private var isBroken = false

    /// - Parameter output: stays open.
    public init(to output: CInt) {
        self.output = output
    }

    deinit { for level in levels { closedir(level.stream) } }

    /// Sends everything, and waits for its reader. What cannot be read is left out, as is what is neither a file nor a
    /// directory nor a link.
    ///
    /// - Parameter path: a link as the last part of it is followed.
    public consuming func send(_ path: UnsafePointer<CChar>) -> TreeSummary {
        sendMember(AT_FDCWD, path, TreeTop.name(of: Self.bytes(path)), followsLinks: true)
        while !isBroken, let level = levels.last {
            if let next = tree_next(level.stream) {
                sendMember(level.descriptor, next, Self.bytes(next), followsLinks: false)
            } else {
                if tree_error() != 0 { summary.fail(tree_error(), at: place([])) }
                closedir(level.stream)
                levels.removeLast()
                put(TreeRecord(.up).bytes)
            }
        }
        put(TreeRecord(.end).bytes)
        return summary
    }

    private static func bytes(_ name: UnsafePointer<CChar>) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: name, count: strlen(name)))
    }

    /// The path of a member within the tree.
    private func place(_ name: [UInt8]) -> [UInt8] {
        var parts: [UInt8] = []
        for level in levels { parts += level.name + [UInt8(ascii: "/")] }
        return parts + name
    }

    private mutating func sendMember(
        _ directory: CInt, _ file: UnsafePointer<CChar>, _ name: [UInt8], followsLinks: Bool
    ) {
        var status = stat()
        guard fstatat(directory, file, &status, followsLinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else {
            return summary.fail(tree_error(), at: place(name))
        }
        if tree_is_file(&status) != 0 {
            sendFile(directory, file, name, followsLinks)
        } else if tree_is_directory(&status) != 0 {
            enter(directory, file, name, followsLinks)
        } else if tree_is_link(&status) != 0 {
            sendLink(directory, file, name, status)
        } else {
            summary.fail(EOPNOTSUPP, at: place(name))
        }
    }

    private mutating func sendFile(
        _ directory: CInt, _ file: UnsafePointer<CChar>, _ name: [UInt8], _ followsLinks: Bool
    ) {
        // What was a file a moment ago may be a pipe now, which is not to be waited for.
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = tree_open(directory, file, flags, 0)
        guard descriptor >= 0 else { return summary.fail(tree_error(), at: place(name)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, tree_is_file(&status) != 0 else {
            return summary.fail(EOPNOTSUPP, at: place(name))
        }
        let record = TreeRecord(.file, name: name, status)
        if record.size <= UInt64(Self.chunk) { return sendSmall(descriptor, record) }
        put(record.bytes)
        var rest = record.size
        var chunk = [UInt8](repeating: 0, count: Self.chunk)
        var isWhole = true
        while rest > 0, !isBroken {
            let wanted = Int(min(rest, UInt64(chunk.count)))
            var count = isWhole ? read(descriptor, &chunk, wanted) : 0
            if count <= 0 {
                // The reader waits for as many bytes as it was told.
                if isWhole { summary.fail(count < 0 ? tree_error() : EIO, at: place(name)) }
                isWhole = false
                for index in 0..<wanted { chunk[index] = 0 }
                count = wanted
            }
            put(chunk[..<count])
            rest -= UInt64(count)
        }
        summary.members += 1
        summary.bytes += record.size
    }

    /// Sends what a file has, whatever it says of its size: those of procfs say 0, and those of sysfs a page.
    private mutating func sendSmall(_ descriptor: CInt, _ told: TreeRecord) {
        var (record, contents) = (told, [UInt8]())
        var chunk = [UInt8](repeating: 0, count: Self.chunk)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else {
                if count < 0 { summary.fail(tree_error(), at: place(record.name)) }
                break
            }
            contents += chunk[..<count]
            guard contents.count <= Self.longestSmall else { return summary.fail(EFBIG, at: place(record.name)) }
        }
        record.size = UInt64(contents.count)
        put(record.bytes)
        put(contents)
        summary.members += 1
        summary.bytes += record.size
    }

    private mutating func enter(
        _ directory: CInt, _ file: UnsafePointer<CChar>, _ name: [UInt8], _ followsLinks: Bool
    ) {
        let flags = O_RDONLY | O_DIRECTORY | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = tree_open(directory, file, flags, 0)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, let stream = fdopendir(descriptor) else {
            summary.fail(tree_error(), at: place(name))
            if descriptor >= 0 { close(descriptor) }
            return
        }
        levels.append(Level(stream: stream, descriptor: descriptor, name: name))
        put(TreeRecord(.directory, name: name, status).bytes)
        summary.members += 1
    }

    private mutating func sendLink(
        _ directory: CInt, _ file: UnsafePointer<CChar>, _ name: [UInt8], _ status: stat
    ) {
        var target = [CChar](repeating: 0, count: TreeRecord.longestTarget + 1)
        let count = readlinkat(directory, file, &target, target.count)
        guard count > 0, count <= TreeRecord.longestTarget else {
            return summary.fail(count < 0 ? tree_error() : ENAMETOOLONG, at: place(name))
        }
        var record = TreeRecord(.link, name: name, status)
        record.size = UInt64(count)
        put(record.bytes)
        put(target[..<count].map { UInt8(bitPattern: $0) })
        summary.members += 1
    }

    private mutating func put(_ bytes: some Collection<UInt8>) {
        var rest = [UInt8](bytes)[...]
        while !rest.isEmpty, !isBroken {
            let count = rest.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if tree_error() != EINTR {
                isBroken = true
                summary.fail(tree_error(), at: [])
            }
        }
    }
}
