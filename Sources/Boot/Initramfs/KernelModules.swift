import Linux

/// The modules of one kernel: an index of its directory, which is usually `/lib/modules/VERSION`.
///
/// Module names are the kernel's own: a hyphen in a name means the same as an underscore.
public struct KernelModules: Sendable {
    /// Directories deeper than any kernel's are not looked into.
    private static let deepest = 16
    /// Bytes of a module or an index file; the largest modules of distributions have some 20 MiB.
    private static let largestFile = 256 << 20

    /// The directory that the index was made from.
    public let directory: String
    /// From a module's name to its path in the directory.
    private let paths: [String: String]
    private let builtIn: Set<String>
    /// From a module's name to all that it needs, from `modules.dep`; empty where there is no such file.
    private let listedDependencies: [String: [String]]

    /// Looks through `directory` and reads its lists, but no module yet.
    public init(directory: String) throws(KernelModulesError) {
        self.directory = directory
        do {
            paths = try Self.modulePaths(below: directory)
        } catch {
            throw .unreadable(directory: directory, error)
        }
        builtIn = Set(try Self.lines(of: "modules.builtin", in: directory).compactMap(Self.moduleName(ofPath:)))
        var dependencies: [String: [String]] = [:]
        for line in try Self.lines(of: "modules.dep", in: directory) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard let first = parts.first, let name = Self.moduleName(ofPath: first) else { continue }
            let needed = parts.dropFirst().first?.split(separator: " ") ?? []
            dependencies[name] = needed.compactMap(Self.moduleName(ofPath:))
        }
        listedDependencies = dependencies
    }

    /// Whether the module is part of the kernel itself.
    public func isBuiltIn(_ name: String) -> Bool {
        builtIn.contains(Self.canonical(name))
    }

    /// Whether there is a file of the module.
    public func hasFile(of name: String) -> Bool {
        paths[Self.canonical(name)] != nil
    }

    /// Whether a file is a module, by its name.
    public static func isModule(_ path: String) -> Bool {
        moduleName(ofPath: path) != nil
    }

    /// The modules that must be inserted, one after the other, for all of `wanted` to be there: each once, after all
    /// that it needs, and none that is built in.
    ///
    /// What a module needs is taken from `modules.dep` where the directory has one that names it, else from the module.
    ///
    /// - Returns: canonical names, as `contents(of:)` takes them.
    public func loadOrder(of wanted: [String]) throws(KernelModulesError) -> [String] {
        var order: [String] = []
        var visited: Set<String> = []
        // Each step either visits a module, of which there is a finite number, or takes a step back. A circle of
        // dependencies, which no kernel can insert, ends at its first module again.
        var path: [(name: String, missing: ArraySlice<String>)] = [("", wanted.map(Self.canonical)[...])]
        while var step = path.popLast() {
            guard let next = step.missing.popFirst() else {
                if !step.name.isEmpty { order.append(step.name) }
                continue
            }
            path.append(step)
            if builtIn.contains(next) || !visited.insert(next).inserted { continue }
            path.append((next, try dependencies(of: next, neededBy: step.name)[...]))
        }
        return order
    }

    /// A module as the kernel takes it: unpacked where its file is compressed.
    public func contents(of name: String) throws(KernelModulesError) -> [UInt8] {
        guard let path = paths[Self.canonical(name)] else {
            throw .notFound(module: name, neededBy: "", directory: directory)
        }
        let file = "\(directory)/\(path)"
        let contents: [UInt8]
        do {
            contents = try contentsOfFile(file, limit: Self.largestFile)
        } catch {
            throw .unreadable(directory: directory, error)
        }
        do {
            return try contents.span.bytes.withUnsafeBytes { bytes throws(DecompressionError) in
                guard Compression.detect(bytes) != nil else { return contents }
                return try Compression.decompress(bytes, limit: Self.largestFile)
            }
        } catch {
            throw .notDecompressed(file: file, error)
        }
    }

    private func dependencies(of name: String, neededBy: String) throws(KernelModulesError) -> [String] {
        guard let path = paths[name] else {
            throw .notFound(module: name, neededBy: neededBy, directory: directory)
        }
        // depmod lists what is needed first last.
        if let listed = listedDependencies[name] { return listed.reversed() }
        guard let information = ModuleInformation(module: try contents(of: name)) else {
            throw .notAModule(file: "\(directory)/\(path)")
        }
        return information.values(of: "depends").flatMap { $0.split(separator: ",") }.map { Self.canonical(String($0)) }
    }

    private static func canonical(_ name: String) -> String {
        String(name.map { $0 == "-" ? "_" : $0 })
    }

    /// `kernel/drivers/net/virtio_net.ko.xz` is the module `virtio_net`.
    ///
    /// - Returns: nil for a path that is not a module's.
    private static func moduleName(ofPath path: some StringProtocol) -> String? {
        guard let file = path.split(separator: "/").last else { return nil }
        for suffix in [".ko", ".ko.xz", ".ko.zst", ".ko.gz"] where file.hasSuffix(suffix) {
            return canonical(String(file.dropLast(suffix.count)))
        }
        return nil
    }

    private static func modulePaths(below directory: String) throws(SystemCallError) -> [String: String] {
        var paths: [String: String] = [:]
        var pending = [(path: "", depth: 0)]
        while let (folder, depth) = pending.popLast() {
            for entry in try entriesOfDirectory(folder.isEmpty ? directory : "\(directory)/\(folder)") {
                let path = folder.isEmpty ? entry.name : "\(folder)/\(entry.name)"
                if entry.isDirectory {
                    if depth < deepest { pending.append((path, depth + 1)) }
                } else if let name = moduleName(ofPath: entry.name) {
                    paths[name] = path
                }
            }
        }
        return paths
    }

    /// - Returns: nothing when there is no such file.
    private static func lines(of list: String, in directory: String) throws(KernelModulesError) -> [Substring] {
        do {
            let contents = try contentsOfFile("\(directory)/\(list)", limit: largestFile)
            return String(decoding: contents, as: UTF8.self).split(separator: "\n")
        } catch {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw .unreadable(directory: directory, error)
        }
    }
}
