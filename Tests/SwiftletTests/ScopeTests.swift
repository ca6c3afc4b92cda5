import Foundation
import ProcessTable
import Swiftlet
import Synchronization
import Testing

/// That no machine is left, however its use ends.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct ScopeTests {
    private struct Unexpected: Error {}

    /// A machine's process, told by what runs it.
    private final class Seen: Sendable {
        private let value = Mutex<Int32?>(nil)

        func set(_ vm: MicroVM) {
            value.withLock { $0 = vm.pid }
        }

        var pid: Int32? { value.withLock { $0 } }

        func await() async throws -> Int32 {
            while true {
                if let pid { return pid }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func isGone(_ pid: Int32) -> Bool {
        !ProcessTable.isRunning(pid) && !ProcessTable.children.contains(pid)
    }

    @Test(arguments: ["halt", "flood"])
    func leavingByReturning(payload: String) async throws {
        let pid = try await withMicroVM(try Payload.configuration(payload)) { vm in
            #expect(ProcessTable.isRunning(vm.pid))
            return vm.pid
        }
        #expect(isGone(pid))
    }

    @Test func leavingByThrowing() async throws {
        let seen = Seen()
        await #expect(throws: Unexpected.self) {
            try await withMicroVM(try Payload.configuration("halt")) { vm in
                seen.set(vm)
                throw Unexpected()
            }
        }
        #expect(isGone(try #require(seen.pid)))
    }

    /// What the body waits for when its task is cancelled.
    enum Wait: CaseIterable {
        case end, console, event, time, nothing
    }

    @Test(arguments: Wait.allCases)
    func leavingByCancellation(wait: Wait) async throws {
        let seen = Seen()
        let task = Task {
            try await withMicroVM(try Payload.configuration("halt")) { vm in
                seen.set(vm)
                switch wait {
                case .end: _ = try await vm.wait()
                case .console: for await _ in vm.console {}
                case .event: for await _ in vm.events {}
                case .time: try await Task.sleep(for: .seconds(1000))
                case .nothing:
                    // The machine goes although the body does not care.
                    while ProcessTable.isRunning(vm.pid) { await Task.yield() }
                }
            }
        }
        let pid = try await seen.await()
        let begin = ContinuousClock.now
        task.cancel()
        _ = await task.result
        #expect(ContinuousClock.now - begin < .seconds(60))
        #expect(isGone(pid))
    }

    @Test func cancellationBeforeTheStart() async throws {
        let task = Task {
            // Not before it was cancelled.
            try? await Task.sleep(for: .seconds(1000))
            return try await MicroVM.start(try Payload.configuration("halt"))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    /// Whatever step of the start it comes in.
    @Test func cancellationAtAnyTime() async throws {
        for delay in stride(from: 0, to: 40, by: 2) {
            let seen = Seen()
            let task = Task {
                try await withMicroVM(try Payload.configuration("halt")) { vm in
                    seen.set(vm)
                    _ = try await vm.wait()
                }
            }
            try await Task.sleep(for: .milliseconds(delay))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            if let pid = seen.pid { #expect(isGone(pid)) }
        }
    }

    @Test func runningIsEndedByCancellation() async throws {
        let task = Task { try await MicroVM.run(try Payload.configuration("halt")) }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    /// Waiting is given up, and the machine is not.
    @Test func cancellingAWaitLeavesAMachineAlone() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        let waiter = Task { try await vm.wait() }
        let reader = Task { try await vm.console.read(through: "nothing of the kind") }
        try await Task.sleep(for: .milliseconds(50))
        waiter.cancel()
        reader.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiter.value }
        await #expect(throws: CancellationError.self) { try await reader.value }
        #expect(try await vm.get().state == .running)
        // A task that is cancelled itself can still clean up.
        let killer = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await vm.kill()
        }
        killer.cancel()
        #expect(try await killer.value.cause == .killed)
        #expect(isGone(vm.pid))
    }

    @Test func aMachineThatNobodyHasAnyMoreIsKilled() async throws {
        var vm: MicroVM? = try await MicroVM.start(try Payload.configuration("halt"))
        let pid = try #require(vm?.pid)
        vm = nil
        #expect(try await ProcessTable.awaitEnd(of: pid))
    }

    /// Whoever reads a machine's console has the machine.
    @Test func readingKeepsAMachine() async throws {
        let console = try await MicroVM.start(try Payload.configuration("flood")).console
        var count = 0
        for await bytes in console {
            count += bytes.count
            if count > 100_000 { break }
        }
        #expect(count > 100_000)
    }
}
