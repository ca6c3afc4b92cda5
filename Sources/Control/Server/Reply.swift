import ControlMessages
import Machine

/// The one answer that a request gets. Letting go of it without one answers that the request was cancelled.
final class Reply<Result: Codable> {
    private let ticket: PendingRequests.Ticket

    init(to ticket: PendingRequests.Ticket) {
        self.ticket = ticket
    }

    deinit {
        ticket.fail(ControlError(.cancelled, "the request was given up: the machine or the server came to its end"))
    }

    func succeed(_ result: Result) {
        ticket.succeed(result)
    }

    func fail(_ error: ControlError) {
        ticket.fail(error)
    }

    /// Answers with what `body` throws.
    func answer(_ body: () throws -> Void) {
        do { try body() } catch { fail(ControlError(error)) }
    }

    /// Has `job` done when nobody waits for the answer any more.
    func whenGivenUp(_ job: @escaping () -> Void) {
        ticket.givenUp = job
    }
}
