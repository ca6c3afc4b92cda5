import CLinux
import Glibc
import Linux
import Testing

struct ChildProcessTests {
    /// Waits for a child's end as an event loop does.
    private func awaitEnd(of pid: pid_t) throws {
        let process = try ProcessDescriptor(pid)
        var event = pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        try #require(poll(&event, 1, 10_000) == 1)
    }

    /// What a program prints to the descriptor that it has as `number`.
    private func output(
        _ arguments: [String], from number: Int, environment: ChildProcess.Environment
    ) throws -> String {
        var ends: [CInt] = [-1, -1]
        try systemCall("pipe2") { pipe2(&ends, O_CLOEXEC) }
        let reading = OwnedDescriptor(adopting: ends[0])
        let child = try {
            let writing = OwnedDescriptor(adopting: ends[1])
            return try ChildProcess(
                arguments, descriptors: [writing.rawValue], from: number, environment: environment)
        }()
        try awaitEnd(of: child.pid)
        let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, read(reading.rawValue, buffer.baseAddress, buffer.count))
        }
        #expect(child.end() == .exited(0))
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func theStatusOfOneThatEndedIsTold() throws {
        let child = try ChildProcess(["sh", "-c", "exit 3"], descriptors: [])
        try awaitEnd(of: child.pid)
        #expect(child.status() == .exited(3))
    }

    @Test func aSignalThroughADescriptorEndsIt() throws {
        let child = try ChildProcess(["sleep", "1000"], descriptors: [])
        let process = try ProcessDescriptor(child.pid)
        process.send(signal: SIGTERM)
        try awaitEnd(of: child.pid)
        #expect(child.status() == .signalled(SIGTERM))
        // Its number may be another's by now; the descriptor is not.
        process.send(signal: SIGKILL)
        do throws(SystemCallError) {
            _ = try ProcessDescriptor(pid_t.max)
            Issue.record("there is such a process")
        } catch {
            #expect(error.errno == .noSuchProcess)
        }
    }

    @Test func aStatusThatSomebodyElseWasToldIsNotMadeUp() throws {
        let child = try ChildProcess(["true"], descriptors: [])
        #expect(waitpid(child.pid, nil, 0) == child.pid)
        #expect(child.status() == nil)
    }

    @Test(arguments: 1...9)
    func descriptorsHaveTheNumbersThatWereAskedFor(number: Int) throws {
        let listing = try output(
            ["sh", "-c", "echo here >&\(number); exec ls /proc/self/fd >&\(number)"], from: number,
            environment: .inherited)
        #expect(listing.hasPrefix("here\n"))
        let numbers = listing.dropFirst(5).split(separator: "\n").compactMap { Int($0) }.sorted()
        // Those below are /dev/null, and the last is that of the listing itself.
        #expect(numbers == Array(0...(number + 1)))
    }

    @Test func theEnvironmentIsEmptyUnlessAskedFor() throws {
        #expect(try output(["/usr/bin/env"], from: 1, environment: .empty) == "")
        #expect(try output(["/usr/bin/env"], from: 1, environment: .inherited).contains("PATH="))
    }
}
