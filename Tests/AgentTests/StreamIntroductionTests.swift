import CLinux
import Glibc
import Linux
import Testing

@testable import Agent

struct StreamIntroductionTests {
    /// Any program of the guest's can come to the port, and say nothing.
    @Test func whoSaysNothingMakesWay() throws {
        let loop = try EventLoop(name: "test")
        var introduced: [UInt32] = []
        let introductions = StreamIntroductions(loop: loop) { introduction, _ in
            introduced.append(introduction.command)
        }
        defer { introductions.stop() }
        var silent: [OwnedConnection] = []
        for _ in 0..<StreamIntroductions.limit + 10 {
            let connection = try OwnedConnection()
            introductions.add(connection.far())
            silent.append(connection)
        }
        let honest = try OwnedConnection()
        introductions.add(honest.far())
        let header = [UInt8](repeating: 7, count: AgentProtocol.tokenSize) + [5, 0, 0, 0, 1, 0, 0, 0]
        #expect(write(honest.near, header, header.count) == header.count)
        for _ in 0..<100 where introduced.isEmpty { loop.turn(waiting: false) }
        #expect(introduced == [5])
        // The first is gone, the last is not.
        var byte: UInt8 = 0
        #expect(recv(silent[0].near, &byte, 1, CInt(MSG_DONTWAIT)) == 0)
        #expect(recv(silent[silent.count - 1].near, &byte, 1, CInt(MSG_DONTWAIT)) == -1)
    }

    /// Both ends of a connection, of which one is given away.
    private final class OwnedConnection {
        let near: CInt
        private let other: CInt

        init() throws {
            var ends: [CInt] = [-1, -1]
            try systemCall("socketpair") {
                socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
            }
            (near, other) = (ends[0], ends[1])
        }

        deinit { close(near) }

        func far() -> OwnedDescriptor { OwnedDescriptor(adopting: other) }
    }
}
