import Foundation
import Linux
import TemporaryFiles
import Testing

@testable import GuestRoot

struct RootSourceTests {
    private func detect(_ script: String) throws -> RootSource {
        let directory = try TemporaryDirectory()
        try directory.run("export PATH=$PATH:/usr/sbin:/sbin\n" + script)
        return try RootSource(detecting: directory.path + "/root")
    }

    private func problem(_ script: String) throws -> RootSourceError? {
        #expect(throws: RootSourceError.self) { _ = try detect(script) }
    }

    @Test func directoriesAreDirectories() throws {
        #expect(try detect("mkdir root") == .directory)
        #expect(try detect("mkdir other; ln -s other root") == .directory)
    }

    @Test(
        arguments: [
            "", "--gzip", "--xz", "--zstd", "--format=v7", "--format=ustar", "--format=pax", "--format=v7 --gzip",
        ])
    func archivesAreKnownByTheirContents(options: String) throws {
        #expect(try detect("mkdir d; echo >d/file; tar -c \(options) -f root d") == .archive)
    }

    @Test(arguments: ["ext2", "ext3", "ext4"])
    func extFileSystems(type: String) throws {
        let image = try detect("truncate -s 8M root; mke2fs -q -t \(type) root")
        #expect(image == .image(FileSystemImage(.ext)))
    }

    @Test func aJournalMayNeedRecovery() throws {
        let source = try detect(
            "truncate -s 8M root; mke2fs -q -t ext4 root; debugfs -w -R 'feature needs_recovery' root >log 2>&1")
        #expect(source == .image(FileSystemImage(.ext, needsJournalRecovery: true)))
        let dirty = FileSystemImage(.ext, needsJournalRecovery: true)
        #expect(dirty.mountType == "ext4")
        #expect(dirty.mountData(readOnlyDisk: true) == "noload")
        #expect(dirty.mountData(readOnlyDisk: false) == "")
        #expect(FileSystemImage(.ext).mountData(readOnlyDisk: true) == "")
        #expect(FileSystemImage(.squashfs).modules == ["squashfs"])
    }

    @Test func aJournalByItselfIsNoFileSystem() throws {
        #expect(try problem("truncate -s 8M root; mke2fs -q -O journal_dev root") != nil)
    }

    /// A file of zeros with these bytes somewhere in it.
    private func detect(_ bytes: [UInt8], at offset: Int) throws -> RootSource {
        let file = try TemporaryFile([UInt8](repeating: 0, count: offset) + bytes + [UInt8](repeating: 0, count: 4096))
        return try RootSource(detecting: file.path)
    }

    @Test func readOnlyFileSystems() throws {
        #expect(try detect(Array("hsqs".utf8), at: 0) == .image(FileSystemImage(.squashfs)))
        #expect(try detect([0xE2, 0xE1, 0xF5, 0xE0], at: 1024) == .image(FileSystemImage(.erofs)))
        #expect(throws: RootSourceError.self) { try detect(Array("sqsh".utf8), at: 0) }
        #expect(throws: RootSourceError.self) { try detect([0xE2, 0xE1, 0xF5, 0xE0], at: 0) }
    }

    @Test(
        arguments: [
            ("printf 'QFI\\373\\0\\0\\0\\3' >root; truncate -s 1M root", "a qcow2 image"),
            ("truncate -s 1M root; printf EFI' 'PART | dd of=root bs=1 seek=512 conv=notrunc 2>log", "partition table"),
            ("truncate -s 1M root; printf 'U\\252' | dd of=root bs=1 seek=510 conv=notrunc 2>log", "partition table"),
            ("truncate -s 1M root; printf CD001 | dd of=root bs=1 seek=32769 conv=notrunc 2>log", "ISO 9660"),
            ("truncate -s 1M root; printf _BHRfS_M | dd of=root bs=1 seek=65600 conv=notrunc 2>log", "Btrfs"),
            ("printf 'PK\\3\\4zip' >root", "a zip archive"),
            ("echo one | cpio -o --quiet -H newc >root </dev/null", "cpio archive"),
            ("echo >file; ar rc root file", "ar"),
            ("echo >file; tar -cf - file | bzip2 >root", "bzip2"),
            ("echo >file; tar -cf - file | lz4 -q >root", "lz4"),
            ("echo text | gzip >root", "no tar archive"),
            ("truncate -s 8M image; mke2fs -q image; zstd -q image -o root", "no tar archive"),
            ("cp /bin/true root", "ELF"),
            ("printf XFSB >root", "XFS"),
            ("truncate -s 1M root", "nothing but zeros"),
            ("head -c 10240 /dev/zero >root", "nothing but zeros"),
            ("touch root", "is empty"),
            ("truncate -s 8M root; mke2fs -q -t ext4 root; truncate -s 7M root", "is cut off"),
            (
                "head -c 99999 /dev/urandom >file; mksquashfs file root -quiet -no-progress; truncate -s 8K root",
                "is cut off"
            ),
            ("mkdir d; head -c 99999 /dev/urandom >d/file; mkfs.erofs root d >log; truncate -s 8K root", "is cut off"),
            ("echo text >root", "neither an image"),
            ("mkfifo root", "a pipe"),
            ("ln -s /dev/null root", "a character device"),
            ("ln -s nowhere root", "no such file"),
        ])
    func whatIsNoRootIsSaidToBeSo(script: String, words: String) throws {
        let error = try problem(script)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
}
