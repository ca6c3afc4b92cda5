/// An entry of the global descriptor table with the selector that names it (Intel SDM volume 3, §3.4.5).
public struct SegmentDescriptor: Equatable, Sendable {
    public let selector: UInt16
    /// The eight bytes as they stand in the table.
    public let bits: UInt64

    /// Linux' __BOOT_CS and __BOOT_DS, which its boot protocol asks for.
    static let code32 = SegmentDescriptor(selector: 0x10, bits: 0x00cf_9b00_0000_ffff)
    static let code64 = SegmentDescriptor(selector: 0x10, bits: 0x00af_9b00_0000_ffff)
    static let data = SegmentDescriptor(selector: 0x18, bits: 0x00cf_9300_0000_ffff)
    /// A busy 32-bit task state segment at 0 with limit 0x67, as PVH wants it.
    static let task = SegmentDescriptor(selector: 0x20, bits: 0x0000_8b00_0000_0067)

    /// First address.
    public var base: UInt32 { UInt32(truncatingIfNeeded: (bits >> 16 & 0xff_ffff) | (bits >> 32 & 0xff00_0000)) }
    /// Last offset, in bytes, whatever the granularity.
    public var limit: UInt32 {
        let raw = UInt32(truncatingIfNeeded: (bits & 0xffff) | (bits >> 32 & 0xf_0000))
        return isPageGranular ? raw << 12 | 0xfff : raw
    }
    /// What it allows: the four bits of a code, data or system segment's type.
    public var type: UInt8 { UInt8(truncatingIfNeeded: bits >> 40 & 0xf) }
    /// Code or data, as opposed to a system segment.
    public var isCodeOrData: Bool { bits >> 44 & 1 != 0 }
    public var privilegeLevel: UInt8 { UInt8(truncatingIfNeeded: bits >> 45 & 3) }
    public var isPresent: Bool { bits >> 47 & 1 != 0 }
    /// 64-bit code (the L bit).
    public var is64Bit: Bool { bits >> 53 & 1 != 0 }
    /// 32-bit operands or stack by default (the D/B bit).
    public var is32Bit: Bool { bits >> 54 & 1 != 0 }
    /// Whether the limit in `bits` counts pages (the G bit).
    public var isPageGranular: Bool { bits >> 55 & 1 != 0 }
}
