import KVM

/// The CPUID answers that a guest's vCPU gives: what the host's KVM supports, less what a microVM has no
/// part of, plus the machine's own topology (one socket, a core for each vCPU).
struct GuestCPUID {
    let supported: [CPUIDEntry]
    let vcpuCount: Int
    /// Whether KVM emulates the local APIC's TSC-deadline timer, which its CPUID answer leaves out.
    let hasTSCDeadlineTimer: Bool

    func entries(vcpu id: Int) -> [CPUIDEntry] {
        let apicID = UInt32(id)
        var entries = supported.filter { !Self.hiddenLeaves.contains($0.function) && !Self.isTopology($0) }
        for index in entries.indices { adjust(&entries[index], apicID: apicID) }
        if let highest = supported.first(where: { $0.function == 0 })?.eax {
            entries += topology(apicID: apicID).filter { $0.function <= highest }
        }
        return entries
    }

    /// SGX, processor trace, AMX, SVM, SEV and performance-monitoring leaves: no microVM offers them, as they
    /// need the host's help beyond KVM or widen what a hostile guest can reach.
    private static let hiddenLeaves: Set<UInt32> = [
        0x0A, 0x12, 0x14, 0x1D, 0x1E, 0x8000_000A, 0x8000_001F, 0x8000_0022,
    ]

    private static func isTopology(_ entry: CPUIDEntry) -> Bool {
        // Extended state components 17 and 18 are AMX's.
        [0x0B, 0x1F].contains(entry.function) || (entry.function == 0x0D && [17, 18].contains(entry.index))
    }

    private func adjust(_ entry: inout CPUIDEntry, apicID: UInt32) {
        switch (entry.function, entry.index) {
        case (0x01, _):
            entry.ebx = entry.ebx & 0x0000_FFFF | UInt32(vcpuCount) << 16 | apicID << 24
            entry.ecx &= ~Feature1.hidden
            entry.ecx |= Feature1.hypervisor | (hasTSCDeadlineTimer ? Feature1.tscDeadline : 0)
            entry.edx = vcpuCount > 1 ? entry.edx | Feature1.hyperThreading : entry.edx & ~Feature1.hyperThreading
        case (0x04, _), (0x8000_001D, _):
            shareCache(&entry)
        case (0x06, _):
            entry = CPUIDEntry(function: 0x06, eax: 1 << 2)  // ARAT: the local APIC's timer never stops.
        case (0x07, 0):
            entry.ebx &= ~(1 << 2 | 1 << 25)  // SGX, processor trace.
            entry.edx &= ~(1 << 22 | 1 << 24 | 1 << 25)  // AMX.
        case (0x0D, 0):
            entry.eax &= ~(1 << 17 | 1 << 18)
        case (0x8000_0001, _):
            entry.ecx &= ~Feature8000_0001.hidden
        case (0x8000_0008, _):
            entry.ecx = UInt32(vcpuCount - 1) | UInt32(apicIDBits) << 12
        case (0x8000_001E, _):
            entry.eax = apicID
            entry.ebx = apicID & 0xFF
            entry.ecx = 0
        default:
            break
        }
    }

    /// Bits of leaf 1.
    private enum Feature1 {
        static let hypervisor: UInt32 = 1 << 31
        static let tscDeadline: UInt32 = 1 << 24
        static let hyperThreading: UInt32 = 1 << 28
        /// MONITOR, the debug store, VMX, SMX, SpeedStep, thermal monitor and performance capabilities.
        static let hidden: UInt32 = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 15
    }

    private enum Feature8000_0001 {
        /// SVM, instruction-based sampling, SKINIT, light-weight profiling and performance counters.
        static let hidden: UInt32 = 1 << 2 | 1 << 10 | 1 << 12 | 1 << 15 | 1 << 23 | 1 << 24 | 1 << 28
    }

    /// How many bits number the cores within the socket.
    private var apicIDBits: Int {
        vcpuCount > 1 ? Int.bitWidth - (vcpuCount - 1).leadingZeroBitCount : 0
    }

    /// Levels 1 and 2 belong to one core, level 3 to all (Intel SDM "CPUID", leaf 4; AMD APM 3 §E.4.15).
    private func shareCache(_ entry: inout CPUIDEntry) {
        let level = entry.eax >> 5 & 7
        let sharing = level >= 3 ? UInt32(vcpuCount - 1) : 0
        entry.eax = entry.eax & ~(0xFFF << 14) | sharing << 14
        if entry.function == 0x04 {
            entry.eax = entry.eax & ~(0x3F << 26) | UInt32(vcpuCount - 1) << 26
        }
    }

    /// Extended topology: one thread a core, all cores in the one socket (Intel SDM "CPUID", leaves 0BH, 1FH).
    private func topology(apicID: UInt32) -> [CPUIDEntry] {
        [0x0B, 0x1F].flatMap { function in
            [
                CPUIDEntry(function: function, index: 0, eax: 0, ebx: 1, ecx: 1 << 8, edx: apicID),
                CPUIDEntry(
                    function: function, index: 1, eax: UInt32(apicIDBits), ebx: UInt32(vcpuCount), ecx: 2 << 8 | 1,
                    edx: apicID),
                CPUIDEntry(function: function, index: 2, ecx: 2, edx: apicID),
            ]
        }
    }
}
