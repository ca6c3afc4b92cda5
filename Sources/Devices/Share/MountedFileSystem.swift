import CLinux
import Linux
import SystemPackage

/// What is mounted below a shared directory.
enum MountedFileSystem {
    /// Those that hold files, on disks, of other hosts or of programs. All others stay away from guests: those by which the
    /// kernel shows and controls itself and processes, and those in memory, which have what is private to the host's
    /// programs. The numbers are of linux/magic.h and statfs(2).
    private static let shared: Set<UInt32> = [
        0xEF53,  // ext2, ext3, ext4
        0x5846_5342,  // XFS
        0x9123_683E,  // Btrfs
        0x2FC1_2FC1,  // ZFS
        0xCA45_1A4E,  // bcachefs
        0xF2F5_2010,  // F2FS
        0x3153_464A,  // JFS
        0x7371_7368,  // squashfs
        0xE0F5_E1E2,  // EROFS
        0x794C_7630,  // overlayfs
        0x4D44,  // FAT
        0x2011_BAB0,  // exFAT
        0x7366_746E,  // NTFS
        0x9660,  // ISO 9660
        0x1501_3346,  // UDF
        0x6969,  // NFS
        0xFF53_4D42, 0xFE53_4D42,  // SMB
        0x00C3_6400,  // Ceph
        0x0102_1997,  // 9P
        0x6573_5546,  // FUSE, virtio-fs
    ]

    static func isShared(_ file: borrowing OwnedDescriptor) throws(Errno) -> Bool {
        var status = statfs()
        try hostCall { fstatfs(file.rawValue, &status) }
        return shared.contains(UInt32(truncatingIfNeeded: status.f_type))
    }

    /// The number of the mount that a file was found through, never 0; on Linux before 5.8, the same for all.
    static func number(of file: borrowing OwnedDescriptor) throws(Errno) -> UInt64 {
        var status = statx()
        try hostCall { statx(file.rawValue, "", AT_EMPTY_PATH, UInt32(STATX_MNT_ID), &status) }
        return status.stx_mask & UInt32(STATX_MNT_ID) == 0 ? .max : status.stx_mnt_id
    }
}
