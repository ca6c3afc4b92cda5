import Foundation
import Glibc
import Linux

/// A lab host that has booted and waits for its command, kept in files: going on from there takes a tenth of the time
/// that booting takes.
///
/// Its memory is a file that the emulator maps, shared when the snapshot is made, and privately by those that go on
/// from it; so it is neither written nor read as a whole. All else is in a second file, as for a migration.
struct Snapshot {
    /// At most so many are kept: each takes some 200 MiB.
    private static let mostKept = 3
    private static let limitSeconds = 60.0
    /// The kernel renews its random numbers a second after it did so for the last time; when that is over, those that
    /// go on from here renew them at once, each for itself.
    private static let settlingMicroseconds: UInt32 = 1_200_000

    let directory: String

    private var memory: String { "\(directory)/memory" }
    private var state: String { "\(directory)/state" }

    /// The snapshot of such a machine, made when there is none yet.
    ///
    /// - Returns: nil when this emulator cannot make one.
    static func find(for emulator: Emulator, diskSize: Int, cache: Cache) throws -> Snapshot? {
        let program = try ChildProcess.executable(Emulator.program, package: Emulator.package)
        let key = contentKey(try fileKey(realPath(program)), emulator.identity, "\(diskSize)")
        let parent = "\(cache.directory)/snapshots"
        let snapshot = Snapshot(directory: "\(parent)/\(key)")
        let refusal = "\(parent)/\(key).unusable"
        func isThere() -> Bool { access(snapshot.state, R_OK) == 0 }

        if isThere() { return snapshot }
        if access(refusal, F_OK) == 0 { return nil }
        return try cache.locked {
            if isThere() { return snapshot }
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            let scratch = try ScratchDirectory(in: cache)
            do {
                try Snapshot(directory: scratch.path).make(of: emulator, diskSize: diskSize)
            } catch {
                // Not to be tried for every command.
                try "\(error)\n".write(toFile: refusal, atomically: true, encoding: .utf8)
                return nil
            }
            try FileManager.default.createDirectory(atPath: "\(scratch.path)/done", withIntermediateDirectories: true)
            for file in ["memory", "state"] {
                try systemCall("rename", on: file) { rename("\(scratch.path)/\(file)", "\(scratch.path)/done/\(file)") }
            }
            try systemCall("rename", on: snapshot.directory) { rename("\(scratch.path)/done", snapshot.directory) }
            try removeOld(in: parent)
            return snapshot
        }
    }

    /// Starts a machine that goes on from here.
    func restore(_ emulator: Emulator, disk: TemporaryFile, channels: Emulator.Channels) throws -> ChildProcess {
        let state = try OwnedDescriptor.open(state, O_RDONLY)
        utimes(directory, nil)
        let child = try emulator.start(
            disk: disk, channels: channels, memory: .file(memory, isShared: false),
            state: state.rawValue)
        do {
            let machine = try MachineProtocol(channels.monitor, deadline: Self.deadline)
            try machine.command("migrate-set-capabilities", Self.capabilities)
            try machine.command("migrate-incoming", ["uri": "fd:\(Emulator.stateDescriptor)"])
            try machine.waitForMigration()
            try machine.command("cont")
        } catch {
            child.kill()
            throw SnapshotFailure(cause: error)
        }
        return child
    }

    /// For a snapshot that turned out to be of no use: the next to look for it makes another.
    func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static let capabilities = [
        "capabilities": [["capability": "x-ignore-shared", "state": true] as [String: any Sendable]]
    ]

    private static var deadline: UInt64 { monotonicNanoseconds() + UInt64(limitSeconds * 1e9) }

    private func make(of emulator: Emulator, diskSize: Int) throws {
        let disk = try TemporaryFile(named: "lab-disk")
        try disk.setSize(diskSize)
        let channels = try Emulator.Channels()
        let child = try emulator.start(
            disk: disk, channels: channels, memory: .file(memory, isShared: true))
        defer { child.kill() }
        let deadline = Self.deadline
        try channels.waitUntilReady(deadline: deadline)
        usleep(Self.settlingMicroseconds)
        let machine = try MachineProtocol(channels.monitor, deadline: deadline)
        try machine.command("stop")
        try machine.command("migrate-set-capabilities", Self.capabilities)
        try machine.command("migrate", ["uri": "exec:cat >\(state.shellQuoted)"])
        try machine.waitForMigration()
    }

    private static func removeOld(in parent: String) throws {
        var kept: [(path: String, used: Int)] = []
        for entry in try entriesOfDirectory(parent) where entry.isDirectory {
            var status = stat()
            let path = "\(parent)/\(entry.name)"
            if stat(path, &status) == 0 { kept.append((path, status.st_mtim.tv_sec)) }
        }
        for old in kept.sorted(by: { $0.used > $1.used }).dropFirst(mostKept) {
            try? FileManager.default.removeItem(atPath: old.path)
        }
    }
}

/// A machine could not be restored from a snapshot; booting one may work.
struct SnapshotFailure: Error {
    let cause: any Error
}
