import Foundation
import Linux
import TemporaryFiles
import Testing

@testable import GuestRoot

struct KeptLayerTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/kept" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func problem(size: UInt64? = nil) -> KeptLayerError? {
        #expect(throws: KeptLayerError.self) { try KeptLayer.prepare(path, size: size) }
    }

    @Test func aNewFileIsAnEmptyFileSystem() throws {
        try KeptLayer.prepare(path, size: nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["kept"])
        let status = try OwnedDescriptor.open(path, O_RDONLY).status()
        // The file takes little room.
        #expect(status.st_size == 16 << 30 && status.st_blocks * 512 < 16 << 20)
        #expect(try RootSource(detecting: path) == .image(FileSystemImage(.ext)))
        try directory.run("/sbin/e2fsck -fn kept >log 2>&1")
        try KeptLayer.prepare(path, size: nil)
        try KeptLayer.prepare(path, size: 16 << 30)
    }

    @Test func theSizeStays() throws {
        try KeptLayer.prepare(path, size: 8 << 20)
        try KeptLayer.prepare(path, size: 8 << 20)
        let error = problem(size: 9 << 20)
        #expect(error?.problem == .otherSize(8 << 20))
        #expect(error?.description.contains("8388608 bytes") == true)
    }

    /// Whatever a user has is not written to.
    @Test(
        arguments: [
            "echo text >kept", "touch kept", "truncate -s 8M kept", "truncate -s 8M kept; /sbin/mke2fs -q kept",
            "printf 'QFI\\373' >kept; truncate -s 8M kept",
        ])
    func otherFilesAreRefused(script: String) throws {
        try directory.run(script + "; cp kept before")
        #expect(problem()?.problem == .foreign)
        #expect(problem(size: 8 << 20)?.description.contains("name a new file") == true)
        try directory.run("cmp kept before")
    }

    @Test func whatIsNoFileIsRefused() throws {
        try directory.run("mkdir kept")
        #expect(problem()?.problem == .special("a directory"))
        try directory.run("rmdir kept; mkfifo kept")
        #expect(problem()?.problem == .special("a pipe"))
    }

    @Test func aFileThatIsCutOffIsRefused() throws {
        try KeptLayer.prepare(path, size: 8 << 20)
        try directory.run("truncate -s 4M kept")
        #expect(problem()?.problem == .truncated)
    }

    @Test func aMissingDirectoryIsNamed() {
        let error = #expect(throws: KeptLayerError.self) {
            try KeptLayer.prepare(path + "/below/file", size: nil)
        }
        #expect(error?.description.hasSuffix("make it with 'mkdir -p'") == true, "\(error?.description ?? "")")
    }
}
