/// One connection between a port of the guest and a port of the host, as far as packets go (virtio 1.3 §5.10.6).
///
/// A pure state machine: it is told of the guest's packets and of the host's program, and says what is to be done and
/// which packet is to be sent next.
struct VsockStreamState: Equatable, Sendable {
    enum Phase: Sendable {
        /// The guest asked, and the host's program has not yet taken the connection.
        case connecting
        /// A program of the host's asked, and the guest has not yet answered.
        case requesting
        /// Bytes flow, each way until its sender ends it.
        case established
        /// The host's program is gone; the guest has not yet confirmed that by a reset.
        case closing
    }

    /// What a packet of the guest means for the host.
    enum Reaction: Equatable {
        case none
        /// The guest took the connection that a program of the host's asked for.
        case accepted
        /// The payload is for the host's program, and to be forwarded.
        case deliver
        /// The guest will not do some things any more.
        case shutDown
        /// The guest knows the connection no more.
        case ended
        /// The guest broke the rules: the connection is to be reset.
        case violated
    }

    /// What is to be sent to the guest.
    enum Output: Equatable {
        case control(VsockOperation)
        /// The next bytes of the host's program, this many at most.
        case data(limit: UInt32)
    }

    let host: VsockAddress
    let guest: VsockAddress
    private(set) var phase: Phase
    /// What the guest will not do any more.
    private(set) var guestShutdown: VsockShutdown = []
    /// What the host's program will not do any more.
    private(set) var hostShutdown: VsockShutdown = []
    private var sendCredit = VsockSendCredit()
    private var receiveCredit: VsockReceiveCredit

    private var owesOpening: Bool
    private var owesShutdown = false
    private var owesCredit = false
    /// Whether the guest was asked for credit since it last had some for us.
    private var hasAskedForCredit = false

    /// A connection that the guest asks for.
    init(request: VsockHeader, allocation: UInt32) {
        host = request.destination
        guest = request.source
        phase = .connecting
        owesOpening = false
        receiveCredit = VsockReceiveCredit(allocation: allocation)
        sendCredit.update(request)
    }

    /// A connection that a program of the host's asks for.
    init(from host: VsockAddress, to guest: VsockAddress, allocation: UInt32) {
        self.host = host
        self.guest = guest
        phase = .requesting
        owesOpening = true
        receiveCredit = VsockReceiveCredit(allocation: allocation)
    }

    // MARK: The guest

    /// - Parameter header: of a packet on this connection; its payload is as long as it says.
    mutating func receive(_ header: VsockHeader) -> Reaction {
        guard header.type == VsockHeader.stream, let operation = header.operation else { return .violated }
        sendCredit.update(header)
        if sendCredit.available > 0 { hasAskedForCredit = false }
        switch (operation, phase) {
        case (.reset, _):
            return .ended
        case (.response, .requesting) where !owesOpening:
            phase = .established
            return .accepted
        case (.readWrite, .established), (.readWrite, .closing):
            return receivePayload(header.length)
        case (.shutdown, .established), (.shutdown, .closing):
            guestShutdown.formUnion(VsockShutdown(rawValue: header.flags).intersection(.both))
            return .shutDown
        case (.creditRequest, .established), (.creditRequest, .closing):
            owesCredit = true
            return .none
        case (.creditUpdate, .established), (.creditUpdate, .closing):
            return .none
        default:
            return .violated
        }
    }

    private mutating func receivePayload(_ count: UInt32) -> Reaction {
        guard !guestShutdown.contains(.send), receiveCredit.receive(count) else { return .violated }
        if !hostShutdown.contains(.receive) { return .deliver }
        // What nobody reads must not hold the guest up: it learns of that in its own time.
        receiveCredit.forward(count)
        return .none
    }

    // MARK: The host's program

    /// It took the connection that the guest asked for.
    mutating func hostAccepted() {
        phase = .established
        owesOpening = true
    }

    /// It took `count` bytes of what was delivered.
    mutating func forwarded(_ count: Int) {
        receiveCredit.forward(UInt32(truncatingIfNeeded: count))
    }

    /// It will not take the rest of what was delivered.
    mutating func dropHeld() {
        receiveCredit.forwardAll()
    }

    /// It will not do some things any more.
    mutating func hostEnded(_ shutdown: VsockShutdown) {
        guard !hostShutdown.isSuperset(of: shutdown) else { return }
        hostShutdown.formUnion(shutdown)
        owesShutdown = true
        if hostShutdown == .both { phase = .closing }
    }

    // MARK: Towards the guest

    /// Whether bytes of the host's program are of use: not before the guest has taken the connection, and not when it
    /// reads no more.
    var takesHostBytes: Bool {
        phase == .established && !owesOpening && !hostShutdown.contains(.send) && !guestShutdown.contains(.receive)
    }

    /// Whether the guest may know of this connection, and must be told of its end.
    var isKnownToGuest: Bool { phase != .requesting || !owesOpening }

    /// What to send next, after what is sent already; nil for nothing.
    ///
    /// - Parameter hasHostBytes: whether the host's program may have sent something, or ended.
    mutating func nextOutput(hasHostBytes: Bool) -> Output? {
        if owesOpening {
            owesOpening = false
            return .control(phase == .requesting ? .request : .response)
        }
        if hasHostBytes, takesHostBytes {
            if sendCredit.available > 0 { return .data(limit: sendCredit.available) }
            if !hasAskedForCredit {
                hasAskedForCredit = true
                return .control(.creditRequest)
            }
        }
        if owesShutdown {
            owesShutdown = false
            return .control(.shutdown)
        }
        if owesCredit || receiveCredit.isWorthTelling {
            return .control(.creditUpdate)
        }
        return nil
    }

    /// Makes the packet's header; every one tells the guest of its credit.
    ///
    /// - Parameter length: bytes of payload, within the limit that `nextOutput` gave.
    mutating func header(_ operation: VsockOperation, length: Int = 0) -> VsockHeader {
        var header = VsockHeader(from: host, to: guest, operation)
        header.length = UInt32(truncatingIfNeeded: length)
        if operation == .shutdown { header.flags = hostShutdown.rawValue }
        header.bufferAllocation = receiveCredit.allocation
        header.forwardCount = receiveCredit.forwarded
        sendCredit.send(header.length)
        receiveCredit.announce()
        owesCredit = false
        return header
    }
}
