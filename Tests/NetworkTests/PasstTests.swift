import CLinux
import Foundation
import Glibc
import Linux
import Network
import Testing

private let hasPasst: Bool = {
    let directories = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return directories.contains { access("\($0)/passt", X_OK) == 0 }
}()

/// One after the other: each looks for its own program among all of this process's.
@Suite(.serialized, .enabled(if: hasPasst, "the program passt is in Debian's package 'passt'"))
struct PasstTests {
    /// passt's process ids among our children.
    private func children() throws -> Set<pid_t> {
        var found: Set<pid_t> = []
        for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let pid = pid_t(entry),
                let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            else { continue }
            if status.contains("Name:\tpasst"), status.contains("PPid:\t\(getpid())\n") { found.insert(pid) }
        }
        return found
    }

    private func wait(until condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<60_000 {
            if try condition() { return true }
            usleep(1000)
        }
        return false
    }

    @Test func itsEndIsNoticedAndExplained() throws {
        let before = try children()
        let passt = try Passt()
        #expect(passt.offloads.isEmpty)
        var started: Set<pid_t> = []
        #expect(
            try wait {
                started = try children().subtracting(before)
                return !started.isEmpty
            })
        for pid in started { kill(pid, SIGTERM) }
        var parts = [[UInt8](repeating: 0, count: 100)]
        #expect(wait { withSegments(&parts) { passt.channels[0].receive(into: $0) } == .closed })
        #expect(passt.end().hasPrefix("passt has ended ("))
        #expect(try children().isDisjoint(with: started))
    }

    @Test func itGoesWithItsOwner() throws {
        let before = try children()
        var started: Set<pid_t> = []
        do {
            let passt = try Passt(mtu: 1400)
            #expect(passt.mtu == 1400)
            #expect(
                try wait {
                    started = try children().subtracting(before)
                    return !started.isEmpty
                })
            withExtendedLifetime(passt) {}
        }
        // Neither running nor a zombie.
        #expect(try children().isDisjoint(with: started))
    }
}

struct MissingPasstTests {
    @Test func theMessageNamesThePackage() throws {
        #expect(throws: SystemCallError.self) { _ = try ChildProcess(["no-such-program-anywhere"], descriptors: []) }
        let error = PasstError(SystemCallError("posix_spawn", on: "passt", errno: .noSuchFileOrDirectory))
        #expect("\(error)".contains("install the Debian package 'passt'"))
    }
}
