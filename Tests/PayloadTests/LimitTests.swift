import Foundation
import Linux
import Testing

/// The machine's share of this host, on hosts where this user may make control groups.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct LimitTests {
    private static let spinning = "spinning with interrupts off"

    /// The directory of a process's control group for the controller `cpu`, where this test process may make some.
    private static func group(of process: pid_t) -> String? {
        let lines = (try? String(contentsOfFile: "/proc/\(process)/cgroup", encoding: .utf8)) ?? ""
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].split(separator: ",").contains("cpu") { return "/sys/fs/cgroup/\(parts[1])\(parts[2])" }
            if parts[1].isEmpty,
                (try? String(contentsOfFile: "/sys/fs/cgroup/cgroup.controllers", encoding: .utf8)) != nil
            {
                return "/sys/fs/cgroup\(parts[2])"
            }
        }
        return nil
    }

    /// By trying: whether limits can be had depends on more than the user.
    static let canLimit: Bool = {
        guard Swiftlet.canRun, let payload = try? Swiftlet.payload("hello") else { return false }
        let result = try? Swiftlet.run(["run", "--cpu-quota", "1", "--kernel", payload])
        return result?.ending == .exited(0)
    }()
    static let cannotLimit: Comment = "this user may not make control groups: 'swiftlet run --cpu-quota 1' says why"

    /// Microseconds or nanoseconds have different names in the versions, periods have not.
    private func throttledPeriods(in group: String) throws -> Int {
        let text = try String(contentsOfFile: "\(group)/cpu.stat", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") })
        return try #require(Int(line.dropFirst("nr_throttled ".count)))
    }

    @Test(.enabled(if: canLimit, cannotLimit), arguments: [SIGTERM, SIGQUIT])
    func aBusyMachineIsHeldBack(signal: CInt) throws {
        let home = Self.group(of: getpid())
        let session = try Swiftlet.start(
            payload: "spin", ["--cpu-quota", "50%", "--cpu-weight", "50"], until: Self.spinning)
        let group = try #require(Self.group(of: session.process))
        #expect(group.hasSuffix("/swiftlet-\(session.process)"))
        try session.await("a period without processor time") { _ in (try? throttledPeriods(in: group)) ?? 0 > 3 }
        // All that works for the machine is there.
        let processes = try String(contentsOfFile: "\(group)/cgroup.procs", encoding: .utf8)
        #expect(processes == "\(session.process)\n")
        session.send(signal)
        #expect(try session.end().ending == .signalled(signal))
        #expect(!FileManager.default.fileExists(atPath: group))
        #expect(Self.group(of: getpid()) == home)
    }

    @Test(.enabled(if: canLimit, cannotLimit))
    func theNextOneRemovesWhatOneThatWasKilledLeft() throws {
        let session = try Swiftlet.start(
            payload: "spin", ["--cpu-quota", "0.5"], until: Self.spinning)
        let group = try #require(Self.group(of: session.process))
        session.send(SIGKILL)
        #expect(try session.end().ending == .signalled(SIGKILL))
        #expect(try Swiftlet.run(payload: "hello", ["--cpu-quota", "0.5"]).ending == .exited(0))
        #expect(!FileManager.default.fileExists(atPath: group))
    }

    @Test(.enabled(if: canLimit, cannotLimit))
    func aServedMachineHasItsLimitsFromItsMakingToItsEnd() throws {
        let machine = try ServedMachine(
            payload: "spin", configuration: ["limits": ["cpuQuota": "50%", "cpuWeight": 200]], started: false)
        let group = try #require(Self.group(of: machine.session.process))
        #expect(group.hasSuffix("/swiftlet-\(machine.session.process)"))
        let config = try #require(try machine.request("vm.get")["config"] as? [String: Any])
        #expect(config["limits"] as? NSDictionary == ["cpuQuota": "0.5", "cpuWeight": 200])
        try machine.request("vm.start")
        try machine.request("vm.kill")
        try machine.session.await("the group's end") { _ in !FileManager.default.fileExists(atPath: group) }
        #expect(try machine.end().ending == .exited(0))
    }

    /// A machine that cannot be made leaves nothing, and another one can be made.
    @Test(.enabled(if: canLimit, cannotLimit))
    func whatIsNotMadeHasNoLimits() throws {
        let machine = try ServedMachine()
        let home = Self.group(of: machine.session.process)
        let limits = ["cpuQuota": "0.5"]
        let refusal = try machine.refusal(
            "vm.create", ["config": ["kernel": ["path": "/nonesuch"], "limits": limits]])
        #expect(refusal["kind"] as? String == "notFound")
        #expect(Self.group(of: machine.session.process) == home)
        let kernel = ["path": try Swiftlet.payload("hello")]
        try machine.request("vm.create", ["config": ["kernel": kernel, "limits": limits]])
        #expect(Self.group(of: machine.session.process) != home)
        #expect(try machine.end().ending == .exited(0))
        #expect(Self.group(of: getpid()) == home)
    }

    @Test(arguments: [
        (["--cpu-quota", "fast"], "write a number of CPUs, such as 1.5, or a percentage of one, such as 150%"),
        (["--cpu-weight", "0"], "swiftlet: --cpu-weight 0: a weight is 1 to 10000\n"),
        (["--io-weight", "10001"], "swiftlet: --io-weight 10001: a weight is 1 to 10000\n"),
        (["--cpu-quota", "0"], "swiftlet: --cpu-quota 0: it must be 0.01 to 1000 CPUs\n"),
    ])
    func whatIsNoLimitIsTold(options: [String], message: String) throws {
        let result = try Swiftlet.run(payload: "hello", options)
        #expect(result.ending == .exited(125))
        #expect(result.output == "")
        #expect(result.errors.contains(message))
    }

    /// Whoever may not have them gets none silently: as somebody who may not write anywhere.
    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func aLimitThatCannotBeHadIsAnError() throws {
        // The program may be where nobody else can reach it.
        let copy = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        let session = try Session(
            "/bin/sh",
            [
                "-c",
                """
                cp "$0" "$1" && chmod 755 "$1"
                setpriv --reuid 65534 --regid 65534 --clear-groups "$1" run --kernel /nonesuch --cpu-quota 0.5
                status=$?
                rm "$1"
                exit $status
                """, Swiftlet.program, copy,
            ], stdin: .bytes([]), stdout: .captured)
        let result = try session.end()
        #expect(result.ending == .exited(125))
        #expect(result.errors.hasPrefix("swiftlet: --cpu-quota 0.5: "))
        #expect(result.errors.hasSuffix("or leave the limit out\n"))
    }
}
