import Boot
import Foundation
import TemporaryFiles
import Testing

@testable import GuestRoot

struct ArchiveRootTests {
    private static let limit = 64 << 20

    /// Converts the archive `root.tar` that a script makes.
    private func convert(
        _ script: String, below directory: String = "root", after initramfs: [UInt8] = [], limit: Int = limit
    ) throws -> [CpioMember] {
        let files = try TemporaryDirectory()
        try files.run(script)
        do {
            let members = try CpioMember.all(
                of: ArchiveRoot.initramfs(
                    of: files.path + "/root.tar", below: directory, after: initramfs, limit: limit))
            #expect(members.last?.name == "TRAILER!!!")
            return Array(members.dropLast())
        } catch let error as RootArchiveError {
            #expect(error.archive == files.path + "/root.tar")
            throw error
        }
    }

    /// Members that Python's tarfile writes as they are: `add(name, type, contents, attribute=value...)`.
    private func members(_ lines: String...) -> String {
        """
        python3 - <<'END'
        import io, tarfile
        archive = tarfile.open("root.tar", "w", format=tarfile.GNU_FORMAT)
        def add(name, type=tarfile.REGTYPE, contents=b"", **attributes):
            member = tarfile.TarInfo(name)
            member.type = type
            member.size = len(contents)
            for key, value in attributes.items(): setattr(member, key, value)
            archive.addfile(member, io.BytesIO(contents))
        from tarfile import REGTYPE, DIRTYPE, SYMTYPE, LNKTYPE, CHRTYPE, BLKTYPE, FIFOTYPE
        \(lines.joined(separator: "\n"))
        archive.close()
        END
        """
    }

    private func problem(_ script: String, limit: Int = limit) throws -> RootArchiveError.Problem? {
        #expect(throws: RootArchiveError.self) { _ = try convert(script, limit: limit) }?.problem
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func attributesAreKept() throws {
        let found = try convert(
            members(
                "add('./', DIRTYPE, mode=0o711, uid=7, gid=8, mtime=9)",
                "add('./bin/su', contents=b'program', mode=0o4755, uid=1000, gid=0xfffffffe, mtime=0x70000000)",
                "add('./bin/', DIRTYPE, mode=0o1777, uid=5)",
                "add('/dev/console', CHRTYPE, mode=0o600, devmajor=5, devminor=1)",
                "add('dev/vda', BLKTYPE, devmajor=254, devminor=0xfffff)", "add('fifo', FIFOTYPE, mode=0o640)",
                "add('link', SYMTYPE, linkname='../../etc/passwd', uid=3, mtime=-5)",
                "add('././empty//file')"))
        #expect(
            found.map(\.name) == [
                "root", "root/bin", "root/bin/su", "root/dev", "root/dev/console", "root/dev/vda", "root/fifo",
                "root/link", "root/empty", "root/empty/file",
            ])
        #expect(
            found.map(\.mode) == [
                0o040711, 0o041777, 0o104755, 0o040755, 0o020600, 0o060644, 0o010640, 0o120644, 0o040755, 0o100644,
            ])
        #expect(found.map(\.user) == [7, 5, 1000, 0, 0, 0, 0, 3, 0, 0])
        #expect(found[0].group == 8 && found[2].group == 0xFFFF_FFFE)
        #expect(found[0].modified == 9 && found[2].modified == 0x7000_0000 && found[7].modified == 0)
        #expect(found[4].device == [5, 1] && found[5].device == [254, 0xFFFFF])
        #expect(found[2].text == "program" && found[7].text == "../../etc/passwd")
        #expect(Set(found.map(\.inode)).count == found.count && found.allSatisfy { $0.links == 1 })
    }

    @Test(arguments: ["gnu", "pax", "posix"])
    func namesAreKeptInBytes(format: String) throws {
        let long = (0..<15).map { _ in String(repeating: "x", count: 250) }.joined(separator: "/")
        let found = try convert(
            """
            mkdir -p d/\(long); echo a >d/\(long)/file; echo b >d/käse; ln -s ö d/link; ln d/käse d/zweiter
            tar -c --format=\(format) --sort=name -f root.tar -C d .
            """)
        #expect(found.contains { $0.name == "root/\(long)/file" && $0.text == "a\n" })
        let one = try #require(found.first { $0.name == "root/käse" })
        let other = try #require(found.first { $0.name == "root/zweiter" })
        #expect(one.inode == other.inode && one.links > 1 && other.links > 1)
        #expect(one.text + other.text == "b\n")
        #expect(found.first { $0.name == "root/link" }?.text == "ö")
    }

    @Test func namesThatLookAlikeAreDifferent() throws {
        // Composed and decomposed, and two that are not UTF-8.
        let found = try convert(
            """
            mkdir d; cd d; for name in '\\303\\244' 'a\\314\\210' '\\344' '\\374'; do echo >"$(printf "$name")"; done
            tar -cf ../root.tar .
            """)
        #expect(found.count == 5 && found.allSatisfy { $0.mode & 0o170000 != 0o120000 })
    }

    @Test func hardLinksShareAnInode() throws {
        let found = try convert(
            members(
                "add('a', contents=b'contents', mode=0o4755)", "add('b', LNKTYPE, linkname='./a')",
                "add('c', LNKTYPE, linkname='/b')", "add('tty', CHRTYPE, devmajor=5, devminor=0)",
                "add('tty2', LNKTYPE, linkname='tty')", "add('s', SYMTYPE, linkname='a')",
                "add('t', LNKTYPE, linkname='s')", "add('a', LNKTYPE, linkname='a')"))
        #expect(
            found.map(\.name) == ["root", "root/a", "root/b", "root/c", "root/tty", "root/tty2", "root/s", "root/t"])
        #expect(Set(found[1...3].map(\.inode)).count == 1 && Set(found[4...5].map(\.inode)).count == 1)
        #expect(found[1...5].allSatisfy { $0.links > 1 })
        #expect(found[1...3].map(\.text) == ["contents", "", ""])
        #expect(found[1...3].allSatisfy { $0.mode == 0o104755 })
        #expect(found[6].text == "a" && found[7].text == "a" && found[6].inode != found[7].inode)
    }

    @Test func aLaterMemberReplacesAnEarlierOne() throws {
        let found = try convert(
            members(
                "add('a', contents=b'old')", "add('b', LNKTYPE, linkname='a')", "add('a', contents=b'new')",
                "add('l', SYMTYPE, linkname='/')", "add('l', DIRTYPE)", "add('l/x')"))
        #expect(
            found.map(\.name) == [
                "root", "root/a", "root/b", "root/a", "root/a", "root/l", "root/l", "root/l", "root/l/x",
            ])
        // Unlinked first, as otherwise its other name would get the new contents.
        #expect(found.map { $0.mode >> 12 } == [4, 8, 8, 0o12, 8, 0o12, 0o12, 4, 8])
        #expect(found[4].text == "new" && found[4].inode != found[1].inode)
    }

    @Test func nothingLeavesTheRoot() throws {
        #expect(try problem(members("add('../init')")) == .unsafePath(bytes("../init")))
        #expect(try problem(members("add('a/../../init')")) == .unsafePath(bytes("a/../../init")))
        #expect(
            try problem(members("add('a')", "add('b', LNKTYPE, linkname='../init')")) == .unsafePath(bytes("../init")))
        #expect(try problem(members("add('b', LNKTYPE, linkname='init')")) != nil)
        for target in ["/", "..", "d"] {
            let script = members("add('d/', DIRTYPE)", "add('a', SYMTYPE, linkname='\(target)')", "add('a/init')")
            #expect(try problem(script) == .parentIsNoDirectory(bytes("a/init"), parent: bytes("a")))
        }
        #expect(
            try problem(members("add('a', SYMTYPE, linkname='/')", "add('a/b/init', SYMTYPE, linkname='x')"))
                == .parentIsNoDirectory(bytes("a/b/init"), parent: bytes("a")))
        #expect(try problem(members("add('./', SYMTYPE, linkname='/')")) == .replacesDirectory(bytes(".")))
        #expect(
            try problem(members("add('d/x')", "add('d', SYMTYPE, linkname='/')")) == .replacesDirectory(bytes("d")))
    }

    @Test func whatAnInitramfsCannotHaveIsRefused() throws {
        let name = String(repeating: "x", count: 256)
        #expect(try problem(members("add('\(name)')")) == .pathTooLong(bytes(name)))
        #expect(try problem(members("add('/'.join(['x' * 200] * 21))")) != nil)
        #expect(try problem(members("add('a', uid=2**32-1)")) == .numberTooLarge(bytes("a")))
        #expect(try problem(members("add('a', gid=2**40)")) == .numberTooLarge(bytes("a")))
        #expect(try problem(members("add('a', uid=-2)")) == .numberTooLarge(bytes("a")))
        #expect(try problem(members("add('a', CHRTYPE, devmajor=4096)")) == .numberTooLarge(bytes("a")))
        #expect(try problem(members("add('s', SYMTYPE, linkname='x' * 4096)")) == .unusableSymbolicLink(bytes("s")))
        #expect(
            try problem(members("add('d/', DIRTYPE)", "add('l', LNKTYPE, linkname='d')"))
                == .unusableHardLink(bytes("l"), target: bytes("d")))
    }

    @Test func sparseFilesAreWhole() throws {
        let found = try convert(
            """
            truncate -s 100000 a; echo data | dd of=a bs=1 seek=300000 conv=notrunc 2>log; truncate -s 3M a; echo z >z
            truncate -s 1M hole; tar -cSf root.tar a hole z
            """)
        var expected = [UInt8](repeating: 0, count: 3 << 20)
        expected.replaceSubrange(300_000..<300_005, with: bytes("data\n"))
        #expect(found[1].contents == expected)
        #expect(found[2].contents == [UInt8](repeating: 0, count: 1 << 20))
        #expect(found[3].text == "z\n")
    }

    @Test func sizesAreLimited() throws {
        let file = "head -c 1000000 /dev/zero >a; tar -czf root.tar a"
        #expect(try convert(file, limit: 1_003_600).count == 2)
        #expect(try problem(file, limit: 1_003_000) == .tooLarge(1_001_647))
        #expect(try problem(file, limit: 0) == .tooLarge(1_001_647))
        #expect(try problem("truncate -s 4G a; tar -cSf root.tar a") == .fileTooLarge(bytes("a"), size: 1 << 32))
        #expect(try problem("truncate -s 4294967295 a; tar -cSf root.tar a") == .tooLarge(4_294_968_942))
        let error = RootArchiveError(archive: "x", problem: .tooLarge(64 << 20))
        #expect(error.description.contains("64 MiB"))
    }

    /// Sizes in an archive are any numbers, and add up to more than there are.
    @Test func sizesThatCannotBeAreTooLarge() throws {
        let script = """
            python3 - <<END
            import io, tarfile
            tar = tarfile.open('root.tar', 'w', format=tarfile.PAX_FORMAT)
            for name, size in ('a', 2**32 - 2), ('b', 2**63 - 1), ('c', 2**63 - 1 - 2**32 - 65536):
                member = tarfile.TarInfo(name)
                member.pax_headers = {'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': name,
                                      'GNU.sparse.realsize': str(size)}
                contents = b'1\\n0\\n1\\n'.ljust(512, b'\\0') + b'x'
                member.size = len(contents)
                tar.addfile(member, io.BytesIO(contents))
            tar.close()
            END
            """
        guard case .tooLarge(let size)? = try problem(script, limit: 1 << 20) else {
            Issue.record("another problem")
            return
        }
        #expect(size > 1 << 62)
    }

    @Test func damagedArchivesAreErrors() throws {
        for script in [
            "head -c 100000 /dev/urandom >a; tar -cf b a; head -c 50000 b >root.tar",
            "head -c 100000 /dev/urandom >a; tar -czf b a; head -c 50000 b >root.tar", "echo text >root.tar",
            "echo >a; ar rc root.tar a", "true",
        ] {
            #expect(try problem(script) != nil, "\(script)")
        }
    }

    @Test func anArchiveMayFollowAnother() throws {
        var agent = CpioArchive()
        try agent.addFile("init", contents: bytes("agent"), mode: 0o755)
        let found = try convert(
            "echo >a; tar -cf root.tar a", below: "new/root", after: agent.finished())
        #expect(found.map(\.name) == ["init", "TRAILER!!!", "new", "new/root", "new/root/a"])
    }
}
