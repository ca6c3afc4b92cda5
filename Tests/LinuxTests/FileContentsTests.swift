import Foundation
import Linux
import Testing

@Suite struct FileContentsTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(arguments: [0, 1, 4096, 3 << 20])
    func filesAreReadToTheirEndWithinTheLimit(count: Int) throws {
        try withDirectory { directory in
            let file = "\(directory)/file"
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            #expect(try contentsOfFile(file, limit: count) == bytes)
            #expect(throws: SystemCallError("read", on: file, errno: .fileTooLarge)) {
                try contentsOfFile(file, limit: count - 1)
            }
        }
    }

    @Test func filesThatHideTheirSizeAreRead() throws {
        #expect(try contentsOfFile("/proc/self/maps", limit: 1 << 20).count > 100)
    }

    @Test func missingFilesAreNamed() {
        #expect(throws: SystemCallError("open", on: "/nonesuch", errno: .noSuchFileOrDirectory)) {
            try contentsOfFile("/nonesuch", limit: 1)
        }
    }

    @Test func directoriesAreListedInOrder() throws {
        try withDirectory { directory in
            for name in ["b", "a", "ö"] { try Data().write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
            try FileManager.default.createDirectory(atPath: "\(directory)/B", withIntermediateDirectories: false)
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/link", withDestinationPath: "B")
            let entries = try entriesOfDirectory(directory)
            #expect(entries.map(\.name) == ["B", "a", "b", "link", "ö"])
            #expect(entries.map(\.isDirectory) == [true, false, false, false, false])
        }
    }
}
