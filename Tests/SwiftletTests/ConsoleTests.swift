import Foundation
import Testing

@testable import Swiftlet

/// The console of a machine, and who reads it or does not.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct ConsoleTests {
    /// What the payload `flood` prints without end.
    private static let line = Array(UInt8(ascii: "!")..<UInt8(ascii: "!") + 63)

    /// With nobody to read, the guest stops, and requests are answered; with a reader, it goes on, and nothing is lost.
    @Test func aGuestCanWaitForItsReader() async throws {
        try await withMicroVM(try Payload.configuration("flood"), unreadConsole: .holdsGuest) { vm in
            let buffer = vm.shared.console
            while buffer.unread < ConsoleBuffer.limit { try await Task.sleep(for: .milliseconds(20)) }
            try await Task.sleep(for: .milliseconds(300))
            #expect(buffer.unread < ConsoleBuffer.limit + (64 << 10))
            #expect(try await vm.get().state == .running)

            try await vm.console.read(through: "flooding the console\n")
            var rest: [UInt8] = []
            var lineCount = 0
            for await bytes in vm.console {
                rest += bytes
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    try #require(rest[..<end].elementsEqual(Self.line), "bytes were lost after \(lineCount) lines")
                    rest.removeFirst(end + 1)
                    lineCount += 1
                }
                if lineCount * Self.line.count > 2 * ConsoleBuffer.limit { break }
            }
            #expect(vm.console.lostCount == 0)
        }
    }

    /// A machine's end waits for no reader, and the reader gets all the same.
    @Test func aGuestThatWaitsCanBeKilled() async throws {
        try await withMicroVM(try Payload.configuration("flood"), unreadConsole: .holdsGuest) { vm in
            while vm.shared.console.unread < ConsoleBuffer.limit { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await vm.kill().cause == .killed)
            var count = 0
            for await bytes in vm.console { count += bytes.count }
            #expect(count >= ConsoleBuffer.limit)
            #expect(vm.console.lostCount == 0)
        }
    }

    @Test func aGuestThatNobodyReadsGoesOn() async throws {
        try await withMicroVM(try Payload.configuration("flood")) { vm in
            while vm.console.lostCount < 64 << 10 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(vm.console.recent.count == 256 << 10)
            // Whoever comes late reads on from what is kept.
            var count = 0
            let lost = vm.console.lostCount
            for await bytes in vm.console {
                count += bytes.count
                if count > 300 << 10 { break }
            }
            #expect(vm.console.lostCount >= lost)
        }
    }

    @Test func readingGoesOnWhereItWas() async throws {
        try await withMicroVM(try Payload.configuration("echo")) { vm in
            let greeting = try await vm.console.read(through: "to a full ")
            #expect(greeting.count == "echoing in upper case up to a full ".utf8.count)
            var rest: [UInt8] = []
            for await bytes in vm.console {
                rest += bytes
                if rest.last == UInt8(ascii: "\n") { break }
            }
            #expect(String(decoding: rest, as: UTF8.self) == "stop\n")
            try await vm.write("abcabcabd.")
            #expect(try await vm.console.read(through: "ABCABD").count == 9)
            #expect(vm.console.recent.starts(with: greeting + rest))

            let error = await #expect(throws: MicroVMError.self) { try await vm.console.read(through: "never") }
            guard case .consoleEnded("never", _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func readingHasALimit() async throws {
        try await withMicroVM(try Payload.configuration("flood")) { vm in
            _ = await #expect(throws: MicroVMError.tooMuchOutput(limit: 100_000)) {
                try await vm.console.read(through: "never", limit: 100_000)
            }
        }
        await #expect(throws: MicroVMError.tooMuchOutput(limit: 100_000)) {
            _ = try await MicroVM.run(try Payload.configuration("flood"), outputLimit: 100_000)
        }
    }

    @Test func inputThatNobodyTakesIsRefusedInTheEnd() async throws {
        try await withMicroVM(try Payload.configuration("halt")) { vm in
            let much = [UInt8](repeating: 0x78, count: 512 << 10)
            try await vm.write(much)
            try await vm.write(much)
            var error = await #expect(throws: ControlError.self) { try await vm.write(much) }
            #expect(error?.kind == .resource)
            error = await #expect(throws: ControlError.self) { try await vm.write(much + [0]) }
            #expect(error?.kind == .invalidArgument)
        }
    }
}
