/// Work that is taken in portions: what an event loop does after the events at hand.
///
/// Made once and asked for often, as asking for it allocates nothing.
public final class DeferredJob {
    private let body: () -> Void
    private var isPlanned = false

    public init(_ body: @escaping () -> Void) {
        self.body = body
    }

    /// - Returns: whether it was not planned yet.
    func plan() -> Bool {
        defer { isPlanned = true }
        return !isPlanned
    }

    func perform() {
        isPlanned = false
        body()
    }
}
