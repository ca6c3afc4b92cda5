/// Where boot data lies in guest memory: every fixed address, once.
///
/// All of it is below 1 MiB. Linux takes what it needs from there before it uses that memory for other things.
public enum Layout {
    /// Global descriptor table, some entries of 8 bytes.
    public static let descriptorTable: UInt64 = 0x1000
    /// `hvm_start_info` of a PVH guest.
    public static let startInfo: UInt64 = 0x2000
    /// `hvm_modlist_entry` of the initrd.
    public static let moduleList: UInt64 = 0x2100
    /// `hvm_memmap_table_entry` of each range, in one page.
    public static let memoryMapTable: UInt64 = 0x3000
    /// `boot_params`, the "zero page" of the Linux boot protocol; one page.
    public static let bootParameters: UInt64 = 0x7000
    /// Page tables; six pages.
    public static let pageTables: UInt64 = 0x9000
    /// The kernel's command line, NUL-terminated.
    public static let commandLine: UInt64 = 0x20000
    /// Bytes kept for the command line, with its NUL.
    public static let commandLineCapacity = 0x10000
    /// Where memory ends below the legacy video and ROM area; from here an EBDA begins on a PC.
    public static let conventionalEnd: UInt64 = 0x9_fc00
    /// ACPI tables, where a BIOS keeps them and a search for the RSDP looks (ACPI 6.5 §5.2.5.1).
    public static let acpiTables: UInt64 = 0xe_0000
    /// The first address after the room for ACPI tables.
    public static let acpiTablesEnd: UInt64 = 0x10_0000
    /// Where memory goes on after the legacy area; kernels load from here on.
    public static let extendedStart: UInt64 = 0x10_0000
    /// Memory from the start up to here is mapped to itself for the 64-bit entry.
    public static let identityMapEnd: UInt64 = 4 << 30
}
