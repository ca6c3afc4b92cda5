import Testing

@testable import ControlGroups

/// What `/proc/self/cgroup` and `/proc/self/mountinfo` say, on several kinds of hosts.
struct HierarchyTableTests {
    private func place(_ controller: Controller, _ membership: String, _ mounts: String) -> HierarchyTable.Place {
        HierarchyTable(membership: Array(membership.utf8), mounts: Array(mounts.utf8)).place(of: controller)
    }

    private static let unified = """
        22 28 0:20 / /proc rw,nosuid shared:12 - proc proc rw
        30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot

        """
    private static let hybrid = """
        31 23 0:28 / /sys/fs/cgroup ro,relatime - tmpfs tmpfs ro,mode=755
        32 31 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
        35 31 0:32 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd

        """

    @Test func theUnifiedHierarchyHasAll() {
        let expected = HierarchyTable.Place.found(
            Hierarchy(version: .v2, mountPoint: "/sys/fs/cgroup", group: "/sys/fs/cgroup/user.slice/a:b.scope"))
        #expect(place(.cpu, "0::/user.slice/a:b.scope\n", Self.unified) == expected)
        #expect(place(.io, "0::/user.slice/a:b.scope\n", Self.unified) == expected)
    }

    @Test func eachHierarchyOfVersion1IsFound() {
        let membership = "5:name=systemd:/s\n4:blkio:/\n3:cpu,cpuacct:/jobs/one\n0::/s\n"
        #expect(
            place(.cpu, membership, Self.hybrid)
                == .found(
                    Hierarchy(
                        version: .v1, mountPoint: "/sys/fs/cgroup/cpu,cpuacct",
                        group: "/sys/fs/cgroup/cpu,cpuacct/jobs/one")))
        #expect(
            place(.io, membership, Self.hybrid)
                == .found(
                    Hierarchy(version: .v1, mountPoint: "/sys/fs/cgroup/blkio", group: "/sys/fs/cgroup/blkio")))
    }

    @Test func whatVersion1LacksIsVersion2s() {
        #expect(
            place(.io, "3:cpu,cpuacct:/jobs\n0::/s\n", Self.hybrid)
                == .found(
                    Hierarchy(
                        version: .v2, mountPoint: "/sys/fs/cgroup/unified", group: "/sys/fs/cgroup/unified/s")))
        #expect(place(.io, "3:cpu,cpuacct:/jobs\n", Self.hybrid) == .missing)
    }

    /// With and without a namespace of control groups, the container's own group is at the mount point.
    @Test(arguments: [("/docker/12", "/docker/12"), ("/", "/"), ("/docker/12", "/docker/12/child")])
    func aContainerSeesItsOwn(root: String, path: String) {
        let mounts = "700 699 0:30 \(root) /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
        let group = path == root ? "/sys/fs/cgroup" : "/sys/fs/cgroup/child"
        #expect(
            place(.cpu, "0::\(path)\n", mounts)
                == .found(Hierarchy(version: .v2, mountPoint: "/sys/fs/cgroup", group: group)))
    }

    @Test(arguments: ["/docker/123", "/docker", "/../other", "/docker/12/../13"])
    func whatIsNotBelowTheMountIsHidden(path: String) {
        let mounts = "700 699 0:30 /docker/12 /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
        #expect(place(.cpu, "0::\(path)\n", mounts) == .hidden)
        #expect(place(.cpu, "0::\(path)\n", "") == .hidden)
    }

    @Test func anotherMountMayShowIt() {
        let mounts = """
            700 699 0:30 /elsewhere /mnt rw - cgroup2 cgroup rw
            701 699 0:30 / /sys/fs/a\\040b\\134c rw - cgroup2 cgroup rw
            """
        #expect(
            place(.cpu, "0::/x\n", mounts)
                == .found(Hierarchy(version: .v2, mountPoint: "/sys/fs/a b\\c", group: "/sys/fs/a b\\c/x")))
    }

    @Test func theParentIsWithinTheMount() {
        #expect(Hierarchy(version: .v2, mountPoint: "/m", group: "/m").parent == nil)
        #expect(Hierarchy(version: .v2, mountPoint: "/m", group: "/m/a").parent == "/m")
        #expect(Hierarchy(version: .v2, mountPoint: "/m", group: "/m/a/b").parent == "/m/a")
    }

    /// Nothing of it is true, and nothing may trap.
    @Test(arguments: [
        "", "\n\n", "::", "0:", "0::", "0::x", ":::::", "a b c d e f - cgroup2 x y", "1 2 3 / /m rw -",
        "1 2 3 / /m rw - ",
        "1 2 3 4 5 6 7 8 9 -", "- - - - - - - - - - - -", "\u{0}\u{301}/",
    ])
    func nonsenseIsNoHierarchy(text: String) {
        for controller in Controller.allCases {
            #expect(place(controller, text, text) == .missing)
            #expect(place(controller, text, Self.unified) == .missing)
            #expect(place(controller, "0::/\n", text) == .hidden)
        }
        let bytes: [UInt8] = [0x30, 0x3A, 0x3A, 0x2F, 0xFF, 0xFE, 0x0A]
        #expect(HierarchyTable(membership: bytes, mounts: bytes).place(of: .cpu) == .hidden)
    }
}
