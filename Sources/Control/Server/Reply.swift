import ControlMessages
import Machine

/// The one answer that a request gets. Letting go of it without one answers that the request was cancelled.
final class Reply<Result: Codable> {
    private let id: RequestID?
    private var writer: MessageWriter?

    /// - Parameter id: nil for a notification, which gets no answer.
    init(to id: RequestID?, writer: MessageWriter) {
        self.id = id
        self.writer = writer
    }

    deinit {
        fail(ControlError(.cancelled, "the request was given up: the machine or the server came to its end"))
    }

    func succeed(_ result: Result) {
        guard let writer = writer.take(), let id else { return }
        writer.send(Response(id: id, result: result))
    }

    func fail(_ error: ControlError) {
        guard let writer = writer.take(), let id else { return }
        writer.send(ErrorResponse(id: id, code: ErrorCode(error.kind), error))
    }
}
