import CLinux
import Glibc
import Linux
import Synchronization

@testable import Devices

/// A serial port with its console's thread; the test is the guest.
final class RunningConsole: Sendable {
    let port: Serial16550
    private let thread: Mutex<ConsoleThread?>
    private let record: Record
    /// Kept open as long as the thread may use them.
    private let channels: [Channel]

    private final class Record: Sendable {
        let events = Mutex<[ConsoleEvent]>([])
        let tapped = Mutex<[UInt8]>([])
    }

    /// - Parameter interactive: input is a terminal, which output goes to as well.
    init(input: Channel? = nil, output: Channel, interactive: Bool = false) throws {
        let record = Record()
        let console = try Console()
        port = Serial16550(console: console) {}
        thread = Mutex(
            try ConsoleThread(
                console: console, port: port, input: interactive ? output.writing : input?.reading,
                output: output.writing, interactive: interactive,
                tap: { bytes in record.tapped.withLock { $0 += bytes } },
                report: { event in record.events.withLock { $0.append(event) } }))
        self.record = record
        channels = [output] + (input.map { [$0] } ?? [])
    }

    var events: [ConsoleEvent] { record.events.withLock { $0 } }
    var tapped: [UInt8] { record.tapped.withLock { $0 } }

    func startFinishing() {
        thread.withLock { $0?.finish() }
    }

    func finish() {
        startFinishing()
        thread.withLock { $0.take() }?.join()
    }

    func stop() {
        thread.withLock { $0?.stop() }
        thread.withLock { $0.take() }?.join()
    }

    func waitForEvent(_ event: ConsoleEvent) {
        while !events.contains(event) { usleep(1000) }
    }

    /// Writes as a driver does, waiting for the transmitter before each burst.
    func send(_ bytes: [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 16) {
            while port.read(5) & 0x20 == 0 { sched_yield() }
            for byte in bytes[start..<min(start + 16, bytes.count)] { port.write(byte, to: 0) }
        }
    }

    /// Writes 16 bytes, unless the transmitter stays busy for that long.
    func sendBurst(within patience: Duration) -> Bool {
        let end = ContinuousClock.now + patience
        while port.read(5) & 0x20 == 0 {
            if ContinuousClock.now > end { return false }
            usleep(1000)
        }
        for _ in 0..<16 { port.write(0x2e, to: 0) }
        return true
    }

    /// Listens, and reads that many bytes.
    func receive(count: Int) -> [UInt8] {
        port.write(0x01, to: 2)
        port.write(0x01, to: 1)
        var bytes: [UInt8] = []
        while bytes.count < count {
            if port.read(5) & 0x01 != 0 { bytes.append(port.read(0)) } else { sched_yield() }
        }
        return bytes
    }
}

/// Two connected descriptors of some kind.
final class Channel: Sendable {
    let reading: CInt
    let writing: CInt
    private let isOpen = Mutex((reading: true, writing: true))

    init(_ kind: ConsoleThreadTests.Sink) throws {
        var pair: (CInt, CInt) = (-1, -1)
        try withUnsafeMutableBytes(of: &pair) { bytes in
            let pair = bytes.assumingMemoryBound(to: CInt.self)
            switch kind {
            case .pipe: try systemCall("pipe") { pipe(pair.baseAddress) }
            case .socket:
                try systemCall("socketpair") {
                    socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, pair.baseAddress)
                }
            case .terminal:
                var settings = termios()
                cfmakeraw(&settings)
                settings.c_cflag |= tcflag_t(CREAD)
                try systemCall("openpty") { openpty(&pair[0], &pair[1], nil, &settings, nil) }
            case .file:
                pair[0] = try systemCall("memfd_create") { memfd_create("console", 0) }
                pair[1] = try systemCall("dup") { dup(pair[0]) }
            }
        }
        (reading, writing) = pair
    }

    deinit {
        closeReading()
        closeWriting()
    }

    func closeReading() {
        isOpen.withLock { isOpen in
            if isOpen.reading { close(reading) }
            isOpen.reading = false
        }
    }

    func closeWriting() {
        isOpen.withLock { isOpen in
            if isOpen.writing { close(writing) }
            isOpen.writing = false
        }
    }

    func write(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(writing, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            done += count
        }
    }

    /// Types at the terminal.
    func type(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Glibc.write(reading, $0.baseAddress, $0.count) }
    }

    var unreadBytes: CInt {
        var count: CInt = 0
        _ = ioctl(reading, UInt(FIONREAD), &count)
        return count
    }

    /// Fills a file, and goes back to its start.
    func fill(_ bytes: [UInt8]) throws {
        write(bytes)
        try systemCall("lseek") { lseek(reading, 0, SEEK_SET) }
    }

    /// What is in the file.
    func contents() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(try systemCall("lseek") { lseek(reading, 0, SEEK_END) }))
        _ = try systemCall("pread") { pread(reading, &bytes, bytes.count, 0) }
        return bytes
    }
}

/// Reads a known number of bytes on a thread of its own.
final class BackgroundReader: Sendable {
    private let result = Result()
    private let thread: Mutex<NativeThread?>

    private final class Result: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    init(_ descriptor: CInt, count: Int, delay: UInt32 = 0) throws {
        let result = result
        thread = Mutex(
            try NativeThread(name: "reader") {
                usleep(delay)
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 65536)
                while bytes.count < count {
                    let got = read(descriptor, &buffer, buffer.count)
                    guard got > 0 else { break }
                    bytes += buffer[..<got]
                }
                result.bytes.withLock { [bytes] in $0 = bytes }
            })
    }

    func wait() -> [UInt8] {
        thread.withLock { $0.take() }?.join()
        return result.bytes.withLock { $0 }
    }
}
