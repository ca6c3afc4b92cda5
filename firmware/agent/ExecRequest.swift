import System

/// A command to run, as the host describes it.
struct ExecRequest {
    struct Limit {
        let resource: UInt32
        let soft: UInt64
        let hard: UInt64
    }

    private enum Flag {
        static let terminal: UInt32 = 1
        static let input: UInt32 = 2
        static let receive: UInt32 = 4
        static let send: UInt32 = 8
        static let all = terminal | input | receive | send
    }

    /// What the agent's child does in place of a program, with the path that is its one argument.
    enum Copy {
        /// Makes files there of what comes from its stdin.
        case receive
        /// Sends what is there to its stdout.
        case send
    }

    let hasTerminal: Bool
    let hasInput: Bool
    let copy: Copy?
    var size = winsize()
    let uid: uid_t
    let gid: gid_t
    private(set) var groups: [gid_t] = []
    private(set) var limits: [Limit] = []
    let root: UnsafeMutablePointer<CChar>
    let directory: UnsafeMutablePointer<CChar>
    let arguments: TextList
    let environment: TextList
    /// What the texts are in.
    private let texts: Texts

    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        texts = Texts(payload: payload.count)
        let flags: UInt32 = reader.number()
        hasTerminal = flags & Flag.terminal != 0
        hasInput = flags & Flag.input != 0
        copy = flags & Flag.receive != 0 ? .receive : flags & Flag.send != 0 ? .send : nil
        size.ws_row = reader.number()
        size.ws_col = reader.number()
        uid = reader.number()
        gid = reader.number()
        for _ in 0..<reader.count(membersOf: 4) { groups.append(reader.number()) }
        for _ in 0..<reader.count(membersOf: 24) {
            let resource: UInt32 = reader.number()
            let reserved: UInt32 = reader.number()
            limits.append(Limit(resource: resource, soft: reader.number(), hard: reader.number()))
            guard reserved == 0 else { return nil }
        }
        root = reader.text(into: texts)
        directory = reader.text(into: texts)
        arguments = reader.list(into: texts)
        environment = reader.list(into: texts)
        guard reader.isComplete, flags & ~Flag.all == 0, arguments.count > 0 else { return nil }
        guard flags & (Flag.receive | Flag.send) != Flag.receive | Flag.send else { return nil }
        let slash = CChar(bitPattern: UInt8(ascii: "/"))
        guard directory[0] == 0 || directory[0] == slash, root[0] == 0 || root[0] == slash else { return nil }
    }
}
