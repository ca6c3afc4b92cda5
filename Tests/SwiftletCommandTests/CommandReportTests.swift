import Foundation
import Machine
import SystemPackage
import Testing

@testable import Agent
@testable import SwiftletCommand

/// What becomes of a command's end: an exit status, and the line of `--status-file`.
struct CommandReportTests {
    /// - Parameter how: as the agent tells it: 0 exited, 1 signalled.
    private func exit(_ how: UInt32, _ value: UInt32, limits: UInt32 = 0) throws -> CommandEnding {
        var bytes: [UInt8] = []
        for number in [how, value] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        for number in [2_500_000, 1_500, 4096] as [UInt64] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        for number in [limits, 0] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        var payload = PayloadReader(bytes)
        return .ended(try CommandExit(&payload), lostOutput: false)
    }

    private func report(_ ending: CommandReport.Ending, _ outcome: Outcome? = nil) -> CommandReport {
        CommandReport(ending, outcome, command: "c", limit: TimeSpan("5s"))
    }

    @Test(
        arguments: [
            (0, 0, 0, 0, .exited), (0, 3, 0, 3, .exited), (0, 255, 0, 255, .exited), (1, 9, 0, 137, .signalled),
            (1, 15, 1, 143, .signalled), (1, 9, 1, 137, .outOfMemory), (0, 1, 1, 1, .outOfMemory),
            (0, 0, 1, 0, .exited),
            (0, 1, 4, 1, .diskFull), (0, 2, 2, 2, .tooManyProcesses), (0, 1, 7, 1, .outOfMemory),
        ] as [(UInt32, UInt32, UInt32, Int32, CommandReport.Cause)])
    func anEndIsTheCommands(how: UInt32, value: UInt32, limits: UInt32, status: Int32, cause: CommandReport.Cause)
        throws
    {
        let report = report(.command(try exit(how, value, limits: limits)))
        #expect(report.status == status && report.cause == cause)
        // Limits are told in words, and a command that ended by itself is not commented on.
        #expect((report.message == nil) == (cause == .exited || cause == .signalled))
    }

    @Test func whatDidNotStartIsAShells() {
        let missing = report(.command(.notStarted(.execution, errno: ENOENT)))
        #expect(missing.status == 127 && missing.cause == .notFound && missing.message == "c: not found in the guest")
        #expect(report(.command(.notStarted(.execution, errno: EACCES))).status == 126)
        #expect(report(.command(.notStarted(.directory, errno: ENOENT))).status == 126)
        #expect(report(.command(.notStarted(.resources, errno: ENOMEM))).status == 125)
    }

    @Test func otherEndsHaveTheirOwn() {
        #expect(report(.timeLimit).status == 124 && report(.timeLimit).message?.contains("5s") == true)
        #expect(report(.signal(SIGINT)).status == 130)
        #expect(report(.failure(AgentError.closed)).status == 125)
        #expect(report(.command(.unknown(.stalled))).status == 125)
        #expect(report(.machine, .panicked(reason: "why")).status == 255)
        #expect(report(.machine, .panicked(reason: "why")).message?.contains("why") == true)
        #expect(report(.machine, .poweredOff(code: 0)).status == 255)
        #expect(report(.machine, .reset).cause == .guestDied)
    }

    @Test func outputThatCannotBeWrittenIsAFailure() throws {
        var report = report(.command(try exit(0, 3)))
        report.note(outputFailure: .noSpace)
        #expect(report.status == 125 && report.cause == .failed)
    }

    @Test func theLineHasWhatIsKnown() throws {
        func fields(_ report: CommandReport, boot: UInt64? = nil) throws -> NSDictionary? {
            let line = report.line(wall: 2_999_999, boot: boot)
            #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
            return try JSONSerialization.jsonObject(with: Data(line)) as? NSDictionary
        }
        let exited: NSDictionary = [
            "cause": "exited", "code": 3, "wallMs": 2, "bootMs": 1, "userMs": 2500, "systemMs": 1,
            "maxResidentKiB": 4096,
        ]
        #expect(try fields(report(.command(try exit(0, 3))), boot: 1_000_000) == exited)
        let signalled = try fields(report(.command(try exit(1, 15))))
        #expect(signalled?["signal"] as? Int == 15 && signalled?["code"] == nil)
        #expect(try fields(report(.timeLimit)) == ["cause": "timeout", "code": 124, "wallMs": 2])
    }
}
