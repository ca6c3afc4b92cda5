/// What the agent tells, as its frames have it.
enum AgentEvent: Equatable {
    case hello(version: UInt32, capabilities: [String])
    case started(pid: UInt32)
    case exited(CommandExit)
    case failed(step: UInt32, errno: Int32)
    case outputComplete(CommandStream, bytes: UInt64)
    case streamFailed(CommandStream, errno: Int32)
    case done
    case refused(kind: UInt16, reason: UInt16)

    /// - Throws: `violation`.
    init(_ frame: FrameBuffer.Frame) throws(AgentError) {
        guard let kind = AgentProtocol.Kind(rawValue: frame.kind) else {
            throw .violation("a frame of kind \(frame.kind)")
        }
        do throws(PayloadReader.Malformed) {
            var payload = PayloadReader(frame.payload)
            self = try Self(kind, &payload)
            try payload.finish()
        } catch {
            throw .violation("a malformed frame of kind \(frame.kind)")
        }
    }

    private init(_ kind: AgentProtocol.Kind, _ payload: inout PayloadReader) throws(PayloadReader.Malformed) {
        switch kind {
        case .hello:
            let version: UInt32 = try payload.number()
            _ = try payload.raw(AgentProtocol.tokenSize)
            let capabilities = try payload.list().map { String(decoding: $0, as: UTF8.self) }
            self = .hello(version: version, capabilities: capabilities)
        case .started: self = .started(pid: try payload.number())
        case .exited: self = .exited(try CommandExit(&payload))
        case .failed: self = .failed(step: try payload.number(), errno: try Self.errno(&payload))
        case .outputComplete:
            let stream = try Self.stream(&payload)
            _ = try payload.number(UInt32.self)
            self = .outputComplete(stream, bytes: try payload.number())
        case .streamFailed: self = .streamFailed(try Self.stream(&payload), errno: try Self.errno(&payload))
        case .done: self = .done
        case .refused: self = .refused(kind: try payload.number(), reason: try payload.number())
        case .exec, .signal, .resize, .powerOff, .mount, .makeDirectory, .limitProcesses, .mountDisk,
            .configureInterface, .replaceFile:
            throw PayloadReader.Malformed()
        }
    }

    private static func stream(_ payload: inout PayloadReader) throws(PayloadReader.Malformed) -> CommandStream {
        guard let stream = CommandStream(rawValue: try payload.number()) else { throw PayloadReader.Malformed() }
        return stream
    }

    private static func errno(_ payload: inout PayloadReader) throws(PayloadReader.Malformed) -> Int32 {
        Int32(truncatingIfNeeded: try payload.number(UInt32.self))
    }
}
