import Linux
import SystemPackage

/// Why a limit cannot be had by a control group.
public struct ControlGroupError: Error, Equatable, CustomStringConvertible {
    /// A JSON pointer to the limit in the configuration, such as `/limits/cpuQuota`.
    public let field: String
    /// What the limit is.
    public let value: String
    let reason: Reason

    enum Reason: Equatable {
        /// No hierarchy has it.
        case noController(String)
        case hiddenGroup(String)
        /// A group has it not to give, though others may.
        case notDelegated(String, group: String)
        /// A group that has processes of its own has no controllers to give.
        case occupied(group: String)
        case noSetting([String])
        case system(SystemCallError, version: Hierarchy.Version?)
    }

    init(_ setting: Setting, _ reason: Reason) {
        field = setting.field
        value = setting.value
        self.reason = reason
    }

    public var description: String { "\(field) \(value): \(problem); \(remedy)" }

    public var problem: String {
        switch reason {
        case .noController(let name): "no control groups of this host have the controller '\(name)'"
        case .hiddenGroup(let name): "this process's control group for '\(name)' is not below any mount point"
        case .notDelegated(let name, let group): "the control group \(group) has no controller '\(name)' to give"
        case .occupied(let group): "there are other processes in the control group \(group), which cannot be divided"
        case .noSetting(let names): "the host's kernel does not have \(names.joined(separator: " or "))"
        case .system(let error, _): "no control group can be had for it: \(error)"
        }
    }

    public var remedy: String {
        switch reason {
        case .noController, .noSetting: "run a kernel that has it, or leave the limit out"
        case .hiddenGroup: "mount control groups where this process can see its own, or leave the limit out"
        case .system(_, .v1?):
            "run it as root or in a control group that this user may write to, or leave the limit out"
        case .notDelegated, .occupied, .system:
            "start it by 'systemd-run --user --scope -p Delegate=yes swiftlet ...', or leave the limit out"
        }
    }

    /// Whether others could have it.
    public var isForbidden: Bool {
        switch reason {
        case .notDelegated, .occupied: true
        case .noController, .hiddenGroup, .noSetting: false
        case .system(let error, _): [.permissionDenied, .notPermitted, .readOnlyFileSystem].contains(error.errno)
        }
    }

    public var errno: Errno? {
        if case .system(let error, _) = reason { error.errno } else { nil }
    }
}
