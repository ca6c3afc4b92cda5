import ControlMessages
import FoundationEssentials
import Machine

/// Knows the methods there are: reads messages, has them served, and answers those that cannot be.
struct Dispatcher {
    private typealias Handler = (_ line: Data, _ envelope: Envelope, _ writer: MessageWriter) -> Void

    private var handlers: [String: Handler] = [:]
    private let decoder = JSONDecoder()

    /// The methods' names, in order.
    var methods: [String] { handlers.keys.sorted() }

    /// Serves a method whose answer may come later. What `handle` throws is the answer, too.
    mutating func on<Method: ControlMethod>(
        _ method: Method.Type, later handle: @escaping (Method.Params, Reply<Method.Result>) throws -> Void
    ) {
        handlers[Method.name] = { [decoder] line, envelope, writer in
            let reply = Reply<Method.Result>(to: envelope.id, writer: writer)
            do {
                let params =
                    envelope.hasParams
                    ? try decoder.decode(Call<Method.Params>.self, from: line).params
                    : try decoder.decode(Method.Params.self, from: Data("{}".utf8))
                try handle(params, reply)
            } catch {
                reply.fail(ControlError(error))
            }
        }
    }

    mutating func on<Method: ControlMethod>(
        _ method: Method.Type, _ handle: @escaping (Method.Params) throws -> Method.Result
    ) {
        on(method, later: { params, reply in reply.succeed(try handle(params)) })
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
        if let problem = JSONText.problem(in: bytes) {
            return refuse(.parseError, ControlError(.invalidArgument, problem))
        }
        let line = Data(bytes)
        let envelope: Envelope
        do {
            envelope = try decoder.decode(Envelope.self, from: line)
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty {
            return refuse(
                .parseError, ControlError(.invalidArgument, "the line is not JSON", hint: "send one object a line"))
        } catch {
            let id = try? decoder.decode(MessageIdentity.self, from: line).id
            return refuse(.invalidRequest, id: id, ControlError(error))
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
