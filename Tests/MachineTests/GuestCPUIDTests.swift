import KVM
import Testing

@testable import Machine

@Suite struct GuestCPUIDTests {
    private static let host: [CPUIDEntry] = [
        CPUIDEntry(function: 0, eax: 0x1F),
        CPUIDEntry(function: 1, ebx: 0xFF10_0800, ecx: .max, edx: .max),
        CPUIDEntry(function: 4, index: 0, eax: 0xFFFF_C000 | 1 << 5 | 1),
        CPUIDEntry(function: 4, index: 3, eax: 3 << 5 | 3),
        CPUIDEntry(function: 6, eax: .max, ecx: .max),
        CPUIDEntry(function: 7, index: 0, ebx: .max, ecx: .max, edx: .max),
        CPUIDEntry(function: 0x0A, eax: .max),
        CPUIDEntry(function: 0x0B, index: 0, edx: 99),
        CPUIDEntry(function: 0x0D, index: 0, eax: .max),
        CPUIDEntry(function: 0x0D, index: 18, eax: 8192),
        CPUIDEntry(function: 0x4000_0000, eax: 0x4000_0001),
        CPUIDEntry(function: 0x8000_0001, ecx: .max),
        CPUIDEntry(function: 0x8000_0008, ecx: .max),
        CPUIDEntry(function: 0x8000_000A, eax: 1),
    ]

    private func entries(vcpu: Int, of count: Int) -> [CPUIDEntry] {
        GuestCPUID(supported: Self.host, vcpuCount: count, hasTSCDeadlineTimer: true).entries(vcpu: vcpu)
    }

    private func entry(_ function: UInt32, _ index: UInt32 = 0, in entries: [CPUIDEntry]) throws -> CPUIDEntry {
        try #require(entries.first { $0.function == function && $0.index == index })
    }

    @Test(arguments: [(0, 1), (1, 2), (3, 4), (31, 32), (2, 3)])
    func everyVCPUHasItsOwnAPICIdentity(vcpu: Int, count: Int) throws {
        let entries = entries(vcpu: vcpu, of: count)
        #expect(try entry(1, in: entries).ebx >> 24 == UInt32(vcpu))
        #expect(try entry(1, in: entries).ebx >> 16 & 0xFF == UInt32(count))
        for leaf: UInt32 in [0x0B, 0x1F] {
            #expect(try entry(leaf, 0, in: entries).edx == UInt32(vcpu))
            let cores = try entry(leaf, 1, in: entries)
            #expect(cores.ebx == UInt32(count))
            #expect(1 << cores.eax >= count)
            #expect(cores.eax == 0 || 1 << (cores.eax - 1) < count)
        }
    }

    @Test func levelThreeCacheIsSharedByAllAndLevelOneByNone() throws {
        let entries = entries(vcpu: 0, of: 4)
        #expect(try entry(4, 0, in: entries).eax >> 14 & 0xFFF == 0)
        #expect(try entry(4, 3, in: entries).eax >> 14 & 0xFFF == 3)
        #expect(try entry(4, 3, in: entries).eax >> 26 == 3)
    }

    @Test func hypervisorAndDeadlineTimerAreShownAndVirtualisationIsNot() throws {
        let entries = entries(vcpu: 0, of: 1)
        let features = try entry(1, in: entries)
        #expect(features.ecx & (1 << 31 | 1 << 24) == 1 << 31 | 1 << 24)
        #expect(features.ecx & 1 << 5 == 0)
        #expect(features.edx & 1 << 28 == 0)
        #expect(try entry(0x8000_0001, in: entries).ecx & 1 << 2 == 0)
        #expect(!entries.contains { [0x0A, 0x8000_000A].contains($0.function) })
        #expect(entries.contains { $0.function == 0x4000_0000 })
    }

    @Test func matrixExtensionsAreHiddenInAllTheirPlaces() throws {
        let entries = entries(vcpu: 0, of: 1)
        #expect(try entry(7, in: entries).edx & (1 << 22 | 1 << 24 | 1 << 25) == 0)
        #expect(try entry(0x0D, in: entries).eax & (3 << 17) == 0)
        #expect(!entries.contains { $0.function == 0x0D && $0.index == 18 })
    }

    @Test func topologyLeavesBeyondTheHostsHighestAreLeftOut() {
        let old = GuestCPUID(
            supported: [CPUIDEntry(function: 0, eax: 0x0D)], vcpuCount: 2, hasTSCDeadlineTimer: false)
        let functions = Set(old.entries(vcpu: 0).map(\.function))
        #expect(functions == [0, 0x0B])
    }
}
