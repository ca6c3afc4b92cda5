import ControlMessages
import Linux
import Machine

/// The requests that have not been answered, so that a client can give them up.
final class PendingRequests {
    /// A request and the one answer that it gets.
    final class Ticket {
        /// Called when the client gave the request up, or its time is up: there is no more use in working at it.
        var givenUp: () -> Void = {}

        private let id: RequestID?
        private let writer: MessageWriter
        private let pending: PendingRequests
        private var timer: TimerQueue.ID?
        private var isAnswered = false

        /// - Parameter id: nil for a notification, which gets no answer.
        fileprivate init(_ id: RequestID?, writer: MessageWriter, in pending: PendingRequests) {
            self.id = id
            self.writer = writer
            self.pending = pending
        }

        fileprivate func limit(to time: Milliseconds) {
            timer = pending.loop.schedule(after: time.nanoseconds) { [weak self] in
                self?.giveUp(ControlError(.timeout, "there was no answer within \(time.count) ms"))
            }
        }

        fileprivate func giveUp(_ error: ControlError) {
            fail(error)
            givenUp()
        }

        func succeed(_ result: some Codable) {
            answer { writer.send(Response(id: $0, result: result)) }
        }

        func fail(_ error: ControlError) {
            answer { writer.send(ErrorResponse(id: $0, code: ErrorCode(error.kind), error)) }
        }

        private func answer(_ send: (RequestID) -> Void) {
            guard !isAnswered else { return }
            isAnswered = true
            timer.map(pending.loop.cancel)
            guard let id else { return }
            pending.tickets[id] = nil
            send(id)
        }
    }

    private struct WeakTicket {
        weak var ticket: Ticket?
    }

    private let loop: EventLoop
    private var tickets: [RequestID: WeakTicket] = [:]

    init(on loop: EventLoop) {
        self.loop = loop
    }

    /// - Parameter id: nil for a notification.
    /// - Returns: nil when a request with this id waits for its answer already.
    func open(_ id: RequestID?, writer: MessageWriter, timeout: Milliseconds?) -> Ticket? {
        let ticket = Ticket(id, writer: writer, in: self)
        if let id {
            guard tickets[id] == nil else { return nil }
            tickets[id] = WeakTicket(ticket: ticket)
        }
        if let timeout { ticket.limit(to: timeout) }
        return ticket
    }

    /// Gives all requests up, as their client is gone.
    func cancelAll() {
        for id in Array(tickets.keys) { cancel(id) }
    }

    /// Answers the request that it was given up; does nothing when it has been answered already.
    func cancel(_ id: RequestID) {
        tickets[id]?.ticket?.giveUp(ControlError(.cancelled, "the client gave the request up"))
    }
}
