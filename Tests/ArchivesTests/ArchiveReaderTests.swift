import Foundation
import TemporaryFiles
import Testing

@testable import Archives

/// Archives made by other programs.
struct ArchiveReaderTests {
    private static let text = String(repeating: "some text\n", count: 20_000)
    private static let writeText = "yes 'some text' | head -n 20000"

    private func contents(of reader: ArchiveReader) throws -> [UInt8] {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = try part.withUnsafeMutableBytes { try reader.read(into: $0) }
            if count == 0 { return all }
            all += part[..<count]
        }
    }

    @Test(arguments: ["--no-auto-compress", "--gzip", "--xz", "--zstd"])
    func membersComeInOrder(compression: String) throws {
        let directory = try TemporaryDirectory()
        try directory.run(
            "mkdir d; \(Self.writeText) > d/file; ln -s file d/link; tar -c \(compression) -f a ./d")
        let reader = try ArchiveReader(path: directory.path + "/a")
        var entries: [String: ArchiveReader.Entry.Kind] = [:]
        while let entry = try reader.next() {
            entries[entry.path] = entry.kind
            guard entry.kind == .file else { continue }
            #expect(entry.size == UInt64(Self.text.utf8.count))
            #expect(try contents(of: reader) == Array(Self.text.utf8))
        }
        #expect(entries == ["./d/": .directory, "./d/file": .file, "./d/link": .symbolicLink])
    }

    @Test(arguments: ["gnu", "pax", "ustar"])
    func namesMayHaveAnyLetters(format: String) throws {
        let directory = try TemporaryDirectory()
        try directory.run("echo > käse; tar -c --format=\(format) -f a käse")
        #expect(try ArchiveReader(path: directory.path + "/a").next()?.path == "käse")
    }

    @Test func anArchiveMayBeInAnother() throws {
        let directory = try TemporaryDirectory()
        try directory.run("\(Self.writeText) > file; tar -cJf data.tar.xz file; ar rc a data.tar.xz file")
        let outer = try ArchiveReader(path: directory.path + "/a")
        let first = try #require(try outer.next())
        #expect(first.path == "data.tar.xz")
        let inner = try ArchiveReader(in: outer, name: first.path)
        #expect(try inner.next()?.path == "file")
        #expect(try contents(of: inner) == Array(Self.text.utf8))
        #expect(try inner.next() == nil)
        #expect(try outer.next()?.path == "file")
        #expect(try contents(of: outer) == Array(Self.text.utf8))
    }

    @Test func whatIsDamagedIsAnError() throws {
        let directory = try TemporaryDirectory()
        try directory.run(
            """
            head -c 100000 /dev/urandom > file; tar -cJf whole file; head -c 50000 whole > cut; echo nothing > text
            tar -cf data.tar file; head -c 50000 data.tar > inner.tar; ar rc nested inner.tar
            """)
        func read(_ reader: ArchiveReader) throws {
            while try reader.next() != nil { _ = try contents(of: reader) }
        }
        for name in ["cut", "text"] {
            let error = #expect(throws: ArchiveError.self) {
                try read(try ArchiveReader(path: "\(directory.path)/\(name)"))
            }
            #expect(error?.description.hasPrefix("\(directory.path)/\(name): ") == true)
        }
        let outer = try ArchiveReader(path: directory.path + "/nested")
        _ = try outer.next()
        let error = #expect(throws: ArchiveError.self) { try read(try ArchiveReader(in: outer, name: "inner.tar")) }
        #expect(error?.name == "\(directory.path)/nested: inner.tar")
        #expect(throws: ArchiveError.self) { _ = try ArchiveReader(path: directory.path + "/missing") }
    }
}
