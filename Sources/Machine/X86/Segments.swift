import Boot
import CLinux

extension kvm_segment {
    init(_ descriptor: SegmentDescriptor) {
        self.init()
        selector = descriptor.selector
        base = UInt64(descriptor.base)
        limit = descriptor.limit
        type = descriptor.type
        dpl = descriptor.privilegeLevel
        present = descriptor.isPresent ? 1 : 0
        s = descriptor.isCodeOrData ? 1 : 0
        l = descriptor.is64Bit ? 1 : 0
        db = descriptor.is32Bit ? 1 : 0
        g = descriptor.isPageGranular ? 1 : 0
    }
}

extension kvm_sregs {
    mutating func setSegments(code: kvm_segment, data: kvm_segment) {
        cs = code
        (ds, es, fs, gs, ss) = (data, data, data, data, data)
    }
}

/// Bits of the control registers (Intel SDM 3A §2.5).
enum ControlRegister {
    static let protection: UInt64 = 1 << 0
    static let extensionType: UInt64 = 1 << 4
    static let paging: UInt64 = 1 << 31
    /// In CR4.
    static let physicalAddressExtension: UInt64 = 1 << 5
    /// In EFER.
    static let longModeEnable: UInt64 = 1 << 8
    static let longModeActive: UInt64 = 1 << 10
}
