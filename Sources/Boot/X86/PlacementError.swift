/// Why a kernel or its initrd does not fit into a guest's memory.
public enum PlacementError: Error, Equatable, CustomStringConvertible {
    /// Below 1 MiB lie boot data and the legacy area.
    case kernelTooLow(String, address: UInt64)
    case kernelTooLarge(String, end: UInt64, memoryEnd: UInt64)
    case kernelOnReserved(String, kernel: Range<UInt64>, reserved: Range<UInt64>)
    case emptyInitrd(String)
    case initrdTooLarge(String, size: UInt64, room: UInt64)
    case commandLine(KernelCommandLineError)
    /// The memory map has more ranges than a kernel takes.
    case tooManyRanges(Int)

    public var description: String {
        switch self {
        case .kernelTooLow(let name, let address):
            "\(name): loads at \(hexadecimal(address)), but kernels must load at 1 MiB or above"
        case .kernelTooLarge(let name, .max, _):
            "\(name): wants to load beyond the end of the address space; the file is damaged or no kernel for a PC"
        case .kernelTooLarge(let name, let end, let memoryEnd):
            """
            \(name): the kernel needs memory up to \(Self.mebibytes(end, rounding: .up)), but the guest's ends at \
            \(Self.mebibytes(memoryEnd, rounding: .down)) (counting what is below the hole for devices); \
            give the guest more memory
            """
        case .kernelOnReserved(let name, let kernel, let reserved):
            """
            \(name): the kernel goes to \(Self.addresses(kernel)), where \(Self.addresses(reserved)) is reserved for \
            the machine; use a kernel linked to another address
            """
        case .emptyInitrd(let name): "\(name): the initrd is empty; give a cpio archive, or no initrd"
        case .initrdTooLarge(let name, let size, let room):
            """
            \(name): the initrd has \(Self.mebibytes(size, rounding: .up)), but beside the kernel only \
            \(Self.mebibytes(room, rounding: .down)) of memory are left for it; \
            give the guest more memory, or a smaller initrd
            """
        case .commandLine(let error): error.description
        case .tooManyRanges(let count):
            "the memory map has \(count) ranges, but a kernel takes no more than \(MemoryRange.mostRanges)"
        }
    }

    private static func mebibytes(_ bytes: UInt64, rounding rule: FloatingPointRoundingRule) -> String {
        let tenths = (Double(bytes) * 10 / 1_048_576).rounded(rule)
        let whole = UInt64(tenths / 10)
        let rest = UInt64(tenths) - whole * 10
        return rest == 0 ? "\(whole) MiB" : "\(whole).\(rest) MiB"
    }

    private static func addresses(_ range: Range<UInt64>) -> String {
        "\(hexadecimal(range.lowerBound))-\(hexadecimal(range.upperBound &- 1))"
    }
}
