import Foundation
import Glibc
import Linux

/// A Debian package's file with a kernel in it.
struct DebianPackage {
    /// Where a package comes from.
    enum Source {
        case file(String)
        /// A package's name in the archive that this machine's apt uses; downloaded once.
        case name(String)

        /// The same for the same package.
        var key: String {
            get throws {
                switch self {
                case .file(let path): try fileKey(try realPath(path))
                case .name(let name): name
                }
            }
        }
    }

    let file: String

    /// Gets the package, and in the place of a meta-package the one that it depends on.
    init(_ source: Source, cache: Cache) throws {
        var source = source
        for _ in 0..<4 {
            let file = try Self.file(of: source, cache: cache)
            let fields = try ChildProcess.output(of: ["dpkg-deb", "-f", file, "Package", "Depends"], package: "dpkg")
            let package = Self.field("Package", of: fields)
            guard let kernel = Self.kernelDependency(Self.field("Depends", of: fields)), kernel != package else {
                self.file = file
                return
            }
            source = .name(kernel)
        }
        throw LabFailure("the package \(try source.key) leads to no kernel; name one such as linux-image-cloud-amd64")
    }

    private static func field(_ name: String, of fields: String) -> String {
        let line = fields.split(separator: "\n").first { $0.hasPrefix("\(name): ") }
        return line.map { String($0.dropFirst(name.count + 2)) } ?? ""
    }

    /// What a meta-package, such as `linux-image-cloud-amd64`, leads to; a kernel's own package needs no other kernel.
    private static func kernelDependency(_ depends: String) -> String? {
        let names = depends.split(separator: ",").map { $0.drop { $0 == " " }.prefix { $0 != " " } }
        return names.first { $0.hasPrefix("linux-image-") }.map(String.init)
    }

    private static func file(of source: Source, cache: Cache) throws -> String {
        switch source {
        case .file(let path):
            guard access(path, R_OK) == 0 else {
                throw LabFailure("the package \(path) cannot be read: \(currentErrno)")
            }
            return try realPath(path)
        case .name(let name):
            return try download(name, cache: cache)
        }
    }

    private static func download(_ name: String, cache: Cache) throws -> String {
        let packages = "\(cache.directory)/packages"
        try FileManager.default.createDirectory(atPath: packages, withIntermediateDirectories: true)
        let cached = try entriesOfDirectory(packages).last { $0.name.hasPrefix("\(name)_") }
        if let cached { return "\(packages)/\(cached.name)" }

        let scratch = try ScratchDirectory(in: cache)
        do {
            // Root's apt would download as a user who may not write here, and says so in a warning each time.
            try ChildProcess.output(
                of: [
                    "env", "-C", scratch.path, "apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name,
                ], package: "apt")
        } catch {
            throw LabFailure(
                "\(error); 'apt-get update' may help, or give a kernel package's file with 'lab kernel --deb'")
        }
        guard let file = try entriesOfDirectory(scratch.path).first(where: { $0.name.hasSuffix(".deb") })?.name else {
            throw LabFailure("'apt-get download \(name)' left no file")
        }
        let path = "\(packages)/\(file)"
        try systemCall("rename", on: path) { rename("\(scratch.path)/\(file)", path) }
        return path
    }
}
