import Testing

@testable import Devices

struct VsockCreditTests {
    private func told(allocation: UInt32, forwarded: UInt32) -> VsockHeader {
        var header = VsockHeader(from: .init(cid: 3, port: 1), to: .init(cid: 2, port: 2), .creditUpdate)
        header.bufferAllocation = allocation
        header.forwardCount = forwarded
        return header
    }

    @Test func whatIsInFlightIsNotAvailable() {
        var credit = VsockSendCredit()
        #expect(credit.available == 0)
        credit.update(told(allocation: 100, forwarded: 0))
        credit.send(60)
        #expect(credit.available == 40)
        credit.update(told(allocation: 100, forwarded: 50))
        #expect(credit.available == 90)
    }

    @Test func countsGoRoundAt32Bits() {
        var credit = VsockSendCredit()
        var forwarded: UInt32 = 0
        // Six times a gibibyte is more than a count holds.
        for _ in 0..<6 {
            credit.update(told(allocation: 1 << 30, forwarded: forwarded))
            #expect(credit.available == 1 << 30)
            credit.send(1 << 30)
            #expect(credit.available == 0)
            forwarded &+= 1 << 30
        }
    }

    /// The guest says it has read what was never sent, or takes back what it said.
    @Test(arguments: [11, 4, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func liesAreLeftAside(forwarded: UInt32) {
        var credit = VsockSendCredit()
        credit.update(told(allocation: 100, forwarded: 0))
        credit.send(10)
        credit.update(told(allocation: 100, forwarded: 5))
        credit.update(told(allocation: 100, forwarded: forwarded))
        #expect(credit.available == 95)
    }

    @Test func aSmallerAllocationThanIsInFlightLeavesNothing() {
        var credit = VsockSendCredit()
        credit.update(told(allocation: 100, forwarded: 0))
        credit.send(80)
        credit.update(told(allocation: 10, forwarded: 0))
        #expect(credit.available == 0)
        credit.update(told(allocation: .max, forwarded: 80))
        #expect(credit.available == .max)
    }

    @Test func aGuestSendsWhatItHasCreditFor() {
        var credit = VsockReceiveCredit(allocation: 100)
        let taken = ([101, .max, 60, 41, 40] as [UInt32]).map { credit.receive($0) }
        #expect(taken == [false, false, true, false, true])
        credit.forward(30)
        let takenLater = ([31, 30, 1] as [UInt32]).map { credit.receive($0) }
        #expect(takenLater == [false, true, false])
    }

    @Test func itHearsOfRoomWhenHalfIsGone() {
        var credit = VsockReceiveCredit(allocation: 100)
        _ = credit.receive(100)
        credit.forward(49)
        #expect(!credit.isWorthTelling)
        credit.forward(1)
        #expect(credit.isWorthTelling)
        credit.announce()
        #expect(!credit.isWorthTelling)
    }

    @Test func buffersAreSharedOutWithinABound() {
        var pool = VsockBufferPool()
        let first = pool.take()
        #expect(first == VsockBufferPool.most)
        var taken: [UInt32] = []
        for _ in 0..<8192 { taken.append(pool.take()) }
        #expect(taken.allSatisfy { $0 >= VsockBufferPool.least })
        #expect(taken.reduce(0) { $0 + Int($1) } < 192 << 20)
        for allocation in taken { pool.giveBack(allocation) }
        #expect(pool.take() == VsockBufferPool.most)
    }

    @Test func portsAreNotReusedBeforeAllOthers() {
        var ports = VsockHostPorts()
        let first = ports.next { _ in false }
        let second = ports.next { $0 == first + 1 }
        #expect(second == first + 2)
        let third = ports.next { _ in false }
        #expect(third == first + 3)
    }
}
