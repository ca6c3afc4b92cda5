/// Says in a few words what a file that is no kernel looks like, from its first bytes.
enum FileLook {
    private static let magics: [(offset: Int, bytes: String, look: String)] = [
        (0, "!<arch>\ndebian", "a Debian package ('swiftlet kernel add' takes those of kernels)"),
        (0, "\u{ed}\u{ab}\u{ee}\u{db}", "an RPM package (unpack it with 'rpm2cpio' and take its vmlinuz)"),
        (0, "!<arch>\n", "an archive made by ar"),
        (56, "ARM\u{64}", "an arm64 kernel Image"),
        (56, "RSC\u{05}", "a RISC-V kernel Image"),
        (4, "zimg", "a compressed EFI kernel (zboot)"),
        (0, "\u{27}\u{05}\u{19}\u{56}", "a U-Boot image"),
        (0, "070701", "an initramfs (cpio archive), to be given as the initrd"),
        (0, "070702", "an initramfs (cpio archive), to be given as the initrd"),
        (0, "QFI\u{fb}", "a qcow2 disk image"),
        (0, "hsqs", "a squashfs image"),
        (257, "ustar", "a tar archive"),
        (0, "PK\u{03}\u{04}", "a zip archive"),
        (0, "BZh", "a bzip2 file"),
        (0, "\u{04}\u{22}\u{4d}\u{18}", "an lz4 file"),
        (0, "#!", "a script"),
        (0, "MZ", "an EFI or Windows program without a Linux kernel's header"),
    ]

    static func describe(_ bytes: [UInt8]) -> String {
        if bytes.isEmpty { return "an empty file" }
        if let format = bytes.withUnsafeBytes({ Compression.detect($0) }) {
            return "a file compressed with \(format.rawValue) (decompress it first, or is it an initrd?)"
        }
        for magic in magics {
            // Each scalar stands for one byte.
            let expected = magic.bytes.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            if bytes.dropFirst(magic.offset).starts(with: expected) { return magic.look }
        }
        // A boot sector is what both a disk image and a very old kernel begin with.
        if bytes.count >= 512, bytes[510] == 0x55, bytes[511] == 0xaa { return "a disk image or boot sector" }
        if bytes.allSatisfy({ $0 == 0 }) { return "a file of zeros" }
        let isText = bytes.allSatisfy { (0x20...0x7e).contains($0) || (0x09...0x0d).contains($0) || $0 >= 0x80 }
        return isText ? "a text file" : "a file of unknown format"
    }
}
