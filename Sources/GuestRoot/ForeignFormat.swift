/// A format that is known, but cannot be a root.
public struct ForeignFormat: Equatable, Sendable {
    /// What it is, such as `a zip archive`.
    let name: String
    /// What to do about it.
    let remedy: String
    /// Where it has its magic number, in one of several places.
    let signs: [FileSign]

    private init(_ name: String, _ remedy: String, _ signs: FileSign...) {
        self.name = name
        self.remedy = remedy
        self.signs = signs
    }

    /// The first whose sign a file has is what it looks like: a hybrid ISO image has a partition table as well.
    static let all: [ForeignFormat] = [
        ForeignFormat("a qcow2 image", toRaw, FileSign(0, [0x51, 0x46, 0x49, 0xFB])),
        ForeignFormat("a VMDK image", toRaw, FileSign(0, "KDMV"), FileSign(0, "# Disk DescriptorFile")),
        ForeignFormat("a VHDX image", toRaw, FileSign(0, "vhdxfile")),
        ForeignFormat("a VHD image", toRaw, FileSign(0, "conectix")),
        ForeignFormat(
            "an ISO 9660 image", "copy what is in it into a directory, and give that", FileSign(isoOffset, "CD001")),
        ForeignFormat("a zip archive", unpack, FileSign(0, [0x50, 0x4B, 3, 4]), FileSign(0, [0x50, 0x4B, 5, 6])),
        ForeignFormat("a 7z archive", unpack, FileSign(0, [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C])),
        ForeignFormat(
            "an initramfs (cpio archive)", "give it as --initrd, or unpack it into a directory and give that",
            FileSign(0, "070701"), FileSign(0, "070702"), FileSign(0, "070707")),
        ForeignFormat(
            "a package or an archive by ar",
            "unpack it into a directory (a Debian package by 'dpkg-deb -x'), and give that", FileSign(0, "!<arch>\n")),
        ForeignFormat("something compressed by bzip2", recompress, FileSign(0, "BZh")),
        ForeignFormat(
            "something compressed by lz4", recompress, FileSign(0, [0x04, 0x22, 0x4D, 0x18]),
            FileSign(0, [0x02, 0x21, 0x4C, 0x18])),
        ForeignFormat(
            "something compressed that is no tar archive", "decompress it; an image must not be compressed",
            FileSign(0, [0x1F, 0x8B]), FileSign(0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
            FileSign(0, [0x28, 0xB5, 0x2F, 0xFD])),
        ForeignFormat("a program or a kernel (ELF)", wanted, FileSign(0, [0x7F, 0x45, 0x4C, 0x46])),
        ForeignFormat("an XFS file system", otherFileSystem, FileSign(0, "XFSB")),
        ForeignFormat("a Btrfs file system", otherFileSystem, FileSign(btrfsOffset, "_BHRfS_M")),
        ForeignFormat("an F2FS file system", otherFileSystem, FileSign(1024, [0x10, 0x20, 0xF5, 0xF2])),
        ForeignFormat("a FAT file system", otherFileSystem, FileSign(54, "FAT"), FileSign(82, "FAT32")),
        ForeignFormat(
            "an encrypted disk (LUKS)", "open it with 'cryptsetup open', and give its /dev/mapper device",
            FileSign(0, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])),
        ForeignFormat(
            "a physical volume of LVM", "give the device of the logical volume that has the file system",
            FileSign(512, "LABELONE")),
        ForeignFormat("swap space", wanted, FileSign(swapOffset, "SWAPSPACE2")),
        ForeignFormat(
            "a disk with a partition table", onePartition, FileSign(512, "EFI PART"), FileSign(4096, "EFI PART"),
            FileSign(510, [0x55, 0xAA])),
    ]

    /// Where signs are beyond a file's first 4 KiB.
    static let isoOffset = 0x8001
    static let btrfsOffset = 0x10040
    /// At the end of the first page.
    static let swapOffset = 4086

    static let wanted = "give a directory, an image of an ext4, squashfs or erofs file system, or a tar archive"
    private static let toRaw =
        "convert it with 'qemu-img convert -O raw'; if it has partitions, copy the one with the root out of that"
    private static let unpack = "unpack it into a directory, and give that"
    private static let recompress = "compress a tar archive with gzip, xz or zstd; an image must not be compressed"
    private static let otherFileSystem = "copy its files into an image of ext4, squashfs or erofs, or a tar archive"
    private static let onePartition =
        "give an image of the one file system: 'fdisk -l' tells where its partition is, and 'dd' copies that"
}

/// Bytes at a place of a file that tell its format.
struct FileSign: Equatable, Sendable {
    let offset: Int
    let bytes: [UInt8]

    init(_ offset: Int, _ bytes: [UInt8]) {
        self.offset = offset
        self.bytes = bytes
    }

    init(_ offset: Int, _ text: StaticString) {
        self.init(offset, text.withUTF8Buffer { Array($0) })
    }
}
