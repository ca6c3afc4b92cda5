/// One tree of control groups, and where in it this process is.
struct Hierarchy: Equatable {
    enum Version: Equatable {
        /// A tree for some controllers; several trees can be there.
        case v1
        /// The one tree for all controllers that no tree of version 1 has.
        case v2
    }

    let version: Version
    /// The directory where it is mounted.
    let mountPoint: String
    /// The directory of this process's control group, the mount point or below it.
    let group: String

    /// The directory that `group` is in; nil where that is not to be seen.
    var parent: String? {
        guard group != mountPoint, let end = group.lastIndex(of: "/"), end > group.startIndex else { return nil }
        return String(group[..<end])
    }
}

/// What the kernel tells a process of its control groups (cgroups(7)).
struct HierarchyTable {
    /// Lines of `/proc/PID/cgroup`.
    private var memberships: [Membership] = []
    /// Lines of `/proc/PID/mountinfo` that are about control groups.
    private var mounts: [Mount] = []

    private struct Membership {
        /// Empty for version 2.
        let controllers: [Substring]
        let path: Substring
    }

    private struct Mount {
        let version: Hierarchy.Version
        /// The group that is at the mount point.
        let root: String
        let point: String
        let options: [Substring]
    }

    /// - Parameters:
    ///   - membership: what `/proc/self/cgroup` has.
    ///   - mounts: what `/proc/self/mountinfo` has.
    init(membership: [UInt8], mounts: [UInt8]) {
        for line in Self.lines(membership) {
            // A path may have colons of its own.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2].first == "/" else { continue }
            memberships.append(Membership(controllers: parts[1].split(separator: ","), path: parts[2]))
        }
        for line in Self.lines(mounts) {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            // Optional words end in a dash (proc_pid_mountinfo(5)).
            guard words.count > 9, let dash = words[6...].firstIndex(of: "-"), words.count > dash + 3 else { continue }
            let version: Hierarchy.Version
            switch words[dash + 1] {
            case "cgroup": version = .v1
            case "cgroup2": version = .v2
            default: continue
            }
            self.mounts.append(
                Mount(
                    version: version, root: Self.unescaped(words[3]), point: Self.unescaped(words[4]),
                    options: words[dash + 3].split(separator: ",")))
        }
    }

    enum Place: Equatable {
        case found(Hierarchy)
        /// There is a hierarchy for it, in which this process's group is not to be seen.
        case hidden
        /// No hierarchy is known to have it.
        case missing
    }

    /// Where the controller is: in the hierarchy of version 1 that names it, else in that of version 2, which may lack it.
    func place(of controller: Controller) -> Place {
        let name = controller.name(in: .v1)
        if let membership = memberships.first(where: { $0.controllers.contains { $0 == name } }) {
            return place(of: membership, .v1) { $0.options.contains { $0 == name } }
        }
        guard let membership = memberships.first(where: { $0.controllers.isEmpty }) else { return .missing }
        return place(of: membership, .v2) { _ in true }
    }

    private func place(of membership: Membership, _ version: Hierarchy.Version, _ isRight: (Mount) -> Bool) -> Place {
        for mount in mounts where mount.version == version && isRight(mount) {
            guard let group = Self.directory(of: membership.path, in: mount) else { continue }
            return .found(Hierarchy(version: version, mountPoint: mount.point, group: group))
        }
        return .hidden
    }

    private static func directory(of path: Substring, in mount: Mount) -> String? {
        // What is above the root of a namespace is told as `/..` (cgroup_namespaces(7)).
        guard !path.split(separator: "/").contains("..") else { return nil }
        if path == mount.root { return mount.point }
        let root = mount.root == "/" ? "/" : mount.root + "/"
        return path.hasPrefix(root) ? "\(mount.point)/\(path.dropFirst(root.count))" : nil
    }

    private static func lines(_ text: [UInt8]) -> [Substring] {
        String(decoding: text, as: UTF8.self).split(separator: "\n")
    }

    /// With `\040` and its like as the characters that they stand for.
    private static func unescaped(_ word: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = word.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
