import ControlMessages
import FoundationEssentials
import Linux
import MachineConfiguration

/// A client of the control channel of a machine that another process runs. It belongs to the thread of its event loop.
package final class ControlClient {
    private enum Answer<Result: Decodable>: Decodable {
        case result(Result)
        case error(ControlError)

        private enum CodingKeys: CodingKey {
            case result, error
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            if let error = try container.decodeIfPresent(ErrorResponse.Body.self, forKey: .error) {
                self = .error(error.data)
            } else {
                self = .result(try container.decode(Result.self, forKey: .result))
            }
        }
    }

    private struct Notice<Params: Decodable>: Decodable {
        let params: Params
    }

    package static let goneMessage = "the machine has gone"

    private let loop: EventLoop
    private let connection: Connection
    private let decoder = JSONDecoder()
    private var lastID: Int64 = 0
    private var waiting: [Int64: (Data?) -> Void] = [:]
    private var listeners: [String: (Data) -> Void] = [:]
    /// Called once, when there is nobody any more to speak to.
    package var closed: () -> Void = {}
    private var isClosed = false

    /// - Parameter path: where a machine takes clients.
    package init(to path: String, on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        let socket = try UnixSocket.connect(to: path)
        connection = try Connection(input: socket.rawValue, output: socket.rawValue, on: loop)
        connection.received = { [unowned self] in receive($0) }
        connection.closed = { [unowned self] in close() }
        try connection.open()
    }

    deinit { connection.stop() }

    /// Makes a request.
    ///
    /// - Parameter done: is given its answer, but not before this returns.
    package func send<Method: ControlMethod>(
        _ method: Method.Type, _ params: Method.Params, _ done: @escaping (Result<Method.Result, ControlError>) -> Void
    ) {
        lastID += 1
        waiting[lastID] = { [decoder] line in
            guard let line else { return done(.failure(ControlError(.io, Self.goneMessage))) }
            switch try? decoder.decode(Answer<Method.Result>.self, from: line) {
            case .result(let result): done(.success(result))
            case .error(let error): done(.failure(error))
            case nil: done(.failure(ControlError(.io, "the machine gave an answer that makes no sense")))
            }
        }
        if isClosed { return loop.defer { [self, lastID] in waiting.removeValue(forKey: lastID)?(nil) } }
        connection.writer.send(Request(id: .number(lastID), method: Method.name, params: params))
    }

    /// Makes a request, and waits for its answer.
    ///
    /// - Parameter limit: nanoseconds to wait; nil for as long as it takes.
    package func answer<Method: ControlMethod>(
        _ method: Method.Type, _ params: Method.Params, limit: UInt64? = nil
    ) -> Result<Method.Result, ControlError> {
        var answer: Result<Method.Result, ControlError>?
        send(method, params) { answer = $0 }
        let timer = limit.map { loop.schedule(after: $0) { answer = .failure(ControlError(.timeout, "no answer")) } }
        while true {
            if let answer {
                timer.map(loop.cancel)
                return answer
            }
            loop.turn(waiting: true)
        }
    }

    /// Has `listener` told of one kind of notification.
    package func on<Notification: ControlNotification>(
        _ notification: Notification.Type, _ listener: @escaping (Notification) -> Void
    ) {
        listeners[Notification.method] = { [decoder] line in
            if let notice = try? decoder.decode(Notice<Notification>.self, from: line) { listener(notice.params) }
        }
    }

    private func receive(_ line: LineBuffer.Line) {
        guard case .text(let bytes) = line else { return }
        let data = Data(bytes)
        guard let message = try? decoder.decode(ServerMessage.self, from: data) else { return }
        if case .number(let id) = message.id {
            waiting.removeValue(forKey: id)?(data)
        } else if let method = message.method {
            listeners[method]?(data)
        }
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        let unanswered = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for (_, done) in unanswered { done(nil) }
        closed()
    }
}
