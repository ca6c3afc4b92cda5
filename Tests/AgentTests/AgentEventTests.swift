import Testing

@testable import Agent

struct AgentEventTests {
    private static let exit =
        bytes(2 as UInt32) + bytes(11 as UInt32) + bytes(3 as UInt64) + bytes(4 as UInt64)
        + bytes(5 as UInt64) + bytes(3 as UInt32) + bytes(0 as UInt32)
    private static let hello =
        bytes(1 as UInt32) + [UInt8](repeating: 0, count: 16) + bytes(1 as UInt32) + text("mount")

    /// Every kind that an agent sends, with a payload that is right.
    private static let payloads: [(UInt16, [UInt8])] = [
        (1, hello), (32, bytes(9 as UInt32)), (33, exit), (34, bytes(6 as UInt32) + bytes(2 as UInt32)),
        (35, bytes(1 as UInt32) + bytes(0 as UInt32) + bytes(UInt64.max)),
        (36, bytes(2 as UInt32) + bytes(104 as UInt32)),
        (37, []), (38, bytes(16 as UInt16) + bytes(4 as UInt16)),
    ]

    private func event(_ kind: UInt16, _ payload: [UInt8]) throws -> AgentEvent {
        try AgentEvent(FrameBuffer.Frame(kind: kind, id: 1, payload: payload))
    }

    @Test func readsWhatAnAgentSends() throws {
        let events = try Self.payloads.map { try event($0.0, $0.1) }
        var payload = PayloadReader(Self.exit)
        let exit = try CommandExit(&payload)
        #expect(exit.cause == .signalled(11, hasDumpedCore: true))
        #expect((exit.userTime, exit.systemTime, exit.residentMemory) == (3, 4, 5))
        #expect(exit.limits == [.memory, .processes])
        #expect(
            events == [
                .hello(version: 1, capabilities: ["mount"]), .started(pid: 9), .exited(exit),
                .failed(step: 6, errno: 2),
                .outputComplete(.output, bytes: .max), .streamFailed(.errors, errno: 104), .done,
                .refused(kind: 16, reason: 4),
            ])
    }

    @Test func refusesPayloadsThatAreTooShortOrTooLong() throws {
        for (kind, payload) in Self.payloads {
            for length in 0..<payload.count {
                #expect(throws: AgentError.self) { _ = try event(kind, Array(payload[..<length])) }
            }
            #expect(throws: AgentError.self) { _ = try event(kind, payload + [0]) }
        }
    }

    @Test(arguments: [0, 2, 15, 16, 17, 18, 19, 20, 24, 25, 31, 39, .max] as [UInt16])
    func refusesKindsThatAreNotAnAgents(kind: UInt16) {
        #expect(throws: AgentError.self) { _ = try event(kind, []) }
    }

    @Test(
        arguments: [
            (33, [0, 256]), (33, [1, 0]), (33, [1, 128]), (33, [3, 1]), (33, [.max, .max]), (35, [3, 0]),
            (36, [.max, 0]),
        ] as [(UInt16, [UInt32])])
    func refusesValuesOutOfRange(kind: UInt16, fields: [UInt32]) {
        let rest = kind == 33 ? 32 : kind == 35 ? 8 : 0
        #expect(throws: AgentError.self) {
            _ = try event(kind, fields.flatMap { bytes($0) } + [UInt8](repeating: 0, count: rest))
        }
    }

    /// A list says that it has more members than bytes.
    @Test(arguments: [2, 1 << 30, .max] as [UInt32])
    func refusesListsThatAreNotThere(count: UInt32) {
        let hello = bytes(1 as UInt32) + [UInt8](repeating: 0, count: 16) + bytes(count) + text("mount")
        #expect(throws: AgentError.self) { _ = try event(1, hello) }
    }
}
