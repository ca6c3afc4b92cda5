import Linux
import MachineConfiguration
import SystemPackage
import Testing

@testable import ControlGroups

/// Joining and leaving, with the kernel's rules.
struct ControlGroupsTests {
    private static let root = "/sys/fs/cgroup"

    private func limits(
        cpuWeight: Int? = nil, cpuQuota: String? = nil, ioWeight: Int? = nil
    ) -> VMConfiguration.Limits {
        var limits = VMConfiguration.Limits()
        (limits.cpuWeight, limits.ioWeight) = (cpuWeight, ioWeight)
        limits.cpuQuota = cpuQuota.flatMap { CPUQuota($0) }
        return limits
    }

    private func unified(home: String) -> KernelModel {
        let model = KernelModel(.v2, root: Self.root, controllers: ["cpu", "io", "memory"], home: home)
        // As systemd does above what it delegates.
        for path in model.groups.keys where path != Self.root + home { model.groups[path]?.given = ["cpu", "io"] }
        return model
    }

    private func refusal(_ model: KernelModel, _ limits: VMConfiguration.Limits) -> ControlGroupError? {
        let before = Set(model.groups.keys)
        let home = model.home
        do {
            _ = try ControlGroups(limits, model, process: model.process)
            Issue.record("was granted")
            return nil
        } catch {
            #expect(Set(model.groups.keys) == before, "something is left")
            #expect(model.home == home)
            return error
        }
    }

    @Test func withoutLimitsNothingIsTouched() throws {
        let model = unified(home: "/a")
        try ControlGroups(limits(), model, process: model.process).leave()
        #expect(model.home == Self.root + "/a")
        #expect(model.groups.count == 2)
    }

    @Test func theOnlyProcessOfAGroupDividesIt() throws {
        let model = unified(home: "/user/scope")
        let home = "\(Self.root)/user/scope"
        let groups = try ControlGroups(
            limits(cpuWeight: 7, cpuQuota: "150%", ioWeight: 1000), model, process: model.process)
        #expect(model.home == "\(home)/swiftlet-70")
        #expect(model.groups[home]?.given == ["cpu", "io"])
        #expect(
            model.groups["\(home)/swiftlet-70"]?.values
                == ["cpu.weight": "7", "cpu.max": "150000 100000", "io.bfq.weight": "181"])
        groups.leave()
        #expect(model.home == home)
        #expect(model.groups[home]?.given == [])
        #expect(model.groups["\(home)/swiftlet-70"] == nil)
    }

    /// As with a shell in it.
    @Test func besideAGroupWithOthersThereIsRoom() throws {
        let model = unified(home: "/user/scope")
        let (home, parent) = ("\(Self.root)/user/scope", "\(Self.root)/user")
        model.groups[home]?.processes.insert(69)
        let groups = try ControlGroups(limits(cpuQuota: "0.5"), model, process: model.process)
        #expect(model.home == "\(parent)/swiftlet-70")
        #expect(model.groups["\(parent)/swiftlet-70"]?.values == ["cpu.max": "50000 100000"])
        #expect(model.groups["\(home)/swiftlet-70"] == nil)
        groups.leave()
        #expect(model.home == home)
        #expect(model.groups["\(parent)/swiftlet-70"] == nil)
        #expect(model.groups[parent]?.given == ["cpu", "io"], "it is not only ours")
    }

    /// Others whose limits need it may be there.
    @Test func theRootGoesOnGiving() throws {
        let model = KernelModel(.v2, root: Self.root, controllers: ["cpu"], home: "/")
        model.groups[Self.root]?.processes.insert(1)
        let groups = try ControlGroups(limits(cpuWeight: 1), model, process: model.process)
        #expect(model.home == "\(Self.root)/swiftlet-70")
        groups.leave()
        #expect(model.home == Self.root)
        #expect(model.groups[Self.root]?.given == ["cpu"])
        #expect(model.groups.count == 1)
    }

    @Test func version1HasItsOwnScales() throws {
        let model = KernelModel(.v1, root: "/cg", controllers: ["cpu", "blkio"], home: "/jobs")
        model.groups["/cg/jobs"]?.processes.insert(69)
        let groups = try ControlGroups(
            limits(cpuWeight: 50, cpuQuota: "0.01", ioWeight: 10_000), model, process: model.process)
        #expect(model.home == "/cg/jobs/swiftlet-70")
        #expect(
            model.groups["/cg/jobs/swiftlet-70"]?.values
                == ["cpu.shares": "512", "cpu.cfs_quota_us": "1000", "blkio.bfq.weight": "1000"])
        groups.leave()
        #expect(model.home == "/cg/jobs")
        #expect(model.groups["/cg/jobs/swiftlet-70"] == nil)
    }

    @Test(arguments: [(1, "1"), (50, "50"), (100, "100"), (101, "100"), (111, "101"), (10_000, "1000")])
    func bfqHasFewerWeights(weight: Int, bfq: String) throws {
        let settings = Setting.all(for: limits(ioWeight: weight)) { _ in .v2 }
        #expect(settings.first?.files.map(\.text) == ["\(weight)", bfq])
    }

    @Test(arguments: [(1, "10", "10"), (100, "1024", "500"), (10_000, "102400", "1000")])
    func weightsOfVersion1(weight: Int, shares: String, block: String) throws {
        let settings = Setting.all(for: limits(cpuWeight: weight, ioWeight: weight)) { _ in .v1 }
        #expect(settings.compactMap(\.files.first?.text) == [shares, block])
    }

    @Test func aUserWithoutAGroupIsTold() throws {
        let model = unified(home: "/user/session")
        for path in model.groups.keys { model.groups[path]?.isWritable = false }
        let error = try #require(refusal(model, limits(cpuQuota: "2")))
        #expect(error.field == "/limits/cpuQuota" && error.value == "2")
        #expect(error.isForbidden && error.errno == .permissionDenied)
        #expect(error.problem.contains("/sys/fs/cgroup/user/session/swiftlet-70"))
        #expect(error.remedy.contains("systemd-run --user --scope -p Delegate=yes"))
    }

    @Test func othersInTheOnlyGroupAreTold() throws {
        let model = unified(home: "/user/scope")
        let home = "\(Self.root)/user/scope"
        model.groups[home]?.processes.insert(69)
        model.groups["\(Self.root)/user"]?.isWritable = false
        let error = try #require(refusal(model, limits(cpuWeight: 2)))
        #expect(error.isForbidden)
        #expect(error.problem == "there are other processes in the control group \(home), which cannot be divided")
    }

    @Test func theLimitWhoseControllerIsMissingIsNamed() throws {
        let model = unified(home: "/user/scope")
        model.groups["\(Self.root)/user"]?.given = ["cpu"]
        model.groups["\(Self.root)"]?.given = ["cpu"]
        let error = try #require(refusal(model, limits(cpuWeight: 2, ioWeight: 3)))
        #expect(error.field == "/limits/ioWeight" && error.value == "3")
        #expect(error.problem.contains("'io'"))
    }

    @Test func aKernelWithoutTheSettingIsTold() throws {
        let model = unified(home: "/user/scope")
        model.settings["io"] = []
        let error = try #require(refusal(model, limits(cpuWeight: 2, ioWeight: 3)))
        #expect(error.field == "/limits/ioWeight" && !error.isForbidden)
        #expect(error.problem == "the host's kernel does not have io.weight or io.bfq.weight")
        #expect(model.groups["\(Self.root)/user/scope"]?.given == [])
    }

    @Test func aHostWithoutControlGroupsIsTold() throws {
        let model = KernelModel(.v1, root: "/cg", controllers: ["memory"], home: "/")
        let error = try #require(refusal(model, limits(cpuWeight: 2)))
        #expect(error.problem == "no control groups of this host have the controller 'cpu'")
        #expect(!error.isForbidden)
    }

    /// What was killed leaves its group behind.
    @Test func whatIsLeftOfTheDeadGoes() throws {
        let model = unified(home: "/user/scope")
        let home = "\(Self.root)/user/scope"
        model.running = [70, 12]
        model.groups["\(home)/swiftlet-11"] = .init()
        model.groups["\(home)/swiftlet-12"] = .init()
        // passt, of one that is dead.
        model.groups["\(home)/swiftlet-13"] = .init(processes: [14])
        model.groups["\(home)/swiftlet-x"] = .init()
        model.groups["\(home)/swiftlet--1"] = .init()
        model.groups["\(home)/other-11"] = .init()
        // Of an earlier process with this one's number.
        model.groups["\(home)/swiftlet-70"] = .init(values: ["cpu.max": "1 2"])
        let groups = try ControlGroups(limits(cpuWeight: 2), model, process: model.process)
        #expect(model.groups["\(home)/swiftlet-70"]?.values == ["cpu.weight": "2"])
        groups.leave()
        #expect(
            Set(model.directories(in: home))
                == ["swiftlet-12", "swiftlet-13", "swiftlet-x", "swiftlet--1", "other-11"])
    }

    @Test(arguments: [3, 1000])
    func aChildThatIsAboutToGoIsWaitedFor(delay: Int) throws {
        let model = unified(home: "/user/scope")
        let groups = try ControlGroups(limits(cpuWeight: 2), model, process: model.process)
        model.delay = delay
        groups.leave()
        #expect(model.home == "\(Self.root)/user/scope")
        #expect((model.groups["\(Self.root)/user/scope/swiftlet-70"] == nil) == (delay == 3))
    }
}
