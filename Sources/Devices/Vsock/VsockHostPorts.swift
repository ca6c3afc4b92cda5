/// Ports for those of the host's programs that ask for connections. A port is not given out again before all others
/// have been, so that a packet which comes late never meets another connection.
struct VsockHostPorts {
    /// Above all that programs commonly listen on.
    private static let range: ClosedRange<UInt32> = 1 << 30...(1 << 31) - 1

    private var candidate = range.lowerBound

    /// - Parameter isTaken: for fewer ports than there are.
    mutating func next(isTaken: (UInt32) -> Bool) -> UInt32 {
        while true {
            let port = candidate
            candidate = port == Self.range.upperBound ? Self.range.lowerBound : port + 1
            if !isTaken(port) { return port }
        }
    }
}
