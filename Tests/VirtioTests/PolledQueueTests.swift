import Testing
import VirtioTesting

@testable import Virtio

/// A queue that its device's loop looks at: the driver notifies only when the event index asks it to.
struct PolledQueueTests {
    private func drain(_ queue: Virtqueue, holding: Bool) throws {
        _ = try queue.drain { chain in
            if !holding { queue.complete(head: chain.head, written: 0) }
            return !holding
        }
    }

    /// Whether the driver will notify of its next buffer.
    private func isAsked(_ driver: GuestQueue) throws -> Bool { try driver.availableEvent == driver.nextAvailable }

    @Test func whatWasHeldAndServedLaterIsFollowedByNotifications() throws {
        let fixture = try QueueFixture()
        let (driver, queue) = (fixture.guest, fixture.queue)
        let polled = PolledQueue(queue) { try? drain(queue, holding: true) }
        try driver.add([.readable(0x10_0000, 1)])
        _ = polled.poll()
        #expect(polled.prepareToSleep())
        // The device comes back to it by itself.
        try drain(queue, holding: false)
        let found = polled.poll()
        #expect(!found && polled.prepareToSleep())
        #expect(try isAsked(driver))
    }

    @Test func whatWasIgnoredAndServedLaterIsFollowedByNotifications() throws {
        let fixture = try QueueFixture()
        let (driver, queue) = (fixture.guest, fixture.queue)
        let polled = PolledQueue(queue) {}
        try driver.add([.readable(0x10_0000, 1)])
        let found = polled.poll()
        #expect(!found && polled.prepareToSleep())
        try drain(queue, holding: false)
        let foundMore = polled.poll()
        #expect(!foundMore && polled.prepareToSleep())
        #expect(try isAsked(driver))
    }
}
