import ControlMessages
import FoundationEssentials
import Glibc
import Linux
import Machine

/// Knows the methods there are: reads messages, has them served, and answers those that cannot be.
struct Dispatcher {
    private typealias Handler = (_ line: Data, _ envelope: Envelope, _ writer: MessageWriter) -> Void

    private var handlers: [String: Handler] = [:]
    private var types: [String: any ControlMethod.Type] = [:]
    private let decoder = JSONDecoder()
    private let pending: PendingRequests

    init(on loop: EventLoop) {
        pending = PendingRequests(on: loop)
        if let key = CodingUserInfoKey.sharedFields { decoder.userInfo[key] = SharedParameters.names }
        on(Cancel.self) { [pending] in
            pending.cancel($0.id)
            return NoFields()
        }
    }

    /// The methods' names, in order.
    var methods: [String] { handlers.keys.sorted() }

    /// The same for programs.
    var openRPC: OpenRPC { OpenRPC(methods: methods.compactMap { types[$0] }) }

    /// Serves a method whose answer may come later. What `handle` throws is the answer, too.
    mutating func on<Method: ControlMethod>(
        _ method: Method.Type, later handle: @escaping (Method.Params, Reply<Method.Result>) throws -> Void
    ) {
        types[Method.name] = method
        handlers[Method.name] = { [decoder, pending] line, envelope, writer in
            do {
                let call = try decoder.decode(
                    Call<Method.Params>.self, from: envelope.hasParams ? line : Data(#"{"params":{}}"#.utf8))
                guard let ticket = pending.open(envelope.id, writer: writer, timeout: call.timeout) else {
                    let error = ControlError(
                        .invalidArgument, "a request with this id still waits for its answer", field: "/id",
                        hint: "give each request an id of its own")
                    return writer.send(ErrorResponse(id: envelope.id, code: .invalidRequest, error))
                }
                let reply = Reply<Method.Result>(to: ticket)
                reply.answer { try handle(call.params, reply) }
            } catch let error as DecodingError {
                let error = ControlError(parameters: error, of: line, Method.Params.schema)
                guard let id = envelope.id else { return }
                writer.send(ErrorResponse(id: id, code: ErrorCode(error.kind), error))
            } catch {
                let error = ControlError(error)
                guard let id = envelope.id else { return }
                writer.send(ErrorResponse(id: id, code: ErrorCode(error.kind), error))
            }
        }
    }

    mutating func on<Method: ControlMethod>(
        _ method: Method.Type, _ handle: @escaping (Method.Params) throws -> Method.Result
    ) {
        on(method, later: { params, reply in reply.succeed(try handle(params)) })
    }

    /// Gives up all requests that have not been answered.
    func cancelAll() {
        pending.cancelAll()
    }

    func serve(_ line: LineBuffer.Line, answeringTo writer: MessageWriter) {
        switch line {
        case .tooLong:
            let error = ControlError(
                .invalidArgument, "a line is longer than \(LineBuffer.limit) bytes", hint: "send less at a time")
            writer.send(ErrorResponse(id: nil, code: .invalidRequest, error))
        case .text(let bytes):
            if !JSONText.isBlank(bytes) { serve(bytes, answeringTo: writer) }
        }
    }

    private func serve(_ bytes: [UInt8], answeringTo writer: MessageWriter) {
        func refuse(_ code: ErrorCode, id: RequestID? = nil, _ error: ControlError) {
            writer.send(ErrorResponse(id: id, code: code, error))
        }
        do {
            try JSONText.check(bytes)
        } catch {
            let column = JSONText.position(of: error.offset, in: bytes).column
            return refuse(
                .parseError,
                ControlError(
                    .invalidArgument, "the line is not JSON: column \(column): \(error.message)",
                    hint: "send one object a line"))
        }
        let line = Data(bytes)
        let envelope: Envelope
        do {
            envelope = try decoder.decode(Envelope.self, from: line)
        } catch {
            let id = try? decoder.decode(MessageIdentity.self, from: line).id
            return refuse(.invalidRequest, id: id, ControlError(message: error, line))
        }
        guard let handler = handlers[envelope.method] else {
            guard let id = envelope.id else { return }
            return refuse(
                .methodNotFound, id: id,
                ControlError(
                    .unsupported, "there is no method '\(envelope.method)'",
                    hint: "the methods are \(methods.joined(separator: ", "))"))
        }
        handler(line, envelope, writer)
    }
}

extension Hello {
    /// - Parameters:
    ///   - version: Swiftlet's.
    ///   - dispatcher: knows all methods.
    init(version: String, _ dispatcher: Dispatcher) {
        self.init(
            protocol: Self.currentProtocol, version: version, pid: getpid(), capabilities: dispatcher.methods,
            limits: Limits(maxLine: LineBuffer.limit))
    }
}
