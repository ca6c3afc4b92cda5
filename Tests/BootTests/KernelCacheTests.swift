import Boot
import Foundation
import Testing

@Suite struct KernelCacheTests {
    private let directory: TemporaryDirectory
    private var cachePath: String { directory.path + "/a/b/kernels" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A cache at a time at which every file of the test has long been left alone.
    private var cache: KernelCache {
        KernelCache(directory: cachePath, clock: { KernelCache.realTime() + 60_000_000_000 })
    }

    /// Writes a bzImage that differs from others by its entry.
    private func writeKernel(_ number: Int) throws -> String {
        var elf = MadeUpELF()
        elf.entry = Self.entry(number)
        return try directory.write(MadeUpBzImage(elf.bytes, .zstd).bytes, to: "kernel\(number)")
    }

    private static func entry(_ number: Int) -> UInt64 { 0x10_0000 + UInt64(number) }

    private static func entryPoint(_ path: String, _ cache: KernelCache) throws -> UInt64? {
        if case .elf(let elf) = try KernelImage(path: path, cache: cache).content { elf.entry } else { nil }
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    private var entries: [String] { names(cachePath).filter { $0.count == 64 } }
    private var memos: [String] { names(cachePath + "/by-file") }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func aKernelIsUnpackedOnceAndRemembered() throws {
        let first = try writeKernel(1)
        let second = try writeKernel(2)
        #expect(try Self.entryPoint(first, cache) == Self.entry(1))
        let firstEntry = try #require(entries.first)
        #expect(try mode(cachePath + "/" + firstEntry) == 0o600)
        #expect(try mode(cachePath) == 0o700)
        let firstMemo = try #require(memos.first)
        #expect(
            try FileManager.default.destinationOfSymbolicLink(atPath: cachePath + "/by-file/" + firstMemo)
                == "../" + firstEntry)

        // Leading the memo to the other kernel's entry shows that it is looked at.
        #expect(try Self.entryPoint(second, cache) == Self.entry(2))
        let secondEntry = try #require(entries.first { $0 != firstEntry })
        let link = cachePath + "/by-file/" + firstMemo
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../" + secondEntry)
        #expect(try Self.entryPoint(first, cache) == Self.entry(2))

        // Writing to the kernel's file makes the memo void.
        _ = try writeKernel(1)
        #expect(try Self.entryPoint(first, cache) == Self.entry(1))
        #expect(entries.count == 2)
    }

    @Test func aFileWrittenJustNowIsNotRemembered() throws {
        let path = try writeKernel(1)
        let cache = KernelCache(directory: cachePath)
        #expect(try Self.entryPoint(path, cache) == Self.entry(1))
        #expect(entries.count == 1)
        #expect(memos.isEmpty)
    }

    enum Damage: CaseIterable {
        case truncated, emptied, foreign, withoutTrailer, lengthened, damagedKernel, othersMayWrite, linked, directory
    }

    @Test(arguments: Damage.allCases)
    func aDamagedEntryIsNoticedAndRemade(damage: Damage) throws {
        let path = try writeKernel(1)
        #expect(try Self.entryPoint(path, cache) == Self.entry(1))
        let entry = cachePath + "/" + (try #require(entries.first))
        let whole = try Data(contentsOf: URL(fileURLWithPath: entry))
        var other = MadeUpELF()
        other.entry = Self.entry(9)
        let forged = Data(other.bytes) + whole.suffix(24)

        try FileManager.default.removeItem(atPath: entry)
        switch damage {
        case .truncated: try whole.dropLast(1).write(to: URL(fileURLWithPath: entry))
        case .emptied: try Data().write(to: URL(fileURLWithPath: entry))
        case .foreign: try Data("#!/bin/sh\n".utf8).write(to: URL(fileURLWithPath: entry))
        case .withoutTrailer: try (Data(other.bytes) + Data(count: 24)).write(to: URL(fileURLWithPath: entry))
        case .lengthened:
            try (Data(other.bytes) + [0] + whole.suffix(24)).write(to: URL(fileURLWithPath: entry))
        case .damagedKernel:
            try (Data(count: whole.count - 24) + whole.suffix(24)).write(to: URL(fileURLWithPath: entry))
        case .othersMayWrite:
            try forged.write(to: URL(fileURLWithPath: entry))
            try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: entry)
        case .linked:
            try forged.write(to: URL(fileURLWithPath: directory.path + "/forged"))
            try FileManager.default.createSymbolicLink(atPath: entry, withDestinationPath: directory.path + "/forged")
        case .directory:
            try FileManager.default.createDirectory(atPath: entry, withIntermediateDirectories: false)
        }

        #expect(try Self.entryPoint(path, cache) == Self.entry(1))
        if damage != .directory {
            #expect(try Data(contentsOf: URL(fileURLWithPath: entry)) == whole)
            #expect(try mode(entry) == 0o600)
        }
        #expect(names(cachePath).filter { $0.hasPrefix("tmp-") } == [])
    }

    @Test func aDirectoryThatCannotBeUsedOnlyCostsTime() throws {
        let path = try writeKernel(1)
        #expect(try Self.entryPoint(path, KernelCache(directory: path + "/below-a-file")) == Self.entry(1))
        #expect(try Self.entryPoint(path, KernelCache(directory: "/proc/self/kernels")) == Self.entry(1))
        #expect(try Self.entryPoint(path, KernelCache(directory: "")) == Self.entry(1))

        try FileManager.default.createDirectory(atPath: cachePath, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: cachePath)
        #expect(try Self.entryPoint(path, cache) == Self.entry(1))
        #expect(names(cachePath).isEmpty)
    }

    private func inode(_ entry: String) throws -> ino_t {
        let path = cachePath + "/" + entry
        var status = stat()
        try #require(stat(path, &status) == 0)
        return status.st_ino
    }

    @Test func onlyTheKernelsUsedLastAreKept() throws {
        let paths = try (0..<12).map { try writeKernel($0) }
        _ = try Self.entryPoint(paths[0], cache)
        let first = try #require(entries.first)
        let inode = try self.inode(first)
        for path in paths {
            _ = try Self.entryPoint(path, cache)
            // The first stays in use.
            _ = try Self.entryPoint(paths[0], cache)
        }
        let old = cachePath + "/tmp-1-abc"
        #expect(try self.inode(first) == inode, "made anew")
        #expect(entries.count == 8)
        #expect(memos.count == 8)
        for memo in memos { #expect(FileManager.default.fileExists(atPath: cachePath + "/by-file/" + memo)) }

        // What a process left behind an hour ago goes with the next entry.
        try Data().write(to: URL(fileURLWithPath: old))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: old)
        let before = Set(entries)
        #expect(try Self.entryPoint(paths[0], cache) == Self.entry(0))
        #expect(Set(entries) == before)
        #expect(try Self.entryPoint(paths[1], cache) == Self.entry(1))
        #expect(Set(entries) != before)
        #expect(entries.count == 8)
        #expect(FileManager.default.fileExists(atPath: old) == false)
    }

    @Test func manyUsersAtOnceAllGetTheirKernels() async throws {
        let paths = try (0..<10).map { try writeKernel($0) }
        let cache = cache
        let cachePath = cachePath
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in 0..<8 {
                group.addTask {
                    for round in 0..<30 {
                        let number = (user + round) % paths.count
                        let found = try Self.entryPoint(paths[number], cache)
                        #expect(found == Self.entry(number))
                    }
                }
            }
            group.addTask {
                // Meanwhile somebody empties and removes what is there.
                for round in 0..<60 {
                    let names = (try? FileManager.default.contentsOfDirectory(atPath: cachePath)) ?? []
                    for name in names where name.count == 64 {
                        let path = cachePath + "/" + name
                        if round.isMultiple(of: 2) { unlink(path) } else { truncate(path, 100) }
                    }
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        #expect(entries.count <= 8)
        #expect(names(cachePath).filter { $0.hasPrefix("tmp-") } == [])
    }
}
