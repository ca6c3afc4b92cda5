import Glibc
import Linux
import SystemPackage

@testable import ControlGroups

/// Control groups as cgroup-v2.rst and cgroups(7) have them, as far as joining one needs them.
final class KernelModel: ControlFiles {
    struct Group {
        var processes: Set<pid_t> = []
        /// Controllers that it gives.
        var given: Set<String> = []
        var isWritable = true
        /// What was written to its settings.
        var values: [String: String] = [:]
    }

    let process: pid_t = 70
    var running: Set<pid_t> = [70]
    /// By their directories.
    var groups: [String: Group] = [:]
    /// Settings that groups have, by controllers.
    var settings = [
        "cpu": ["cpu.weight", "cpu.max", "cpu.shares", "cpu.cfs_quota_us"], "io": ["io.bfq.weight"],
        "blkio": ["blkio.bfq.weight"],
    ]
    /// How often a group stays busy after its last process.
    var delay = 0
    private let version: Hierarchy.Version
    private let root: String
    private let rootControllers: Set<String>
    private let membership: String
    private let mounts: String

    /// - Parameters:
    ///   - root: the directory of the hierarchy's root, which is the mount point.
    ///   - controllers: those of the hierarchy.
    ///   - home: the path of this process's group in it.
    init(_ version: Hierarchy.Version, root: String, controllers: Set<String>, home: String) {
        (self.version, self.root, rootControllers) = (version, root, controllers)
        let names = controllers.sorted().joined(separator: ",")
        membership = version == .v2 ? "0::\(home)\n" : "3:\(names):\(home)\n"
        let type = version == .v2 ? "cgroup2 cgroup2 rw" : "cgroup cgroup rw,\(names)"
        mounts = "30 23 0:26 / \(root) rw,relatime shared:4 - \(type)\n"
        groups[root] = Group()
        var path = root
        for name in home.split(separator: "/") {
            path += "/\(name)"
            groups[path] = Group()
        }
        groups[path]?.processes = [process]
    }

    /// The group that this process is in.
    var home: String? { groups.first { $0.value.processes.contains(process) }?.key }

    private func error(_ path: String, _ errno: Errno) -> SystemCallError {
        SystemCallError("call", on: path, errno: errno)
    }

    private func split(_ path: String) -> (directory: String, name: String) {
        let parts = path.split(separator: "/")
        return ("/" + parts.dropLast().joined(separator: "/"), String(parts.last ?? ""))
    }

    private func controllers(of group: String) -> Set<String> {
        group == root ? rootControllers : groups[split(group).directory]?.given ?? []
    }

    func contents(of path: String) throws(SystemCallError) -> [UInt8] {
        switch path {
        case "/proc/self/cgroup": return Array(membership.utf8)
        case "/proc/self/mountinfo": return Array(mounts.utf8)
        default: break
        }
        let (directory, name) = split(path)
        guard version == .v2, let group = groups[directory] else { throw error(path, .noSuchFileOrDirectory) }
        switch name {
        case "cgroup.controllers": return Array(controllers(of: directory).sorted().joined(separator: " ").utf8)
        case "cgroup.subtree_control": return Array(group.given.sorted().joined(separator: " ").utf8)
        default: throw error(path, .noSuchFileOrDirectory)
        }
    }

    func write(_ text: String, to path: String) throws(SystemCallError) {
        let (directory, name) = split(path)
        guard let group = groups[directory] else { throw error(path, .noSuchFileOrDirectory) }
        switch name {
        case "cgroup.procs": try move(to: directory, group)
        case "cgroup.subtree_control": try give(text, in: directory, group)
        default:
            let own = version == .v1 ? rootControllers : controllers(of: directory)
            guard own.contains(where: { settings[$0]?.contains(name) == true }) else {
                throw error(path, .noSuchFileOrDirectory)
            }
            groups[directory]?.values[name] = text
        }
    }

    private func move(to directory: String, _ group: Group) throws(SystemCallError) {
        guard let home else { throw error(directory, .noSuchProcess) }
        var ancestor = home
        while directory != ancestor, !directory.hasPrefix(ancestor + "/") { ancestor = split(ancestor).directory }
        guard group.isWritable, version == .v1 || groups[ancestor]?.isWritable == true else {
            throw error(directory, .permissionDenied)
        }
        guard group.given.isEmpty || directory == root else { throw error(directory, .resourceBusy) }
        groups[home]?.processes.remove(process)
        groups[directory]?.processes.insert(process)
    }

    private func give(_ text: String, in directory: String, _ group: Group) throws(SystemCallError) {
        guard version == .v2, group.isWritable else { throw error(directory, .permissionDenied) }
        for word in text.split(separator: " ") {
            let name = String(word.dropFirst())
            if word.first == "+" {
                guard controllers(of: directory).contains(name) else { throw error(directory, .noSuchFileOrDirectory) }
                guard directory == root || group.processes.isEmpty else { throw error(directory, .resourceBusy) }
                groups[directory]?.given.insert(name)
            } else {
                groups[directory]?.given.remove(name)
            }
        }
    }

    func makeDirectory(_ path: String) throws(SystemCallError) {
        guard let parent = groups[split(path).directory] else { throw error(path, .noSuchFileOrDirectory) }
        guard parent.isWritable else { throw error(path, .permissionDenied) }
        guard groups[path] == nil else { throw error(path, .fileExists) }
        groups[path] = Group()
    }

    func removeDirectory(_ path: String) throws(SystemCallError) {
        guard let group = groups[path] else { throw error(path, .noSuchFileOrDirectory) }
        guard groups[split(path).directory]?.isWritable == true else { throw error(path, .permissionDenied) }
        guard group.processes.isEmpty, !groups.keys.contains(where: { $0.hasPrefix(path + "/") }) else {
            throw error(path, .resourceBusy)
        }
        if delay > 0 {
            delay -= 1
            throw error(path, .resourceBusy)
        }
        groups[path] = nil
    }

    func directories(in path: String) -> [String] {
        groups.keys.filter { $0 != path && split($0).directory == path }.map { split($0).name }
    }

    func isRunning(_ process: pid_t) -> Bool { running.contains(process) }

    func pause() {}
}
