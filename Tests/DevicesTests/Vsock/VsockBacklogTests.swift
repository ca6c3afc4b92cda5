import CLinux
import Testing

@testable import Devices

struct VsockBacklogTests {
    /// Takes up to `limit` bytes out.
    private func take(_ limit: Int, from backlog: inout VsockBacklog) -> [UInt8] {
        var taken: [UInt8] = []
        _ = backlog.consume { pieces in
            for piece in pieces {
                let bytes = UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len)
                taken += bytes.prefix(limit - taken.count)
            }
            return taken.count
        }
        return taken
    }

    @Test func keepsOrderAcrossItsEnd() {
        var backlog = VsockBacklog(capacity: 8)
        var next: UInt8 = 0
        var expected: UInt8 = 0
        for step in 0..<100 {
            let bytes = (0..<UInt8(step % 8)).map { next &+ $0 }
            let isAdded = bytes.withUnsafeBytes { backlog.append($0) }
            if isAdded { next &+= UInt8(bytes.count) }
            for byte in take(step % 5 + 1, from: &backlog) {
                #expect(byte == expected)
                expected &+= 1
            }
        }
        #expect(expected > 100)
    }

    @Test func takesAllOrNothing() {
        var backlog = VsockBacklog(capacity: 4)
        let isEmptyAtFirst = backlog.isEmpty
        #expect(isEmptyAtFirst)
        let tooMany = [1, 2, 3, 4, 5].withUnsafeBytes { backlog.append(UnsafeRawBufferPointer(rebasing: $0[..<5])) }
        #expect(!tooMany)
        let fits = ([1, 2, 3, 4] as [UInt8]).withUnsafeBytes { backlog.append($0) }
        #expect(fits)
        let more = ([5] as [UInt8]).withUnsafeBytes { backlog.append($0) }
        #expect(!more)
        let all = take(10, from: &backlog)
        #expect(all == [1, 2, 3, 4])
    }

    @Test func aFailureTakesNothing() {
        var backlog = VsockBacklog(capacity: 4)
        _ = ([1, 2] as [UInt8]).withUnsafeBytes { backlog.append($0) }
        let result = backlog.consume { _ in -1 }
        #expect(result == -1)
        let all = take(10, from: &backlog)
        #expect(all == [1, 2])
    }
}
