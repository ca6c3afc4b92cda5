import CLinux

/// One answer of the CPUID instruction.
public struct CPUIDEntry: Equatable, Sendable {
    public var function: UInt32
    public var index: UInt32
    /// Whether the answer depends on `index`, the value of ECX.
    public var isIndexed: Bool
    public var eax: UInt32
    public var ebx: UInt32
    public var ecx: UInt32
    public var edx: UInt32

    public init(
        function: UInt32, index: UInt32? = nil, eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0
    ) {
        self.function = function
        self.index = index ?? 0
        isIndexed = index != nil
        self.eax = eax
        self.ebx = ebx
        self.ecx = ecx
        self.edx = edx
    }
}

extension CPUIDEntry {
    init(_ entry: kvm_cpuid_entry2) {
        self.init(
            function: entry.function, index: entry.flags & Self.indexedFlag != 0 ? entry.index : nil,
            eax: entry.eax, ebx: entry.ebx, ecx: entry.ecx, edx: entry.edx)
    }

    var raw: kvm_cpuid_entry2 {
        var raw = kvm_cpuid_entry2()
        raw.function = function
        raw.index = index
        raw.flags = isIndexed ? Self.indexedFlag : 0
        raw.eax = eax
        raw.ebx = ebx
        raw.ecx = ecx
        raw.edx = edx
        return raw
    }

    /// `KVM_CPUID_FLAG_SIGNIFCANT_INDEX`, spelt so in the kernel's header.
    private static let indexedFlag: UInt32 = 1 << 0
}

extension System {
    /// The features that the host's processor and KVM can give to a guest (`KVM_GET_SUPPORTED_CPUID`).
    public func supportedCPUID() throws(KVMError) -> [CPUIDEntry] {
        try list(kKVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID", kvm_cpuid2(), count: \.nent)
            .map { (entry: kvm_cpuid_entry2) in CPUIDEntry(entry) }
    }
}

extension VCPU {
    /// Gives the vCPU its CPUID answers (`KVM_SET_CPUID2`).
    public func setCPUID(_ entries: [CPUIDEntry]) throws(KVMError) {
        var header = kvm_cpuid2()
        header.nent = UInt32(entries.count)
        let table = FlexibleStructure<kvm_cpuid2, kvm_cpuid_entry2>(header: header, elements: entries.map(\.raw))
        try control(descriptor, kKVM_SET_CPUID2, "KVM_SET_CPUID2", table.start, on: subject)
    }
}
