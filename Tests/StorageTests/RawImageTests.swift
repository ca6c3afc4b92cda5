import CLinux
import Foundation
import Storage
import Testing

@Suite struct RawImageTests {
    private func problem(_ path: String, readOnly: Bool = false, direct: Bool = false) -> RawImageError.Problem? {
        do {
            _ = try RawImage(path: path, readOnly: readOnly, direct: direct)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func onlyFilesAndBlockDevicesAreImages() throws {
        let pipe = NSTemporaryDirectory() + "/pipe-\(UUID().uuidString)"
        mkfifo(pipe, 0o600)
        defer { unlink(pipe) }
        #expect(problem("/tmp") == .unsuitable("a directory"))
        #expect(problem("/tmp", readOnly: true) == .unsuitable("a directory"))
        #expect(problem("/dev/null") == .unsuitable("a character device"))
        #expect(problem(pipe, readOnly: true) == .unsuitable("a pipe"))
        #expect(throws: RawImageError.self) { _ = try RawImage(path: "/nonesuch") }
    }

    @Test func errorsSayWhatToDo() {
        let missing = RawImageError(
            path: "/a", problem: .system(.init("open", on: "/a", errno: .noSuchFileOrDirectory)))
        #expect(missing.description == "/a: there is no such disk image; make one with 'truncate -s 1G /a'")
    }

    /// It stays raw all the same.
    @Test(arguments: [
        ([0x51, 0x46, 0x49, 0xFB], "qcow2"), (Array("KDMV".utf8), "VMDK"), ([0x51, 0x46, 0x49, 0], nil),
    ])
    func anotherFormatIsSuspected(magic: [UInt8], format: String?) throws {
        let file = try TemporaryImage(bytes: magic + [UInt8](repeating: 0, count: 508))
        let image = try RawImage(path: file.path)
        #expect(image.suspectedFormat == format)
        #expect(try image.size().visible == 512)
    }

    @Test func oneWriterExcludesAllOthers() throws {
        let file = try TemporaryImage(bytes: [UInt8](repeating: 0, count: 512))
        let writer = try RawImage(path: file.path)
        #expect(problem(file.path) == .inUse(readOnly: false))
        #expect(problem(file.path, readOnly: true) == .inUse(readOnly: true))
        _ = consume writer
        let reader = try RawImage(path: file.path, readOnly: true)
        #expect(problem(file.path, readOnly: true) == nil)
        #expect(problem(file.path) == .inUse(readOnly: false))
        #expect(reader.path == file.path)
    }

    /// Closing a ring does not let go of its file at once.
    @Test func anImageCanBeUsedAgainAtOnce() throws {
        let file = try TemporaryImage(bytes: [UInt8](repeating: 0, count: 4096))
        for _ in 0..<20 {
            let engine = try Setting(mode: .ring, directory: "", direct: false).engine(file.path)
            let buffer = Buffer(zeroes: 4096)
            engine.transfer(.write, buffer.bytes, at: 0)
            #expect(engine.completeAll() == [Completion(tag: 0)])
        }
    }

    @Test(arguments: [(0, 0, 0), (511, 0, 511), (512, 512, 0), (70_000, 69_632, 368)])
    func whatIsLessThanASectorIsHidden(bytes: Int, visible: UInt64, hidden: UInt64) throws {
        let file = try TemporaryImage(bytes: [UInt8](repeating: 7, count: bytes))
        let size = try RawImage(path: file.path).size()
        #expect(size.visible == visible)
        #expect(size.hidden == hidden)
    }

    @Test func sizeFollowsTheFile() throws {
        let file = try TemporaryImage(bytes: [UInt8](repeating: 7, count: 512))
        let image = try RawImage(path: file.path)
        truncate(file.path, 4096)
        #expect(try image.size().visible == 4096)
    }

    @Test func directImagesHaveAnAlignment() throws {
        let file = try TemporaryImage(bytes: [UInt8](repeating: 0, count: 8192))
        let alignment = try RawImage(path: file.path, direct: true).alignment
        #expect([512, 1024, 2048, 4096].contains(alignment.logicalBlock))
        #expect(alignment.memory.nonzeroBitCount == 1)
        #expect(try RawImage(path: file.path).alignment == .any)
    }
}
