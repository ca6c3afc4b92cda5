import Glibc
import Linux
import SystemPackage

/// A control group that was made for this process, which is in it with all of its threads.
struct Membership {
    private let files: any ControlFiles
    private let hierarchy: Hierarchy
    private let parent: String
    private let group: String
    /// The controllers that `parent` has been made to give.
    private var given: [String] = []

    private static let prefix = "swiftlet-"
    /// How often to look again for what is about to go.
    private static let patience = 20

    /// Makes a group with these settings, at least one, within this process's own or else beside it, and moves the process
    /// there.
    ///
    /// - Parameter process: this process's number, which gives the group its name.
    init(
        _ settings: [Setting], in hierarchy: Hierarchy, _ files: any ControlFiles, process: pid_t
    ) throws(ControlGroupError) {
        do {
            try self.init(settings, in: hierarchy, below: hierarchy.group, files, process)
        } catch {
            // In version 2 a group either has processes or gives controllers, so one with other processes is no parent.
            guard hierarchy.version == .v2, let parent = hierarchy.parent,
                let sibling = try? Membership(settings, in: hierarchy, below: parent, files, process)
            else { throw error }
            self = sibling
        }
    }

    private init(
        _ settings: [Setting], in hierarchy: Hierarchy, below parent: String, _ files: any ControlFiles,
        _ process: pid_t
    ) throws(ControlGroupError) {
        self.files = files
        self.hierarchy = hierarchy
        self.parent = parent
        group = "\(parent)/\(Self.prefix)\(process)"
        removeLeftovers()
        guard let first = settings.first else { return }
        try make(for: first)
        do {
            try enter(for: first)
            if hierarchy.version == .v2 { try giveControllers(for: settings) }
            for setting in settings { try apply(setting) }
        } catch {
            leave()
            throw error
        }
    }

    /// Moves this process back to where it was, and removes the group, where no other process is in it.
    func leave() {
        let home = "\(hierarchy.group)/cgroup.procs"
        if !move(to: home), parent == hierarchy.group, !given.isEmpty {
            // Nothing else can be there while the group gives controllers.
            try? files.write(given.map { "-\($0)" }.joined(separator: " "), to: "\(parent)/cgroup.subtree_control")
            _ = move(to: home)
        }
        for _ in 0..<Self.patience {
            do {
                return try files.removeDirectory(group)
            } catch {
                // A process that was killed a moment ago may still count.
                guard error.errno == .resourceBusy else { return }
                files.pause()
            }
        }
    }

    private func move(to path: String) -> Bool {
        do {
            // The process that writes.
            try files.write("0", to: path)
            return true
        } catch {
            return false
        }
    }

    /// Removes the groups of processes that were killed.
    private func removeLeftovers() {
        for name in files.directories(in: parent) where name.hasPrefix(Self.prefix) {
            guard let process = pid_t(name.dropFirst(Self.prefix.count)), process > 0, !files.isRunning(process) else {
                continue
            }
            // One that another process is still in stays.
            try? files.removeDirectory("\(parent)/\(name)")
        }
    }

    private func make(for setting: Setting) throws(ControlGroupError) {
        try call(for: setting) { () throws(SystemCallError) in
            do throws(SystemCallError) {
                try files.makeDirectory(group)
            } catch  where error.errno == .fileExists {
                // Of a process that had this number before.
                try files.removeDirectory(group)
                try files.makeDirectory(group)
            }
        }
    }

    private func enter(for setting: Setting) throws(ControlGroupError) {
        try call(for: setting) { () throws(SystemCallError) in try files.write("0", to: "\(group)/cgroup.procs") }
    }

    /// Has the parent give the controllers. Only now that this process is not in it any more may it be able to.
    private mutating func giveControllers(for settings: [Setting]) throws(ControlGroupError) {
        guard let first = settings.first else { return }
        let present = try names(in: "cgroup.subtree_control", for: first)
        let available = try names(in: "cgroup.controllers", for: first)
        var missing: [String] = []
        for setting in settings {
            let name = setting.controller.name(in: .v2)
            if present.contains(name) || missing.contains(name) { continue }
            guard available.contains(name) else {
                throw ControlGroupError(setting, .notDelegated(name, group: parent))
            }
            missing.append(name)
        }
        guard !missing.isEmpty else { return }
        do {
            try files.write(missing.map { "+\($0)" }.joined(separator: " "), to: "\(parent)/cgroup.subtree_control")
        } catch  where error.errno == .resourceBusy {
            throw ControlGroupError(first, .occupied(group: parent))
        } catch {
            throw ControlGroupError(first, .system(error, version: .v2))
        }
        given = missing
    }

    private func names(in file: String, for setting: Setting) throws(ControlGroupError) -> [String] {
        let text = try call(for: setting) { () throws(SystemCallError) in try files.contents(of: "\(parent)/\(file)") }
        return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
    }

    private func apply(_ setting: Setting) throws(ControlGroupError) {
        var isApplied = false
        for file in setting.files {
            do {
                try files.write(file.text, to: "\(group)/\(file.name)")
                isApplied = true
            } catch  where error.errno == .noSuchFileOrDirectory {
                continue
            } catch {
                throw ControlGroupError(setting, .system(error, version: hierarchy.version))
            }
        }
        guard isApplied else { throw ControlGroupError(setting, .noSetting(setting.files.map(\.name))) }
    }

    private func call<Result>(
        for setting: Setting, _ body: () throws(SystemCallError) -> Result
    ) throws(ControlGroupError) -> Result {
        do {
            return try body()
        } catch {
            throw ControlGroupError(setting, .system(error, version: hierarchy.version))
        }
    }
}
