/// The line by which a program of the host's asks for a port of the guest: `CONNECT port\n`, as other monitors take it.
enum ConnectLine: Equatable {
    /// The line has not come to its end.
    case incomplete
    /// - Parameter length: of the line, in bytes; what follows is for the guest.
    case complete(port: UInt32, length: Int)
    case malformed

    /// Bytes of the longest line: no port has more than ten digits.
    static let longest = keyword.count + 10 + 1
    private static let keyword = Array("CONNECT ".utf8)

    /// - Parameter bytes: what came so far; those after the first `longest` do not matter.
    init(_ bytes: some Collection<UInt8>) {
        guard bytes.prefix(Self.keyword.count).elementsEqual(Self.keyword.prefix(bytes.count)) else {
            self = .malformed
            return
        }
        let rest = bytes.dropFirst(Self.keyword.count)
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        if digits.count == rest.count, bytes.count < Self.longest {
            self = .incomplete
        } else if rest.dropFirst(digits.count).first == UInt8(ascii: "\n"),
            let port = UInt32(String(decoding: digits, as: UTF8.self))
        {
            self = .complete(port: port, length: Self.keyword.count + digits.count + 1)
        } else {
            self = .malformed
        }
    }

    /// What the program gets once the guest has taken the connection.
    ///
    /// - Parameter hostPort: the program's own end, as the guest sees it.
    static func answer(hostPort: UInt32) -> [UInt8] {
        Array("OK \(hostPort)\n".utf8)
    }
}
