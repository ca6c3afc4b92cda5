import Foundation
import Swiftlet
import SwiftletTesting
import Synchronization
import Testing

/// `@Test(.microVM(…))` as tests use it.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct TraitTests {
    private static let seen = Mutex<Set<Int32>>([])

    @Test(.microVM(try Payload.configuration("echo")), arguments: 1...3)
    func eachTestHasAMachineOfItsOwn(number: Int) async throws {
        let vm = try MicroVM.current
        #expect(Self.seen.withLock { $0.insert(vm.pid).inserted })
        try await vm.write("\(number)a.")
        try await vm.console.read(through: "\(number)A")
        #expect(try await vm.wait().code == 7)
    }

    @Suite(.microVM(try Payload.configuration("echo")), .enabled(if: Payload.canRun, Payload.cannotRun))
    struct OfASuite {
        @Test func one() async throws {
            try await MicroVM.current.console.read(through: "full stop")
        }

        @Test(arguments: [1, 2]) func several(number: Int) async throws {
            try await MicroVM.current.console.read(through: "full stop")
        }
    }

    @Test func aTestWithoutTheTraitHasNone() {
        #expect(throws: MicroVM.NoCurrentError.self) { _ = try MicroVM.current }
    }

    struct Mistake: Error {}

    /// Tests that fail, and that only run as the other test wants it.
    @Suite(.enabled(if: ProcessInfo.processInfo.environment["SWIFTLET_FAILING_TESTS"] != nil))
    struct Failing {
        @Test(.microVM(try Payload.configuration("echo"))) func byExpectations() async throws {
            try await MicroVM.current.console.read(through: "full stop\n")
            #expect(1 == 2)
            #expect(1 == 3)
        }

        @Test(.microVM(try Payload.configuration("echo"))) func byAnError() async throws {
            try await MicroVM.current.console.read(through: "full stop\n")
            throw Mistake()
        }
    }

    @Test(arguments: ["byExpectations", "byAnError"])
    func aFailureTellsOfTheConsole(test: String) async throws {
        let console = "echoing in upper case up to a full stop"
        let directory = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let tests = Program(
            path: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"), remedy: "")
        let result = try await tests.run(
            ["--testing-library", "swift-testing", "--filter", test, "--attachments-path", directory],
            environment: ["SWIFTLET_FAILING_TESTS": "1"])
        #expect(result.status == .exited(1))
        let output = result.output + result.errors
        #expect(output.ranges(of: console).count == 1, "\(output)")
        let attachments = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(attachments.count == 1 && attachments.first?.hasPrefix("console") == true)
        for name in attachments {
            #expect(try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8) == console + "\n")
        }
    }

    @Test func whatTheConfigurationThrowsFailsTheTest() async throws {
        let test = try #require(Test.current)
        @Sendable func fail() throws -> VMConfiguration { throw Mistake() }
        let trait: MicroVMTrait = .microVM(try fail())
        await #expect(throws: Mistake.self) {
            try await trait.provideScope(for: test, testCase: Test.Case.current) { Issue.record("it ran") }
        }
    }
}
