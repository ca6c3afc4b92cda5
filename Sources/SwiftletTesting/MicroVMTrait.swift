public import Swiftlet
public import Testing

/// Gives each test a microVM of its own, which is gone when the test ends, however it does. In a test it is
/// `MicroVM.current`; in a suite, each of its tests has one.
///
/// When the test fails, the console's latest output is attached to it as `console.txt`, and the end of that is told with
/// its first issue.
public struct MicroVMTrait: TestTrait, SuiteTrait {
    public var isRecursive: Bool { true }

    fileprivate let configuration: @Sendable () throws -> VMConfiguration
    fileprivate let unreadConsole: MicroVM.UnreadConsole
}

extension Trait where Self == MicroVMTrait {
    /// - Parameters:
    ///   - configuration: made anew for each test; what it throws, fails the test.
    ///   - unreadConsole: whether the guest has to wait when the test does not read its console.
    public static func microVM(
        _ configuration: @autoclosure @escaping @Sendable () throws -> VMConfiguration,
        unreadConsole: MicroVM.UnreadConsole = .dropsOldest
    ) -> Self {
        Self(configuration: configuration, unreadConsole: unreadConsole)
    }
}

extension MicroVM {
    /// That a test has no machine.
    public struct NoCurrentError: Error, CustomStringConvertible {
        public var description: String { "this test has no microVM: give it the trait '.microVM(configuration)'" }
    }

    @TaskLocal fileprivate static var ofTest: MicroVM?

    /// The machine of the test that runs.
    public static var current: MicroVM {
        get throws {
            guard let ofTest else { throw NoCurrentError() }
            return ofTest
        }
    }
}

extension MicroVMTrait: TestScoping {
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withMicroVM(try configuration(), unreadConsole: unreadConsole) { vm in
            let report = FailureReport(of: vm)
            defer { report.finish(at: test.sourceLocation) }
            let observer: IssueHandlingTrait = .compactMapIssues { report.add(to: $0) }
            do {
                try await MicroVM.$ofTest.withValue(vm) {
                    try await observer.provideScope(for: test, testCase: testCase, performing: function)
                }
            } catch {
                report.caught(at: test.sourceLocation)
                throw error
            }
        }
    }
}
