import Testing

@testable import Devices

struct VsockStreamStateTests {
    private static let host = VsockAddress(cid: 2, port: 80)
    private static let guest = VsockAddress(cid: 3, port: 1000)
    private static let allocation: UInt32 = 1000

    /// A packet of the guest's.
    private func packet(
        _ operation: VsockOperation, length: UInt32 = 0, flags: UInt32 = 0, credit: UInt32 = 500, forwarded: UInt32 = 0
    ) -> VsockHeader {
        var header = VsockHeader(from: Self.guest, to: Self.host, operation)
        header.length = length
        header.flags = flags
        header.bufferAllocation = credit
        header.forwardCount = forwarded
        return header
    }

    /// A connection that the guest asked for and the host took.
    private func established() -> VsockStreamState {
        var state = VsockStreamState(request: packet(.request), allocation: Self.allocation)
        state.hostAccepted()
        _ = state.nextOutput(hasHostBytes: false)
        _ = state.header(.response)
        return state
    }

    @Test func aGuestsConnection() {
        var state = VsockStreamState(request: packet(.request), allocation: Self.allocation)
        #expect(state.phase == .connecting)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        state.hostAccepted()
        #expect(state.phase == .established)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.response))
        let header = state.header(.response)
        #expect(header.source == Self.host)
        #expect(header.destination == Self.guest)
        #expect(header.bufferAllocation == Self.allocation)
        #expect(state.nextOutput(hasHostBytes: true) == .data(limit: 500))
    }

    @Test func aHostsConnection() {
        var state = VsockStreamState(from: Self.host, to: Self.guest, allocation: Self.allocation)
        #expect(!state.isKnownToGuest)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.request))
        _ = state.header(.request)
        #expect(state.isKnownToGuest)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        #expect(state.receive(packet(.response)) == .accepted)
        #expect(state.phase == .established)
        #expect(state.nextOutput(hasHostBytes: true) == .data(limit: 500))
    }

    @Test func bytesWaitForCredit() {
        var state = established()
        _ = state.header(.readWrite, length: 500)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.creditRequest))
        _ = state.header(.creditRequest)
        // Once is enough.
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        #expect(state.receive(packet(.creditUpdate, forwarded: 0)) == .none)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        #expect(state.receive(packet(.creditUpdate, forwarded: 200)) == .none)
        #expect(state.nextOutput(hasHostBytes: true) == .data(limit: 200))
        _ = state.header(.readWrite, length: 200)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.creditRequest))
    }

    @Test func theGuestHearsOfItsCredit() {
        var state = established()
        #expect(state.receive(packet(.readWrite, length: 1000)) == .deliver)
        state.forwarded(499)
        #expect(state.nextOutput(hasHostBytes: false) == nil)
        state.forwarded(1)
        #expect(state.nextOutput(hasHostBytes: false) == .control(.creditUpdate))
        #expect(state.header(.creditUpdate).forwardCount == 500)
        #expect(state.nextOutput(hasHostBytes: false) == nil)
        #expect(state.receive(packet(.creditRequest)) == .none)
        #expect(state.nextOutput(hasHostBytes: false) == .control(.creditUpdate))
        _ = state.header(.creditUpdate)
        #expect(state.nextOutput(hasHostBytes: false) == nil)
    }

    @Test func bytesWithoutCreditBreakTheRules() {
        var state = established()
        #expect(state.receive(packet(.readWrite, length: 600)) == .deliver)
        #expect(state.receive(packet(.readWrite, length: 401)) == .violated)
    }

    @Test func theGuestEndsOneWay() {
        var state = established()
        #expect(state.receive(packet(.shutdown, flags: 2)) == .shutDown)
        #expect(state.guestShutdown == .send)
        // It still reads.
        #expect(state.nextOutput(hasHostBytes: true) == .data(limit: 500))
        #expect(state.receive(packet(.readWrite, length: 1)) == .violated)
    }

    @Test func theGuestReadsNoMore() {
        var state = established()
        #expect(state.receive(packet(.shutdown, flags: 1)) == .shutDown)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        #expect(state.receive(packet(.readWrite, length: 1)) == .deliver)
        #expect(state.receive(packet(.shutdown, flags: 0xFFFF_FFFE)) == .shutDown)
        #expect(state.guestShutdown == .both)
    }

    @Test func theHostEndsOneWayThenTheOther() {
        var state = established()
        state.hostEnded(.send)
        #expect(state.phase == .established)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.shutdown))
        #expect(state.header(.shutdown).flags == 2)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        #expect(state.receive(packet(.readWrite, length: 1)) == .deliver)
        state.hostEnded(.send)
        #expect(state.nextOutput(hasHostBytes: true) == nil)
        state.hostEnded(.receive)
        #expect(state.phase == .closing)
        #expect(state.nextOutput(hasHostBytes: true) == .control(.shutdown))
        #expect(state.header(.shutdown).flags == 3)
        #expect(state.receive(packet(.reset)) == .ended)
    }

    @Test func whatNobodyReadsIsCountedAsRead() {
        var state = established()
        state.hostEnded(.receive)
        _ = state.nextOutput(hasHostBytes: false)
        for _ in 0..<10 { #expect(state.receive(packet(.readWrite, length: 900)) == .none) }
        #expect(state.nextOutput(hasHostBytes: false) == .control(.creditUpdate))
        #expect(state.header(.creditUpdate).forwardCount == 9000)
    }

    @Test func bytesThatWereKeptForAHostThatWentAreCountedAsRead() {
        var state = established()
        #expect(state.receive(packet(.readWrite, length: 1000)) == .deliver)
        state.dropHeld()
        state.hostEnded(.receive)
        #expect(state.receive(packet(.readWrite, length: 1000)) == .none)
    }

    @Test(arguments: [.request, .response] as [VsockOperation])
    func openingTwiceBreaksTheRules(operation: VsockOperation) {
        var state = established()
        #expect(state.receive(packet(operation)) == .violated)
    }

    @Test(arguments: [.request, .shutdown, .readWrite, .creditUpdate, .creditRequest] as [VsockOperation])
    func onlyAnAnswerAnswersARequest(operation: VsockOperation) {
        var state = VsockStreamState(from: Self.host, to: Self.guest, allocation: Self.allocation)
        _ = state.nextOutput(hasHostBytes: false)
        #expect(state.receive(packet(operation)) == .violated)
    }

    @Test func anAnswerBeforeTheRequestBreaksTheRules() {
        var state = VsockStreamState(from: Self.host, to: Self.guest, allocation: Self.allocation)
        #expect(state.receive(packet(.response)) == .violated)
    }

    @Test func unknownTypesAndOperationsBreakTheRules() {
        var state = established()
        var odd = packet(.readWrite)
        odd.type = 2
        #expect(state.receive(odd) == .violated)
        odd = packet(.readWrite)
        odd.operation = nil
        #expect(state.receive(odd) == .violated)
    }
}
