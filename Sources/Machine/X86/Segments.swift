import CLinux

extension kvm_segment {
    /// A segment of all addresses (Intel SDM 3A §3.4.5).
    init(flat selector: UInt16, type: UInt8, is64BitCode: Bool = false, is32Bit: Bool = true) {
        self.init()
        self.selector = selector
        self.type = type
        base = 0
        limit = 0xFFFF_FFFF
        present = 1
        s = 1
        g = 1
        db = is32Bit ? 1 : 0
        l = is64BitCode ? 1 : 0
    }

    static let codeType: UInt8 = 0b1011
    static let dataType: UInt8 = 0b0011

    /// A task state, which every processor in protected mode must have.
    static func taskState(selector: UInt16) -> kvm_segment {
        var segment = kvm_segment()
        segment.selector = selector
        segment.type = 0b1011
        segment.limit = 0x67
        segment.present = 1
        return segment
    }
}

extension kvm_sregs {
    /// Flat 32-bit segments, no paging.
    mutating func enterFlatProtectedMode(codeSelector: UInt16 = 0x08, dataSelector: UInt16 = 0x10) {
        setSegments(
            code: kvm_segment(flat: codeSelector, type: kvm_segment.codeType),
            data: kvm_segment(flat: dataSelector, type: kvm_segment.dataType))
        cr0 = ControlRegister.protection | ControlRegister.extensionType
    }

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
