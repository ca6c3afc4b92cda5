import Boot
import CLinux
import FoundationEssentials
import Glibc
import Linux

/// A kernel on its way into a store, or out of it.
struct Staging {
    static let kernel = "kernel"
    static let modules = "modules"

    private let store: String
    private let path: String
    var kernelPath: String { "\(path)/\(Self.kernel)" }
    var modulesPath: String { "\(path)/\(Self.modules)" }

    init(in store: String) throws(SystemCallError) {
        self.store = store
        let path = "\(store)/.new"
        self.path = path
        try systemCall("mkdir", on: path) { mkdir(path, 0o755) }
    }

    /// Takes a kernel out of the store.
    init(of name: String, in store: String) throws(SystemCallError) {
        self.store = store
        let path = "\(store)/.old"
        self.path = path
        try systemCall("rename", on: "\(store)/\(name)") { rename("\(store)/\(name)", path) }
    }

    /// Removes what is here; what cannot be removed now, the next change of the store removes.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// - Returns: the kernel's version, where it tells.
    func fill(from files: [String], modules: String?) throws -> String? {
        if files.contains(where: DebianPackage.isLikely) {
            guard files.allSatisfy(DebianPackage.isLikely) else { throw KernelStoreError.tooManyFiles }
            guard modules == nil else { throw KernelStoreError.modulesBesidePackage }
            let release = try DebianPackage.unpack(files, to: self)
            do throws(KernelImageError) {
                _ = try KernelImage(path: kernelPath)
            } catch {
                throw KernelImageError(name: files.joined(separator: ", "), reason: error.reason)
            }
            return release
        }
        guard files.count == 1 else { throw KernelStoreError.tooManyFiles }
        // Before anything is copied.
        let release = try KernelImage(path: files[0]).release
        try NewFile(kernelPath).copy(from: files[0])
        if let modules, try copyTree(modules, to: modulesPath) == 0 { throw KernelStoreError.withoutModules(modules) }
        return release
    }

    /// Copies regular files, in directories. All else in a directory of modules are links to where they were built.
    ///
    /// - Returns: how many modules there were.
    private func copyTree(_ source: String, to destination: String) throws -> Int {
        try systemCall("mkdir", on: destination) { mkdir(destination, 0o755) }
        var count = 0
        for entry in try entriesOfDirectory(source) {
            let (from, to) = ("\(source)/\(entry.name)", "\(destination)/\(entry.name)")
            if entry.isDirectory {
                count += try copyTree(from, to: to)
            } else if entry.isRegular {
                try NewFile(to).copy(from: from)
                if KernelModules.isModule(entry.name) { count += 1 }
            }
        }
        return count
    }

    /// Gives the kernel its place; one that was there comes to lie here.
    func publish(as name: String) throws(SystemCallError) {
        let place = "\(store)/\(name)"
        do throws(SystemCallError) {
            try systemCall("renameat2", on: place) {
                renameat2(AT_FDCWD, path, AT_FDCWD, place, UInt32(RENAME_EXCHANGE))
            }
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            try systemCall("rename", on: place) { rename(path, place) }
        }
    }
}
