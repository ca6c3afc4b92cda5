import Swiftlet
import Synchronization
import Testing

/// What the console of a test's machine has to do with the test's failure.
final class FailureReport: Sendable {
    /// How much of the console is told.
    private static let lineCount = 20

    private let vm: MicroVM
    private let hasFailed = Atomic(false)

    init(of vm: MicroVM) {
        self.vm = vm
    }

    /// - Returns: the issue, and if it is the test's first failure, the end of the console's output with it.
    func add(to issue: Issue) -> Issue {
        guard issue.isFailure, isFirst() else { return issue }
        var issue = issue
        issue.comments.append(consoleEnd)
        return issue
    }

    /// The test has thrown an error, which becomes an issue that nobody can add to.
    func caught(at location: SourceLocation) {
        if isFirst() { Issue.record(consoleEnd, severity: .warning, sourceLocation: location) }
    }

    /// Attaches the console's output, should the test have failed.
    func finish(at location: SourceLocation) {
        guard hasFailed.load(ordering: .relaxed) else { return }
        Attachment.record(vm.console.recent, named: "console.txt", sourceLocation: location)
    }

    private func isFirst() -> Bool {
        !hasFailed.exchange(true, ordering: .relaxed)
    }

    private var consoleEnd: Comment {
        let lines = String(decoding: vm.console.recent, as: UTF8.self).split(separator: "\n")
        guard !lines.isEmpty else { return "the machine's console has printed nothing" }
        let text = lines.suffix(Self.lineCount).map { "    \($0)" }.joined(separator: "\n")
        return "the end of the machine's console:\n\(text)"
    }
}
