/// What a member of a cpio archive is, in the bits that a mode has for it (inode(7)).
package enum CpioFileType: UInt32, Sendable {
    case fifo = 0o010000
    case characterDevice = 0o020000
    case directory = 0o040000
    case blockDevice = 0o060000
    case regular = 0o100000
    case symbolicLink = 0o120000
}

/// The header of a member of a cpio archive in the "newc" format
/// (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
package struct CpioHeader: Sendable {
    /// `PATH_MAX` without its NUL: the kernel skips members with longer names or link targets.
    package static let longestPath = 4095
    /// Names, and contents, begin and end at multiples of so many bytes.
    package static let alignment = 4
    /// The name of the member that ends an archive.
    package static let endName = Array("TRAILER!!!".utf8)
    private static let magic = "070701"
    /// Bytes: the magic number, and 13 fields of 8 hexadecimal digits.
    package static let count = 110

    package var inode: UInt32 = 0
    /// The type, and up to 0o7777.
    package var mode: UInt32 = 0
    package var user: UInt32 = 0
    package var group: UInt32 = 0
    /// Members with the same inode are links to one file where there is more than one.
    package var links: UInt32 = 1
    /// Seconds since 1970.
    package var modified: UInt32 = 0
    /// Bytes of contents.
    package var size: UInt32 = 0
    /// Of a device node.
    package var device: (major: UInt32, minor: UInt32) = (0, 0)

    package init() {}

    /// The header and the member's name, to stand at a multiple of 4 bytes, filled up to another one.
    ///
    /// - Parameter name: without NUL.
    package func bytes(name: some Collection<UInt8>) -> [UInt8] {
        let nameSize = UInt32(clamping: name.count + 1)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.count + name.count + Self.alignment)
        bytes += Self.magic.utf8
        // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin, c_namesize, c_chksum
        for field in [
            inode, mode, user, group, links, modified, size, 0, 0, device.major, device.minor, nameSize, 0,
        ] {
            Self.append(hexadecimal: field, to: &bytes)
        }
        bytes += name
        bytes.append(0)
        while !bytes.count.isMultiple(of: Self.alignment) { bytes.append(0) }
        return bytes
    }

    private static func append(hexadecimal value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: 28, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt32(shift)) & 0xf)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
