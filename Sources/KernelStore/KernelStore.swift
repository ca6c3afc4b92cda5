import CLinux
import FoundationEssentials
import Glibc
import Linux

/// A user's kernels, each with its modules: a directory of directories, which have the kernels' versions as their names.
///
/// A kernel comes and goes as a whole. Whatever is half done lies under names that begin with a dot, and is removed by
/// whoever changes the store next.
public struct KernelStore: Sendable {
    /// A kernel in the store.
    public struct Kernel: Codable, Equatable, Sendable {
        /// Its version, as `uname -r` has it.
        public let name: String
        /// The kernel itself, a bzImage or an ELF file.
        public let path: String
        /// The directory of its modules, as `/lib/modules` has them; nil where it has none.
        public let modules: String?
    }

    public let directory: String

    /// - Parameter directory: need not be there before a kernel is added.
    public init(directory: String) {
        self.directory = directory
    }

    /// All kernels, the highest version first.
    ///
    /// - Throws: `SystemCallError`.
    public func kernels() throws -> [Kernel] {
        try names().map(kernel)
    }

    /// Adds a kernel, in place of one that has the same name.
    ///
    /// - Parameters:
    ///   - files: the Debian packages of one kernel, or a kernel that is a bzImage or an ELF file.
    ///   - modules: the directory of the kernel's modules, for a kernel that comes in no package.
    ///   - name: the kernel's version, for one that does not tell.
    /// - Returns: the kernel as it is in the store.
    /// - Throws: `KernelStoreError`, `KernelImageError`, `ArchiveError`, `SystemCallError`; the store is as it was then.
    public func add(_ files: [String], modules: String? = nil, name: String? = nil) throws -> Kernel {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return try locked {
            let staging = try Staging(in: directory)
            defer { staging.remove() }
            let release = try staging.fill(from: files, modules: modules)
            guard let version = name ?? release else { throw KernelStoreError.withoutVersion(files[0]) }
            guard Self.isName(version) else { throw KernelStoreError.notAName(version) }
            try staging.publish(as: version)
            return kernel(version)
        }
    }

    /// Removes kernels, or none when one of them is not there. Machines that run have what they need of theirs.
    ///
    /// - Throws: `KernelStoreError.notFound`, `SystemCallError`.
    public func remove(_ wanted: [String]) throws {
        let present = try names()
        for name in wanted where !present.contains(name) { throw KernelStoreError.notFound(name, present: present) }
        try locked {
            for name in Set(wanted) { try Staging(of: name, in: directory).remove() }
        }
    }

    private func kernel(_ name: String) -> Kernel {
        let modules = "\(directory)/\(name)/\(Staging.modules)"
        return Kernel(
            name: name, path: "\(directory)/\(name)/\(Staging.kernel)",
            modules: access(modules, F_OK) == 0 ? modules : nil)
    }

    /// In the order of strverscmp(3), the highest first.
    private func names() throws(SystemCallError) -> [String] {
        do throws(SystemCallError) {
            return try entriesOfDirectory(directory)
                .filter { $0.isDirectory && !$0.name.hasPrefix(".") }.map(\.name).sorted { strverscmp($0, $1) > 0 }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
    }

    /// Letters and digits, and what else kernels have in their versions: never a path, and never a hidden file.
    private static func isName(_ text: String) -> Bool {
        let others = Set(".-+_~".utf8)
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        return (1...200).contains(text.utf8.count) && text.utf8.first.map(isAlphanumeric) == true
            && text.utf8.allSatisfy { isAlphanumeric($0) || others.contains($0) }
    }

    /// Runs `body` while no other process changes the store, with nothing half done in it.
    private func locked<Result>(_ body: () throws -> Result) throws -> Result {
        let lock = try OwnedDescriptor.open("\(directory)/.lock", O_RDWR | O_CREAT)
        try systemCall("flock", on: directory) { flock(lock.rawValue, LOCK_EX) }
        for entry in try entriesOfDirectory(directory) where entry.isDirectory && entry.name.hasPrefix(".") {
            try FileManager.default.removeItem(atPath: "\(directory)/\(entry.name)")
        }
        let result = try body()
        _ = consume lock
        return result
    }
}
