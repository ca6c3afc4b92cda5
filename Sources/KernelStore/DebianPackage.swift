import Archives
import FoundationEssentials
import Glibc
import Linux

/// Packages as dpkg has them (deb(5)): an archive by ar, whose member `data.tar.*` has the files.
enum DebianPackage {
    /// What a file of a package is.
    private enum Part {
        case kernel(version: String)
        case module(version: String, path: [Substring])
    }

    private static let magic = Array("!<arch>\ndebian".utf8)

    static func isLikely(_ path: String) -> Bool {
        guard let file = try? OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK) else { return false }
        var start = [UInt8](repeating: 0, count: magic.count)
        return read(file.rawValue, &start, start.count) == start.count && start == magic
    }

    /// Takes the kernel, and its modules, out of packages.
    ///
    /// - Returns: the kernel's version.
    static func unpack(_ packages: [String], to staging: Staging) throws -> String {
        var versions: Set<String> = []
        var hasKernel = false
        for package in packages {
            try forEachFile(of: package) { path, contents in
                switch try part(path, of: package) {
                case .kernel(let version):
                    versions.insert(version)
                    hasKernel = true
                    try NewFile(staging.kernelPath).copy(from: contents)
                case .module(let version, let path):
                    versions.insert(version)
                    let directory = ([staging.modulesPath] + path.dropLast().map(String.init)).joined(separator: "/")
                    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                    try NewFile("\(directory)/\(path.last ?? "")").copy(from: contents)
                case nil: break
                }
                guard versions.count < 2 else { throw KernelStoreError.severalKernels(versions.sorted()) }
            }
        }
        guard hasKernel, let version = versions.first else { throw KernelStoreError.withoutKernel(packages) }
        return version
    }

    private static func forEachFile(of package: String, _ body: (String, ArchiveReader) throws -> Void) throws {
        let outer = try ArchiveReader(path: package)
        while let member = try outer.next() {
            guard member.path.hasPrefix("data.tar") else { continue }
            let inner = try ArchiveReader(in: outer, name: member.path)
            while let entry = try inner.next() {
                if entry.kind == .file { try body(entry.path, inner) }
            }
        }
    }

    private static func part(_ path: String, of package: String) throws -> Part? {
        var names = path.split(separator: "/")
        guard !names.contains("..") else { throw KernelStoreError.unsafePath(package: package, path: path) }
        names.removeAll { $0 == "." }
        if names.count == 2, names[0] == "boot", names[1].hasPrefix("vmlinuz-") {
            return .kernel(version: String(names[1].dropFirst("vmlinuz-".count)))
        }
        if names.first == "usr" { names.removeFirst() }
        guard names.count > 3, names[0] == "lib", names[1] == "modules" else { return nil }
        return .module(version: String(names[2]), path: Array(names[3...]))
    }
}
