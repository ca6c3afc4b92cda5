import CLinux

/// A model-specific register and its value.
public struct MSR: Equatable, Sendable {
    public var index: UInt32
    public var value: UInt64

    public init(index: UInt32, value: UInt64) {
        self.index = index
        self.value = value
    }
}

extension System {
    /// The registers that this host's KVM can save and restore (`KVM_GET_MSR_INDEX_LIST`).
    public func msrIndices() throws(KVMError) -> [UInt32] {
        try list(kKVM_GET_MSR_INDEX_LIST, "KVM_GET_MSR_INDEX_LIST", kvm_msr_list(), count: \.nmsrs)
    }
}

extension VCPU {
    /// Reads registers (`KVM_GET_MSRS`).
    public func msrs(_ indices: [UInt32]) throws(KVMError) -> [MSR] {
        let table = Self.table(indices.map { MSR(index: $0, value: 0) })
        let count = try control(descriptor, kKVM_GET_MSRS, "KVM_GET_MSRS", table.start, on: subject)
        try expectAll(indices, done: count, "KVM_GET_MSRS")
        return table.elements(count).map { MSR(index: $0.index, value: $0.data) }
    }

    /// Writes registers (`KVM_SET_MSRS`).
    ///
    /// - Throws: `KVMError` that names the first register the host refused.
    public func setMSRs(_ msrs: [MSR]) throws(KVMError) {
        let table = Self.table(msrs)
        let count = try control(descriptor, kKVM_SET_MSRS, "KVM_SET_MSRS", table.start, on: subject)
        try expectAll(msrs.map(\.index), done: count, "KVM_SET_MSRS")
    }

    private static func table(_ msrs: [MSR]) -> FlexibleStructure<kvm_msrs, kvm_msr_entry> {
        var header = kvm_msrs()
        header.nmsrs = UInt32(msrs.count)
        return FlexibleStructure(
            header: header, elements: msrs.map { kvm_msr_entry(index: $0.index, reserved: 0, data: $0.value) })
    }

    /// The kernel stops at the first register it does not take, and answers with how many it took.
    private func expectAll(_ indices: [UInt32], done: CInt, _ operation: String) throws(KVMError) {
        guard Int(done) < indices.count else { return }
        let index = String(indices[Int(done)], radix: 16)
        throw KVMError(operation, on: "\(subject), register 0x\(index)", errno: .invalidArgument)
    }
}
