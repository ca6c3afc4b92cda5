import Foundation
import ProcessTable
import Testing

/// What machines leave behind in the process that started them, and what that leaves behind: another program, `embedder`.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct LeakTests {
    private static let embedder = Program(
        path: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "embedder").path, remedy: "swift build --build-tests")

    /// The numbers that it prints.
    private func numbers(_ task: String, _ payload: String, _ option: String) async throws -> [Int] {
        let kernel = try Payload.configuration(payload).kernel.path
        let result = try await Self.embedder.run([task, kernel, option])
        #expect(result.errors == "")
        let numbers = result.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(!numbers.isEmpty, "status \(result.status)")
        return numbers
    }

    @Test func startingAndKillingLeavesNothing() async throws {
        let numbers = try await numbers("cycles", "halt", "200")
        let (descriptors, threads, children) = (numbers[0], numbers[1], numbers[2])
        #expect(descriptors == 0)
        // The runtime has some of its own, which come and go.
        #expect(threads <= 4)
        #expect(children == 0)
    }

    @Test(arguments: ["drops", "holds"])
    func aConsoleThatIsNeverReadTakesNoMemory(unread: String) async throws {
        let growth = try await numbers("unread", "flood", unread)
        #expect(growth[0] < 2 << 20, "without requests")
        #expect(growth[1] < 1 << 20, "by requests")
    }

    /// A process that holds all the same descriptors cannot keep a machine alive.
    @Test(arguments: ["alone", "forking"])
    func aMachineGoesWithItsParent(option: String) async throws {
        let pids = try await numbers("die", "halt", option).map { Int32($0) }
        #expect(pids[0] > 0)
        #expect(try await ProcessTable.awaitEnd(of: pids[0]))
        if option == "forking" {
            #expect(ProcessTable.isRunning(pids[1]), "the descriptors were not held any more")
            kill(pids[1], SIGKILL)
        }
    }
}
