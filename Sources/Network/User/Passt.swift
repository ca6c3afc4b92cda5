import CLinux
import Glibc
import Linux
import SystemPackage

/// The network of this host's user, without any privilege: the program passt makes connections and sends datagrams on
/// the guest's behalf. It runs as long as this object lives.
public final class Passt: NetworkBackend {
    public let channels: [FrameChannel]
    /// passt takes complete frames only.
    public let offloads: Offloads = []
    public let mtu: UInt16?
    private var process: ChildProcess?
    private let messages: OwnedDescriptor

    private static let program = "passt"
    /// The number of the socket in the program.
    private static let socketNumber = 3

    /// Starts passt.
    ///
    /// - Parameter mtu: what to tell the guest; nil leaves it to passt's DHCP.
    public init(mtu: UInt16? = nil) throws(PasstError) {
        self.mtu = mtu
        do {
            let sockets = try Self.descriptorPair("socketpair") {
                socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
            }
            let socket = OwnedDescriptor(adopting: sockets.0)
            let socketEnd = OwnedDescriptor(adopting: sockets.1)
            try systemCall("fcntl(F_SETFL)") { fcntl(socket.rawValue, F_SETFL, O_RDWR | O_NONBLOCK) }
            // Non-blocking at both ends: nobody reads before the program's end, and it must not wait for that.
            let pipes = try Self.descriptorPair("pipe2") { pipe2($0, O_CLOEXEC | O_NONBLOCK) }
            let messages = OwnedDescriptor(adopting: pipes.0)
            let messagesEnd = OwnedDescriptor(adopting: pipes.1)
            // It ends when its socket closes, with us at the latest. The gateway's address would lead to this host's
            // loopback interface: to services that trust whoever can reach them.
            var arguments = [
                Self.program, "--foreground", "--quiet", "--no-map-gw", "--fd", "\(Self.socketNumber)",
                "--address", "\(UserNetwork.address)", "--netmask", "\(UserNetwork.prefixLength)",
                "--gateway", "\(UserNetwork.gateway)", "--dns-forward", "\(UserNetwork.nameServer)",
            ]
            if let mtu { arguments += ["--mtu", "\(mtu)"] }
            process = try ChildProcess(arguments, descriptors: [messagesEnd.rawValue, socketEnd.rawValue])
            self.messages = messages
            channels = [.stream(FrameStream(descriptor: socket))]
        } catch {
            throw PasstError(error)
        }
    }

    private static func descriptorPair(
        _ call: String, _ make: (UnsafeMutablePointer<CInt>) -> CInt
    ) throws(SystemCallError) -> (CInt, CInt) {
        var pair = [2 of CInt](repeating: -1)
        var span = pair.mutableSpan
        try span.withUnsafeMutableBufferPointer { pair throws(SystemCallError) in
            guard let start = pair.baseAddress else { return }
            try systemCall(call) { make(start) }
        }
        return (pair[0], pair[1])
    }

    public func setReceiveOffloads(_ offloads: Offloads) {}
    public func setCarrier(up: Bool) {}
    public func setChannelCount(_ count: Int) {}

    public func end() -> String {
        guard let status = process.take()?.end() else { return "passt has ended" }
        let reason = status == .exited(0) ? nil : lastMessage()
        return "passt has ended (\(status))" + (reason.map { ": \($0)" } ?? "")
    }

    private func lastMessage() -> String? {
        let text = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, read(messages.rawValue, buffer.baseAddress, buffer.count))
        }
        // What it says about its own log is of no use to anybody.
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        return lines.last { !$0.hasPrefix("Failed to send") }.map(String.init)
    }
}

/// Why passt could not be started.
public struct PasstError: Error, Equatable, CustomStringConvertible {
    public let error: SystemCallError

    public init(_ error: SystemCallError) {
        self.error = error
    }

    public var description: String {
        if error.errno == .noSuchFileOrDirectory {
            return "net user: there is no program 'passt' in PATH; install the Debian package 'passt'"
        }
        return "net user: passt cannot be started: \(error.call): \(error.errno)"
    }
}
