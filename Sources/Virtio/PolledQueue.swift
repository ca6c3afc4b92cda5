import Linux

/// A queue that its device's loop looks at.
final class PolledQueue: Polled {
    private let queue: Virtqueue
    private let serve: () -> Void
    /// The device did not take what there was, and has to come back to it by itself.
    private var isIgnored = false

    init(_ queue: Virtqueue, serve: @escaping () -> Void) {
        self.queue = queue
        self.serve = serve
        queue.isPolled = true
    }

    func poll() -> Bool {
        guard !queue.isHeld else { return false }
        guard queue.hasAvailable else {
            isIgnored = false
            return false
        }
        let before = queue.state.nextAvailable
        serve()
        let isServed = queue.state.nextAvailable != before
        isIgnored = !isServed && !queue.isHeld
        return isServed
    }

    func prepareToSleep() -> Bool {
        queue.isHeld || isIgnored || queue.enableNotifications()
    }
}
