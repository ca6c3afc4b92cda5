import CLinux
import Glibc
import Linux
import Synchronization
import Testing

@testable import Devices

@Suite(.timeLimit(.minutes(10))) struct ConsoleThreadTests {
    // MARK: Output

    enum Sink: CaseIterable {
        case pipe, socket, file, terminal
    }

    @Test(arguments: Sink.allCases)
    func allOutputArrives(sink: Sink) throws {
        let channel = try Channel(sink)
        let running = try RunningConsole(output: channel)
        let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let reader = try BackgroundReader(channel.reading, count: sink == .file ? 0 : sent.count)
        running.send(sent)
        running.finish()
        let read = reader.wait()
        let received = sink == .file ? try channel.contents() : read
        #expect(received == sent)
        #expect(running.tapped == sent)
        #expect(running.events == [.ended])
        #expect(running.port.lostOutput == 0)
    }

    @Test(arguments: [Sink.pipe, .terminal, .socket])
    func aReaderThatDoesNotReadStallsTheGuestAndNothingElse(sink: Sink) throws {
        let channel = try Channel(sink)
        let flags = fcntl(channel.writing, F_GETFL)
        let running = try RunningConsole(output: channel)
        var sent = 0
        // A host busy with other tests may stall it for as long.
        repeat {
            while running.sendBurst(within: .milliseconds(300)) { sent += 16 }
        } while sent <= 64 << 10
        #expect(fcntl(channel.writing, F_GETFL) == flags)
        running.stop()
        #expect(running.tapped.count == sent)
        #expect(running.events == [.ended])
    }

    @Test func finishingWaitsForASlowReader() throws {
        let channel = try Channel(.pipe)
        let running = try RunningConsole(output: channel)
        let sent = [UInt8](repeating: 0x2e, count: 100_000)
        running.send(sent)
        let reader = try BackgroundReader(channel.reading, count: sent.count, delay: 200_000)
        running.finish()
        #expect(reader.wait() == sent)
    }

    @Test func stoppingEndsFinishing() throws {
        let running = try RunningConsole(output: Channel(.pipe))
        running.send([UInt8](repeating: 0x2e, count: 100_000))
        running.startFinishing()
        usleep(20_000)
        #expect(running.events == [])
        running.stop()
        #expect(running.events == [.ended])
        #expect(running.tapped.count == 100_000)
    }

    @Test func aBrokenPipeIsReportedOnceAndTheGuestGoesOn() throws {
        signal(SIGPIPE, SIG_IGN)
        let channel = try Channel(.pipe)
        channel.closeReading()
        let running = try RunningConsole(output: channel)
        let sent = [UInt8](repeating: 0x2e, count: 200_000)
        running.send(sent)
        running.finish()
        #expect(running.tapped == sent)
        #expect(
            running.events == [
                .outputFailed(SystemCallError("write", on: "console output", errno: .brokenPipe)), .ended,
            ])
    }

    @Test func aByteArrivesWithoutWaitingForMore() throws {
        let channel = try Channel(.pipe)
        let running = try RunningConsole(output: channel)
        var fastest = UInt64.max
        for byte in UInt8(0)..<20 {
            usleep(byte % 2 == 0 ? 5000 : 100)
            let start = monotonicNanoseconds()
            running.send([byte])
            var received: UInt8 = 0xff
            #expect(read(channel.reading, &received, 1) == 1)
            #expect(received == byte)
            fastest = min(fastest, monotonicNanoseconds() - start)
        }
        // A millisecond by design; the rest is for a host busy with other tests.
        #expect(fastest < 500_000_000)
        running.stop()
    }

    /// What is used where a pipe or terminal cannot be opened a second time.
    @Test(arguments: [Sink.pipe, .terminal])
    func polledOutputStopsBeforeItWouldWait(sink: Sink) throws {
        let channel = try Channel(sink)
        let output = try NonblockingOutput(channel.writing, reopening: false)
        let bytes = [UInt8](repeating: 0x2e, count: 1 << 20)
        var written = 0
        while case .wrote(let count) = bytes.withUnsafeBytes({ output.write($0) }) { written += count }
        #expect(written > 1000 && written < bytes.count)
        let outcome = bytes.withUnsafeBytes { output.write($0) }
        #expect(outcome == .full)
    }

    // MARK: Input

    @Test(arguments: [Sink.pipe, .file, .socket])
    func allInputArrivesAndItsEndIsReported(source: Sink) throws {
        let input = try Channel(source)
        let sent = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let output = try Channel(.pipe)
        if source == .file { try input.fill(sent) }
        let running = try RunningConsole(input: input, output: output)
        let writer = try NativeThread(name: "writer") {
            guard source != .file else { return }
            input.write(sent)
            input.closeWriting()
        }
        #expect(running.receive(count: sent.count) == sent)
        writer.join()
        running.waitForEvent(.inputEnded)
        running.stop()
    }

    @Test func inputStaysAtItsSourceUntilTheGuestListens() throws {
        let input = try Channel(.pipe)
        let running = try RunningConsole(input: input, output: Channel(.pipe))
        input.write(Array("0123456789abcdefghij".utf8))
        usleep(20_000)
        #expect(input.unreadBytes == 20)
        #expect(running.receive(count: 20) == Array("0123456789abcdefghij".utf8))
        running.stop()
    }

    @Test func readingThatFailsEndsTheInputUnlessThereIsJustNothing() throws {
        let channel = try Channel(.pipe)
        _ = fcntl(channel.reading, F_SETFL, O_NONBLOCK)
        let harness = try SerialHarness()
        harness.port.write(0x01, to: 1)
        let poller = try Poller()
        var ends: [ConsoleInput.End] = []
        for descriptor in [channel.reading, channel.writing] {
            var input = ConsoleInput(descriptor, escape: nil, token: 1)
            input.becameReady()
            let again = input.pump(to: harness.port, watching: poller) { ends.append($0) }
            #expect(!again)
        }
        #expect(ends == [.failed(SystemCallError("read", on: "console input", errno: .badFileDescriptor))])
    }

    @Test func theUserCanLeaveAGuestThatDoesNotListen() throws {
        let terminal = try Channel(.terminal)
        let running = try RunningConsole(output: terminal, interactive: true)
        terminal.type(Array("typed ahead, and then some\u{1d}q".utf8))
        running.waitForEvent(.leaveRequested)
        #expect(running.receive(count: 26) == Array("typed ahead, and then some".utf8))
        running.stop()
    }
}
