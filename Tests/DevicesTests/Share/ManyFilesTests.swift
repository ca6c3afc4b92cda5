import CLinux
import Foundation
import Testing

@testable import Devices

/// A share with very many files, as a build that unpacks sources makes and sees them.
struct ManyFilesTests {
    private typealias Guest = ShareGuest

    /// How many; with a number in the environment the test looks at the process's memory as well, for which it is to run alone.
    private static let wanted = ProcessInfo.processInfo.environment["SWIFTLET_SHARE_FILES"].flatMap { Int($0) }
    private static let count = wanted ?? 20_000
    private static let perDirectory = 1000

    @Test func areMadeForgottenAndFoundAgain() throws {
        let limits = FileServer.Limits(nodes: Self.count * 2, nodeDescriptors: 64, handles: 64)
        let guest = try ShareGuest(limits)
        let before = try Self.residentBytes()
        var known: [UInt64] = []
        for directory in 0..<Self.count / Self.perDirectory {
            let node = try guest.send(
                FUSE_MKDIR, Guest.bytes(fuse_mkdir_in(mode: 0o755, umask: 0)) + Guest.text("\(directory)")
            ).value(fuse_entry_out.self).nodeid
            known.append(node)
            for file in 0..<Self.perDirectory {
                let (entry, handle) = try guest.create("\(file)", in: node)
                try guest.release(handle)
                known.append(entry.nodeid)
            }
        }
        #expect(guest.server.counts.nodes == known.count)
        #expect(guest.server.counts.descriptors <= limits.nodeDescriptors)
        let first = try Self.residentBytes() - before
        // Those whose descriptors are gone since long are still what they were.
        for node in known.prefix(2000) { _ = try guest.attributes(node) }
        for node in known.reversed() { try guest.forget(node) }
        #expect(guest.server.counts == (0, 0, 0))

        for directory in 0..<Self.count / Self.perDirectory {
            let node = try guest.lookUp("\(directory)").nodeid
            for file in 0..<Self.perDirectory { _ = try guest.lookUp("\(file)", in: node) }
        }
        #expect(guest.server.counts.nodes == known.count)
        guard Self.wanted != nil else { return }
        let second = try Self.residentBytes() - before
        print("\(known.count) files: \(first / known.count) bytes each, \(second / known.count) when found again")
        #expect(first / known.count < 500)
        #expect(second < first + first / 4)
    }

    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(Int(text.split(separator: " ")[1])) * Int(getpagesize())
    }
}
