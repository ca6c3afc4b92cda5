import Boot
import Glibc
import Testing

@Suite struct FileLookTests {
    private static func padded(_ bytes: [UInt8], at offset: Int = 0) -> [UInt8] {
        [UInt8](repeating: 0, count: offset) + bytes + [UInt8](repeating: 0, count: 600)
    }

    @Test(
        arguments: [
            ([], "an empty file"), (Array("hello\nworld\n".utf8), "a text file"),
            (Array("#!/bin/sh\n".utf8), "a script"),
            (padded(Array("!<arch>\ndebian-binary".utf8)), "Debian package"), ([0x1f, 0x8b, 8, 0, 0, 0], "with gzip"),
            (padded([0x28, 0xb5, 0x2f, 0xfd]), "with zstd"), (padded(Array("ARM\u{64}".utf8), at: 56), "arm64 kernel"),
            (padded(Array("070701".utf8)), "initramfs"), (padded([0x51, 0x46, 0x49, 0xfb]), "qcow2"),
            (padded([0x4d, 0x5a]), "EFI"), (padded([]), "zeros"), (padded([0x55, 0xaa], at: 510), "boot sector"),
            (padded([0xed, 0xab, 0xee, 0xdb]), "RPM"), (padded([3, 1, 4]), "unknown format"),
        ] as [([UInt8], String)])
    func whatIsNoKernelIsDescribed(bytes: [UInt8], word: String) {
        let error = #expect(throws: KernelImageError.self) { try open(bytes).get() }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "none")")
        #expect(error?.description.contains("give a bzImage") == true)
    }

    @Test func directoriesPipesAndMissingFilesAreNamedWithoutWaiting() throws {
        let directory = try TemporaryDirectory()
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for (path, word) in [
            (directory.path, "is a directory"), (pipe, "is a pipe"), ("/dev/null", "a character device"),
            (directory.path + "/missing", "no such file"),
        ] {
            let error = #expect(throws: KernelImageError.self) { try KernelImage(path: path) }
            #expect(error?.description.contains(word) == true, "\(error?.description ?? "none")")
            #expect(error?.description.hasPrefix(path + ": ") == true)
        }
    }
}
