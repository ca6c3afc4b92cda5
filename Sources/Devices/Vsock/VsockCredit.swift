/// How many bytes of a connection the guest has room for (virtio 1.3 §5.10.6.3). All counts are modulo 2³².
struct VsockSendCredit: Equatable, Sendable {
    private var allocation: UInt32 = 0
    private var forwarded: UInt32 = 0
    private var sent: UInt32 = 0

    /// Bytes that may be sent.
    var available: UInt32 {
        let inFlight = sent &- forwarded
        return inFlight < allocation ? allocation - inFlight : 0
    }

    /// Takes what a packet of the guest says.
    ///
    /// A count that runs backwards, which packets made on several CPUs at a time can bring, or ahead of what was sent
    /// is left aside.
    mutating func update(_ header: VsockHeader) {
        allocation = header.bufferAllocation
        if header.forwardCount &- forwarded <= sent &- forwarded { forwarded = header.forwardCount }
    }

    mutating func send(_ count: UInt32) {
        sent &+= count
    }
}

/// How many bytes of a connection we have promised the guest to take. All counts are modulo 2³².
struct VsockReceiveCredit: Equatable, Sendable {
    /// Bytes that are held at a time, at most.
    let allocation: UInt32
    private var received: UInt32 = 0
    private(set) var forwarded: UInt32 = 0
    /// `forwarded` as the guest last heard of it.
    private var announced: UInt32 = 0

    /// - Parameter allocation: two bytes at least.
    init(allocation: UInt32) {
        self.allocation = allocation
    }

    /// Takes bytes in.
    ///
    /// - Returns: false when the guest had no credit for them.
    mutating func receive(_ count: UInt32) -> Bool {
        guard count <= allocation &- (received &- forwarded) else { return false }
        received &+= count
        return true
    }

    /// Bytes that were received have left our room.
    mutating func forward(_ count: UInt32) {
        forwarded &+= count
    }

    mutating func forwardAll() {
        forwarded = received
    }

    /// Whether the guest should hear of the room that it has: it thinks that half of it or less is left. A guest that
    /// waits for room is told in time, as all of it has left before there is nothing to forward any more.
    var isWorthTelling: Bool { forwarded &- announced >= allocation / 2 }

    mutating func announce() {
        announced = forwarded
    }
}
