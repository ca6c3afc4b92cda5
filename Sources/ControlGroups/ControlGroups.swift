import Glibc
import Linux
import MachineConfiguration

/// The control groups that this process has joined for its limits. It has to leave them by itself: a process cannot remove
/// what it is in, and what one that was killed has left, the next one removes.
public struct ControlGroups {
    private let memberships: [Membership]

    /// Joins a new group in each hierarchy that the limits need, and in none where there are no limits. Children that are
    /// started from then on are in these groups as well.
    ///
    /// - Parameter limits: valid ones.
    public static func join(for limits: VMConfiguration.Limits) throws(ControlGroupError) -> ControlGroups {
        try ControlGroups(limits, HostControlFiles(), process: getpid())
    }

    init(
        _ limits: VMConfiguration.Limits, _ files: any ControlFiles, process: pid_t
    ) throws(ControlGroupError) {
        var memberships: [Membership] = []
        do {
            for (hierarchy, settings) in try Self.plan(limits, files) {
                memberships.append(try Membership(settings, in: hierarchy, files, process: process))
            }
        } catch {
            for membership in memberships.reversed() { membership.leave() }
            throw error
        }
        self.memberships = memberships
    }

    /// Leaves them, and removes those that no child of this process is left in.
    public func leave() {
        for membership in memberships.reversed() { membership.leave() }
    }

    /// Which settings are for which hierarchy.
    private static func plan(
        _ limits: VMConfiguration.Limits, _ files: any ControlFiles
    ) throws(ControlGroupError) -> [(Hierarchy, [Setting])] {
        guard limits != VMConfiguration.Limits() else { return [] }
        let table = HierarchyTable(
            membership: (try? files.contents(of: "/proc/self/cgroup")) ?? [],
            mounts: (try? files.contents(of: "/proc/self/mountinfo")) ?? [])
        var plan: [(hierarchy: Hierarchy, settings: [Setting])] = []
        let settings = Setting.all(for: limits) { controller in
            if case .found(let hierarchy) = table.place(of: controller) { hierarchy.version } else { nil }
        }
        for setting in settings {
            switch table.place(of: setting.controller) {
            case .missing:
                throw ControlGroupError(setting, .noController(setting.controller.name(in: .v2)))
            case .hidden: throw ControlGroupError(setting, .hiddenGroup(setting.controller.name(in: .v2)))
            case .found(let hierarchy):
                if let index = plan.firstIndex(where: { $0.hierarchy == hierarchy }) {
                    plan[index].settings.append(setting)
                } else {
                    plan.append((hierarchy, [setting]))
                }
            }
        }
        return plan
    }
}
