import Glibc
import Linux
import SystemPackage

/// The source of a console's input, read only while the guest takes it.
///
/// A terminal with an escape is read ahead of the guest, up to a limit, as its user must be able to leave while
/// the guest does not listen.
struct ConsoleInput: ~Copyable {
    /// What of the source's fate concerns the console's owner.
    enum End: Equatable {
        case reached
        case failed(SystemCallError)
        case left
    }

    /// Bytes that a terminal's user can be ahead of the guest; as many as in the kernel's own line discipline.
    static let readAhead = 4096

    private let token: UInt64
    /// Nil after the end.
    private var descriptor: CInt?
    private var escape: InteractiveEscape?
    /// Read, and not yet taken by the guest.
    private var held: [UInt8] = []
    private var isWatched = false
    private var isAlwaysReady = false
    /// Only while it is watched.
    private var isReady = false

    /// - Parameters:
    ///   - descriptor: stays open and as it is.
    ///   - token: its events' token.
    init(_ descriptor: CInt?, escape: InteractiveEscape?, token: UInt64) {
        self.descriptor = descriptor
        self.escape = escape
        self.token = token
    }

    mutating func becameReady() {
        isReady = true
    }

    /// Moves input from the source to the guest, and watches the source while there is room for more.
    ///
    /// - Parameter end: called when the source comes to its end.
    /// - Returns: whether there is more to move at once.
    mutating func pump(to port: any ConsolePort, watching poller: borrowing Poller, end: (End) -> Void) -> Bool {
        offer(to: port)
        guard let descriptor else { return false }
        let room = room(in: port)
        guard room > 0 else {
            unwatch(poller)
            return false
        }
        guard isReady || isAlwaysReady else {
            if let error = watch(descriptor, poller) {
                close(poller)
                end(.failed(error))
            }
            return isAlwaysReady
        }

        isReady = false
        if let cause = read(descriptor, atMost: room) {
            close(poller)
            end(cause)
        }
        offer(to: port)
        guard self.room(in: port) > 0 else {
            unwatch(poller)
            return false
        }
        return isAlwaysReady
    }

    /// Stops reading the source for good.
    mutating func close(_ poller: borrowing Poller) {
        unwatch(poller)
        descriptor = nil
        isAlwaysReady = false
    }

    // MARK: -

    /// How many bytes may be read now.
    private func room(in port: any ConsolePort) -> Int {
        if escape != nil { return Self.readAhead - held.count }
        return held.isEmpty ? port.roomForInput() : 0
    }

    private mutating func offer(to port: any ConsolePort) {
        guard !held.isEmpty else { return }
        let taken = held.withUnsafeBytes { port.receive($0) }
        held.removeFirst(taken)
    }

    /// Reads once, into `held`.
    ///
    /// - Returns: why there will be no more, or nil.
    private mutating func read(_ descriptor: CInt, atMost limit: Int) -> End? {
        var buffer = [256 of UInt8](repeating: 0)
        var span = buffer.mutableSpan
        let outcome = span.withUnsafeMutableBufferPointer { bytes in
            Result { () throws(SystemCallError) in
                try systemCall("read", on: "console input") {
                    Glibc.read(descriptor, bytes.baseAddress, min(limit, bytes.count))
                }
            }
        }
        switch outcome {
        case .success(0): return .reached
        case .success(let count):
            for index in 0..<count {
                if escape == nil {
                    held.append(buffer[index])
                } else if escape?.filter(buffer[index], into: &held) == true {
                    return .left
                }
            }
            return nil
        case .failure(let error): return error.errno == .wouldBlock ? nil : .failed(error)
        }
    }

    private mutating func watch(_ descriptor: CInt, _ poller: borrowing Poller) -> SystemCallError? {
        guard !isWatched else { return nil }
        do {
            try poller.add(descriptor, for: .readable, token: token)
            isWatched = true
            return nil
        } catch {
            guard error.errno == .notPermitted else { return error }
            isAlwaysReady = true
            return nil
        }
    }

    private mutating func unwatch(_ poller: borrowing Poller) {
        // To read what is no longer watched would leave it unwatched.
        isReady = false
        guard isWatched, let descriptor else { return }
        // A watched descriptor that somebody closed meanwhile is gone from the set already.
        try? poller.remove(descriptor)
        isWatched = false
        // It would not be watched again after the read that this allows.
        isReady = false
    }
}
