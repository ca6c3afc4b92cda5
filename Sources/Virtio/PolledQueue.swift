import Linux

/// A queue that its device's loop looks at.
final class PolledQueue: Polled {
    private let queue: Virtqueue
    private let serve: () -> Void

    init(_ queue: Virtqueue, serve: @escaping () -> Void) {
        self.queue = queue
        self.serve = serve
        queue.isPolled = true
    }

    func poll() -> Bool {
        guard !queue.isHeld, queue.hasAvailable else { return false }
        serve()
        return true
    }

    func prepareToSleep() -> Bool {
        queue.isHeld || queue.enableNotifications()
    }
}
