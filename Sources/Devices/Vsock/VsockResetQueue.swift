/// Packets that end or refuse connections which are no longer, or never were, known here: the oldest first.
struct VsockResetQueue {
    private var headers: [VsockHeader] = []
    private var start = 0

    var count: Int { headers.count - start }

    mutating func append(_ header: VsockHeader) {
        headers.append(header)
    }

    mutating func popFirst() -> VsockHeader? {
        guard start < headers.count else { return nil }
        let header = headers[start]
        start += 1
        // The used half goes when it is the larger one, which costs each header one move at most.
        if start * 2 > headers.count {
            headers.removeFirst(start)
            start = 0
        }
        return header
    }

    mutating func removeAll() {
        headers.removeAll()
        start = 0
    }
}
