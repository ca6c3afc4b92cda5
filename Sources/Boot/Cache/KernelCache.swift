import CLinux
import Glibc
import Linux

/// Keeps unpacked kernels in a directory, by the hash of their compressed form.
///
/// `<sha256>` is an ELF file followed by a trailer; `by-file/<identity>` is a symbolic link to it that spares hashing a
/// kernel file that was seen before. Entries appear by rename(2), so any number of processes can share the directory.
/// A directory that is missing, full or not writable only costs time.
public struct KernelCache: Sendable {
    /// Made when the first entry is stored; should be the user's alone, or it is not used.
    public let directory: String

    private let clock: @Sendable () -> Int

    /// - Parameter clock: gives the nanoseconds since 1970.
    public init(directory: String, clock: @escaping @Sendable () -> Int = Self.realTime) {
        self.directory = directory
        self.clock = clock
    }

    /// Nanoseconds on `CLOCK_REALTIME`.
    public static let realTime: @Sendable () -> Int = {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return nanoseconds(now)
    }

    /// The entry of a kernel file that was hashed before and is the same since.
    func entry(for identity: FileIdentity) -> ByteSource? {
        guard let memos = memoDirectory(creating: false),
            let target = memos.target(ofLink: identity.name), target.hasPrefix("../"),
            let hash = ContentHash(name: String(target.dropFirst(3)))
        else { return nil }
        return entry(for: hash)
    }

    /// The unpacked kernel whose compressed form has this hash, if it is there and complete.
    func entry(for hash: ContentHash) -> ByteSource? {
        guard let directory = CacheDirectory(directory, creating: false), let file = directory.open(hash.name) else {
            return nil
        }
        // The time of the last use, by which old entries are removed.
        futimens(file.rawValue, nil)
        let name = directory.path + "/" + hash.name
        let entry = try? ByteSource(file: file, name: name, tailCount: KernelCacheTrailer.count)
        return entry.flatMap { KernelCacheTrailer.ends($0) ? $0 : nil }
    }

    /// Keeps an unpacked kernel under the hash of its compressed form.
    func store(_ kernel: UnsafeRawBufferPointer, as hash: ContentHash) {
        guard let directory = CacheDirectory(directory, creating: true) else { return }
        let temporary = Self.temporaryName()
        guard let file = directory.createTemporary(temporary) else { return }
        let isComplete = write(kernel, to: file) && fdatasync(file.rawValue) == 0
        guard isComplete, directory.rename(temporary, to: hash.name) else { return directory.remove(temporary) }
        prune()
    }

    /// Notes which entry belongs to a kernel file.
    func remember(_ identity: FileIdentity, as hash: ContentHash) {
        guard identity.isSettled(at: clock()), let memos = memoDirectory(creating: true)
        else {
            return
        }
        let temporary = Self.temporaryName()
        guard memos.createLink(temporary, to: "../" + hash.name) else { return }
        guard memos.rename(temporary, to: identity.name) else { return memos.remove(temporary) }
        prune()
    }

    private func memoDirectory(creating: Bool) -> CacheDirectory? {
        guard let parent = CacheDirectory(directory, creating: creating) else { return nil }
        return parent.subdirectory("by-file", creating: creating)
    }

    private static let temporaryPrefix = "tmp-"

    private static func temporaryName() -> String {
        temporaryPrefix + String(getpid()) + "-" + String(UInt64.random(in: .min ... .max), radix: 16)
    }

    /// Leaves out pages of zeros, which then take neither room in the file nor time when the kernel is loaded.
    private func write(_ kernel: UnsafeRawBufferPointer, to file: borrowing OwnedDescriptor) -> Bool {
        let page = 4096
        let zeros = [UInt8](repeating: 0, count: page)
        var start = 0
        while start < kernel.count {
            var end = start
            while end < kernel.count {
                let next = UnsafeRawBufferPointer(rebasing: kernel[end...].prefix(page))
                if let base = next.baseAddress, memcmp(base, zeros, next.count) == 0 { break }
                end += next.count
            }
            let data = UnsafeRawBufferPointer(rebasing: kernel[start..<end])
            guard Self.write(data, to: file.rawValue, at: start) else { return false }
            start = end + page
        }
        let trailer = KernelCacheTrailer.bytes(unpackedCount: kernel.count)
        return trailer.withUnsafeBytes { Self.write($0, to: file.rawValue, at: kernel.count) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt, at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let start = offset + done
            guard let count = try? systemCall("pwrite", { pwrite(descriptor, rest.baseAddress, rest.count, start) }),
                count > 0
            else { return false }
            done += count
        }
        return true
    }

    private static let mostEntries = 8
    private static let mostMemos = 64
    /// Nanoseconds after which a temporary file's process has surely given up.
    private static let temporaryAge: Int = 3600 * 1_000_000_000

    /// Removes all but the entries used last, and what leads to or is left over from others.
    private func prune() {
        guard let entries = CacheDirectory(directory, creating: false) else { return }
        var kept: Set<String> = []
        for (name, modified) in entries.list() {
            if isAbandoned(name, modified) { entries.remove(name) }
            guard ContentHash(name: name) != nil else { continue }
            if kept.count < Self.mostEntries { kept.insert("../" + name) } else { entries.remove(name) }
        }
        guard let memos = memoDirectory(creating: false) else { return }
        var count = 0
        for (name, modified) in memos.list() {
            if isAbandoned(name, modified) { memos.remove(name) }
            if name.hasPrefix(Self.temporaryPrefix) { continue }
            let isUseful = memos.target(ofLink: name).map { kept.contains($0) } ?? false
            if isUseful, count < Self.mostMemos { count += 1 } else { memos.remove(name) }
        }
    }

    private func isAbandoned(_ name: String, _ modified: Int) -> Bool {
        name.hasPrefix(Self.temporaryPrefix) && modified < clock() &- Self.temporaryAge
    }
}
