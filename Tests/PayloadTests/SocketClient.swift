import Foundation
import Linux

/// A client of `swiftlet serve --socket`, which goes with this object.
final class SocketClient {
    private let socket: OwnedDescriptor
    private let session: Session
    private(set) var received: [UInt8] = []

    /// Connects to a socket at which somebody listens soon.
    init(path: String, of session: Session) throws {
        self.session = session
        socket = try Self.connect(to: path)
    }

    func send(_ message: String) {
        _ = Array((message + "\n").utf8).withUnsafeBytes { write(socket.rawValue, $0.baseAddress, $0.count) }
    }

    func receive(until text: String) throws {
        try session.await(text) { _ in
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(socket.rawValue, &buffer, buffer.count)
            if count > 0 { received += buffer[..<count] }
            return received.firstRange(of: Array(text.utf8)) != nil
        }
    }

    private static func connect(to path: String) throws -> OwnedDescriptor {
        for _ in 0..<1000 {
            do throws(SystemCallError) {
                return try UnixSocket.connect(to: path)
            } catch {
                guard error.errno.rawValue == ECONNREFUSED else { throw error }
                usleep(5000)
            }
        }
        return try UnixSocket.connect(to: path)
    }
}
