import Foundation
import TemporaryFiles
import Testing

/// The guest's serial port as stdin and stdout, with all that pipes and files can do.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct StreamTests {
    private static let echoLine = "echoing in upper case up to a full stop"
    private static let floodLine = "flooding the console"

    @Test func inputFromAPipeReachesTheGuest() throws {
        let result = try Swiftlet.run(payload: "echo", stdin: .bytes(Array("hello, World\n\u{3}.rest".utf8)))
        #expect(result.output == "\(Self.echoLine)\nHELLO, WORLD\n\u{3}")
        #expect(result.errors == "")
        #expect(result.ending == .exited(7))
    }

    /// More than the serial port's FIFO, a pipe and our buffers hold; nothing is lost or out of order.
    @Test func muchInputFromAFileComesBackInOrder() throws {
        let text = (0..<2000).map { "line \($0)\n" }.joined()
        let file = try TemporaryFile(text + ".")
        let result = try Swiftlet.run(payload: "echo", stdin: .file(file.path))
        #expect(result.output == "\(Self.echoLine)\n" + text.uppercased())
        #expect(result.ending == .exited(7))
    }

    /// The guest is not told of its input's end, and runs on.
    @Test func theEndOfInputDoesNotEndTheMachine() throws {
        let result = try Swiftlet.run(
            payload: "echo", ["--timeout", "700ms"], stdin: .bytes(Array("and then".utf8)))
        #expect(result.output == "\(Self.echoLine)\nAND THEN")
        #expect(result.ending == .exited(124))
    }

    @Test func outputGoesToAFile() throws {
        let file = try TemporaryFile("")
        let result = try Swiftlet.run(payload: "hello", stdout: .file(file.path))
        #expect(result.ending == .exited(0))
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "hello from a bare-metal guest\n")
    }

    @Test func aReaderThatGoesAwayEndsItBySIGPIPE() throws {
        let session = try Swiftlet.start(payload: "flood", until: Self.floodLine)
        try session.await(bytes: 1000)
        session.closeOutput()
        let result = try session.end()
        #expect(result.ending == .signalled(SIGPIPE))
        #expect(result.errors == "")
        expectFlood(result.stdout)
    }

    @Test func aFullDiskIsNamed() throws {
        let result = try Swiftlet.run(payload: "flood", stdout: .file("/dev/full"))
        #expect(result.ending == .exited(125))
        #expect(result.errors == "swiftlet: stdout: No space left on device; the machine was killed\n")
    }

    @Test func theLimitOnFilesSizesIsNamed() throws {
        let kernel = try Swiftlet.payload("flood")
        let output = FileManager.default.temporaryDirectory.appending(path: "flood-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: output) }
        let session = try Session(
            "/bin/sh",
            ["-c", #"ulimit -f 8; exec "$@" >"$0""#, output, Swiftlet.program, "run", "--kernel", kernel],
            stdin: .bytes([]), stdout: .captured)
        let result = try session.end()
        #expect(result.ending == .exited(125))
        #expect(result.errors == "swiftlet: stdout: File too large; the machine was killed\n")
    }

    /// The guest waits for a reader that pauses: nothing is lost, and the process does not grow meanwhile.
    @Test func aReaderThatStallsGetsEverythingInOrder() throws {
        let session = try Swiftlet.start(payload: "flood", ["--memory", "16M"], until: Self.floodLine)
        try session.await(bytes: 10_000)
        usleep(300_000)
        let before = try residentKilobytes(session.process)
        usleep(1_000_000)
        let after = try residentKilobytes(session.process)
        #expect(after - before < 1024, "\(before) kB grew to \(after) kB")
        try session.await(bytes: session.stdout.count + 100_000)
        session.send(SIGQUIT)
        let result = try session.end()
        #expect(result.ending == .signalled(SIGQUIT))
        expectFlood(result.stdout)
    }

    @Test func timeLimitEndsAMachineThatNobodyReads() throws {
        let isPrompt = try inOneOfFiveTries {
            let session = try Swiftlet.start(payload: "flood", ["--timeout", "1s"], until: Self.floodLine)
            let begin = ContinuousClock.now
            usleep(2_500_000)
            let result = try session.end()
            #expect(result.ending == .exited(124))
            expectFlood(result.stdout)
            // A second for the machine and one for the reader.
            return ContinuousClock.now - begin < .seconds(4)
        }
        #expect(isPrompt)
    }

    @Test func timeLimitEndsAFloodThatIsRead() throws {
        let result = try Swiftlet.run(payload: "flood", ["--timeout", "1s"])
        #expect(result.ending == .exited(124))
        #expect(result.errors == "swiftlet: the time limit of 1s ran out\n")
        expectFlood(result.stdout)
    }

    /// Whether the guest ends before the write has failed or not.
    @Test(arguments: [(nil, "Bad file descriptor"), ("/dev/full", "No space left on device")] as [(String?, String)])
    func lostOutputIsAFailure(path: String?, reason: String) throws {
        for payload in ["hello", "first-byte", "echo"] {
            let result = try Swiftlet.run(payload: payload, stdout: path.map { .file($0) } ?? .closed)
            #expect(result.ending == .exited(125))
            let ends = ["the machine was killed", "the end of the output is lost"]
            #expect(ends.contains { result.errors == "swiftlet: stdout: \(reason); \($0)\n" }, "\(result.errors)")
        }
    }

    /// No file of ours takes its place.
    @Test func withoutAStdinTheGuestReadsNothing() throws {
        let session = try Swiftlet.start(
            payload: "echo", ["--timeout", "1s"], stdin: .closed, until: Self.echoLine)
        let input = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(session.process)/fd/0")
        #expect(input == "/dev/null")
        let result = try session.end()
        #expect(result.output == "\(Self.echoLine)\n")
        #expect(result.ending == .exited(124))
    }

    /// The flood's first bytes, without a gap.
    private func expectFlood(_ bytes: [UInt8]) {
        let head = Array("\(Self.floodLine)\n".utf8)
        #expect(bytes.starts(with: head))
        let line = Array(UInt8(ascii: "!")..<UInt8(ascii: "!") + 63) + [UInt8(ascii: "\n")]
        let wrong = bytes.dropFirst(head.count).enumerated().first { $0.element != line[$0.offset % line.count] }
        #expect(wrong == nil, "byte \(wrong?.offset ?? 0) of \(bytes.count) is wrong")
    }

    private func residentKilobytes(_ process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.filter(\.isNumber)))
    }
}
