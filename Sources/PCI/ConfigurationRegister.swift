/// Offsets and bits of the type 0 configuration header (PCI Express Base Specification 6.0 §7.5.1).
enum ConfigurationRegister {
    static let vendorID = 0x00
    static let deviceID = 0x02
    static let command = 0x04
    static let status = 0x06
    static let revisionID = 0x08
    static let classCode = 0x09
    static let cacheLineSize = 0x0C
    static let headerType = 0x0E
    static let baseAddress0 = 0x10
    static let baseAddressesEnd = 0x28
    static let subsystemVendorID = 0x2C
    static let subsystemID = 0x2E
    static let capabilitiesPointer = 0x34
    static let interruptLine = 0x3C
    /// Where the header ends and capabilities begin.
    static let headerEnd = 0x40

    /// The registers that say where memory regions are.
    static let placement = [command..<status, baseAddress0..<baseAddressesEnd]

    enum Command {
        static let memorySpaceEnable: UInt16 = 1 << 1
        static let busMasterEnable: UInt16 = 1 << 2
        static let interruptDisable: UInt16 = 1 << 10
    }

    enum Status {
        static let capabilitiesList: UInt16 = 1 << 4
    }

    enum HeaderType {
        static let multifunction: UInt8 = 1 << 7
    }

    /// Low bits of a base address register for memory.
    enum BaseAddress {
        static let type64: UInt32 = 0b10 << 1
        static let prefetchable: UInt32 = 1 << 3
        /// Bits that are no address.
        static let attributes: UInt64 = 0xF
    }
}

/// Capability ids (PCI Code and ID Assignment Specification 1.16 §2).
public enum CapabilityID {
    public static let vendorSpecific: UInt8 = 0x09
    public static let msix: UInt8 = 0x11
}
