/// The beginning of a frame, with the address that an IP packet in it goes to.
enum FrameHead {
    private static let ethernetLength = 14
    /// The place of the destination in the headers of IPv4 and IPv6 (RFC 791 §3.1, RFC 8200 §3), where it comes last.
    private static let destination4 = ethernetLength + 16..<ethernetLength + 20
    private static let destination6 = ethernetLength + 24..<length

    static let length = ethernetLength + 40

    /// Whether the frame has a packet for an address by which a socket of the host's reaches the host's own loopback
    /// interface. These are never on a line (RFC 1122 §3.2.1.3, RFC 4291 §2.5): 127.0.0.0/8 and ::1; 0.0.0.0 and ::,
    /// which Linux takes for those; and IPv4 addresses within IPv6.
    static func leadsToLoopback(_ head: UnsafeRawBufferPointer) -> Bool {
        guard head.count >= ethernetLength else { return false }
        switch (head[12], head[13]) {
        case (0x08, 0x00) where head.count >= destination4.upperBound:
            let network = head[destination4.lowerBound]
            return network == 0 || network == 127
        case (0x86, 0xDD) where head.count >= destination6.upperBound:
            return head[destination6].prefix(10).allSatisfy { $0 == 0 }
        default: return false
        }
    }
}
