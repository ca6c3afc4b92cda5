import Boot
import Foundation
import Glibc
import Linux

/// A kernel unpacked from a Debian package: `vmlinuz`, `vmlinux`, `config`, `version`, and its modules in `modules`.
struct KernelDirectory {
    let path: String
    /// As `uname -r` has it.
    let version: String
    /// Which package this is, to the last detail.
    let origin: String

    var vmlinux: String { "\(path)/vmlinux" }
    var modules: String { "\(path)/modules" }

    func isAtLeast(major: Int, minor: Int) -> Bool {
        let numbers = version.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return !numbers.lexicographicallyPrecedes([major, minor])
    }

    /// The kernel that was unpacked in `path` earlier.
    init(unpackedIn path: String) throws {
        self.path = path
        version = try String(contentsOfFile: "\(path)/version", encoding: .utf8).trimmed
        origin = try String(contentsOfFile: "\(path)/origin", encoding: .utf8).trimmed
    }

    /// The kernel in `directory`, unpacked there from `source` unless it is there already.
    init(_ source: DebianPackage.Source, in directory: String, cache: Cache) throws {
        let origin = try source.key
        if let present = try? KernelDirectory(unpackedIn: directory), present.origin == origin {
            self = present
            return
        }
        let contents = (try? entriesOfDirectory(directory)) ?? []
        guard contents.isEmpty || contents.contains(where: { $0.name == "origin" }) else {
            throw LabFailure("\(directory) holds other things than a kernel; name a new directory")
        }
        try cache.locked {
            if let present = try? KernelDirectory(unpackedIn: directory), present.origin == origin { return }
            let package = try DebianPackage(source, cache: cache)
            let scratch = try ScratchDirectory(in: cache)
            try Self.unpack(package, scratch: scratch.path, origin: origin)
            try Self.replace(directory, with: "\(scratch.path)/kernel", aside: "\(scratch.path)/old")
        }
        try self.init(unpackedIn: directory)
    }

    private static func unpack(_ package: DebianPackage, scratch: String, origin: String) throws {
        let files = FileManager.default
        let tree = "\(scratch)/tree"
        try ChildProcess.output(of: ["dpkg-deb", "-x", package.file, tree], package: "dpkg")
        guard let image = try? entriesOfDirectory("\(tree)/boot").first(where: { $0.name.hasPrefix("vmlinuz-") }) else {
            throw LabFailure("\(package.file) has no /boot/vmlinuz-*; give a package linux-image-*")
        }
        let version = String(image.name.dropFirst("vmlinuz-".count))
        let kernel = "\(scratch)/kernel"
        try files.createDirectory(atPath: kernel, withIntermediateDirectories: true)
        try files.moveItem(atPath: "\(tree)/boot/\(image.name)", toPath: "\(kernel)/vmlinuz")
        try files.moveItem(atPath: "\(tree)/boot/config-\(version)", toPath: "\(kernel)/config")
        let modules = ["\(tree)/lib/modules/\(version)", "\(tree)/usr/lib/modules/\(version)"]
        guard let found = modules.first(where: { files.fileExists(atPath: $0) }) else {
            throw LabFailure("\(package.file) has no modules for its kernel \(version)")
        }
        try files.moveItem(atPath: found, toPath: "\(kernel)/modules")
        try Data(try unpackedKernel("\(kernel)/vmlinuz")).write(to: URL(fileURLWithPath: "\(kernel)/vmlinux"))
        try "\(version)\n".write(toFile: "\(kernel)/version", atomically: false, encoding: .utf8)
        try "\(origin)\n".write(toFile: "\(kernel)/origin", atomically: false, encoding: .utf8)
    }

    /// The ELF file in a bzImage.
    private static func unpackedKernel(_ path: String) throws -> [UInt8] {
        let image = try KernelImage(path: path)
        guard case .elf = image.content else { throw LabFailure("\(path): its kernel cannot be unpacked") }
        return try image.source.prefix(Int(clamping: image.source.count))
    }

    private static func replace(_ directory: String, with new: String, aside: String) throws {
        try FileManager.default.createDirectory(
            atPath: (directory as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        if FileManager.default.fileExists(atPath: directory) {
            try FileManager.default.moveItem(atPath: directory, toPath: aside)
        }
        try FileManager.default.moveItem(atPath: new, toPath: directory)
    }
}
