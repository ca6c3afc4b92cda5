import Glibc
import Synchronization
import Testing

@testable import Linux

struct EventLoopTests {
    /// A loop that has started, and ends with the test.
    private final class Running {
        let loop: EventLoop

        init() throws {
            loop = try EventLoop(name: "test")
            try loop.start()
        }

        deinit {
            loop.stop()
            loop.join()
        }

        /// Runs `body` on the loop's thread and waits for what it has to say.
        func ask<Answer: Sendable>(
            _ body: @escaping @Sendable (EventLoop, @escaping @Sendable (Answer) -> Void) -> Void
        ) -> Answer? {
            let answer = ConditionLock<Answer?>(nil)
            loop.perform { [loop] in body(loop) { value in answer.withLock { $0 = value } } }
            answer.wait { $0 != nil }
            return answer.withLock { $0 }
        }
    }

    @Test func jobsRunInOrder() throws {
        let running = try Running()
        let numbers = Mutex<[Int]>([])
        for number in 0..<1000 { running.loop.perform { numbers.withLock { $0.append(number) } } }
        _ = running.ask { _, answer in answer(true) }
        #expect(numbers.withLock { $0 } == Array(0..<1000))
    }

    @Test func jobsBeforeStopAreDoneAndLaterOnesAreNot() throws {
        let loop = try EventLoop(name: "test")
        let count = Mutex(0)
        loop.perform { count.withLock { $0 += 1 } }
        loop.stop()
        loop.perform { count.withLock { $0 += 100 } }
        try loop.start()
        loop.join()
        #expect(count.withLock { $0 } == 1)
    }

    @Test func aHeldLoopServesNothingButJobs() throws {
        let running = try Running()
        let event = try SharedEventCounter()
        let served = Mutex<[String]>([])
        func note(_ text: String) -> @Sendable () -> Void { { served.withLock { $0.append(text) } } }
        let (eventCame, timeCame, deferredCame) = (note("event"), note("timer"), note("deferred"))
        running.loop.perform { [loop = running.loop] in
            _ = try? loop.watch(event.counter.descriptor.rawValue, for: [.readable, .edge]) { _ in eventCame() }
            loop.schedule(after: 1, timeCame)
            loop.defer(deferredCame)
            loop.hold()
        }
        event.counter.signal()
        running.loop.perform(note("job"))
        usleep(20_000)
        running.loop.perform { [loop = running.loop] in loop.hold() }
        _ = running.ask { _, answer in answer(true) }
        #expect(served.withLock { $0 } == ["job"])

        running.loop.perform { [loop = running.loop] in loop.release() }
        for _ in 0..<3 { _ = running.ask { _, answer in answer(true) } }
        #expect(served.withLock { $0.sorted() } == ["deferred", "event", "job", "timer"])
    }

    @Test func aHeldLoopCanBeStopped() throws {
        let loop = try EventLoop(name: "test")
        try loop.start()
        loop.perform { loop.hold() }
        loop.stop()
        loop.join()
    }

    @Test func watchedDescriptorsAreServedUntilRemoved() throws {
        let running = try Running()
        let event = try SharedEventCounter()
        let count = running.ask { (loop, answer: @escaping @Sendable (Int) -> Void) in
            var calls = 0
            var watch: EventLoop.Watch?
            watch = try? loop.watch(event.counter.descriptor.rawValue, for: .readable) { _ in
                calls += 1
                if calls == 3, let watch {
                    loop.remove(watch)
                    loop.schedule(after: 5_000_000) { answer(calls) }
                }
            }
            event.counter.signal()
        }
        #expect(count == 3)
    }

    @Test func edgesAreToldOnce() throws {
        let running = try Running()
        let event = try SharedEventCounter()
        let count = running.ask { (loop, answer: @escaping @Sendable (Int) -> Void) in
            var calls = 0
            _ = try? loop.watch(event.counter.descriptor.rawValue, for: [.readable, .edge]) { _ in calls += 1 }
            event.counter.signal()
            loop.schedule(after: 2_000_000) { event.counter.signal() }
            loop.schedule(after: 10_000_000) { answer(calls) }
        }
        #expect(count == 2)
    }

    @Test func aRegularFileCannotBeWatched() throws {
        let running = try Running()
        let refused = running.ask { (loop, answer: @escaping @Sendable (Bool) -> Void) in
            guard let file = try? OwnedDescriptor.open("/proc/self/exe", 0) else { return answer(false) }
            do throws(SystemCallError) {
                try loop.watch(file.rawValue, for: .readable) { _ in }
                answer(false)
            } catch {
                answer(error.errno == .notPermitted)
            }
        }
        #expect(refused == true)
    }

    @Test func aRemovedSlotsNextUserGetsNoStaleEvents() throws {
        let running = try Running()
        let (first, second, idle) = (try SharedEventCounter(), try SharedEventCounter(), try SharedEventCounter())
        let wrong = running.ask { (loop, answer: @escaping @Sendable (Int) -> Void) in
            var wrong = 0
            var watches: [EventLoop.Watch] = []
            // Whichever is served first removes both, and takes the other's slot, whose event is already at hand.
            for event in [first, second] {
                let watch = try? loop.watch(event.counter.descriptor.rawValue, for: .readable) { _ in
                    for watch in watches { loop.remove(watch) }
                    watches = []
                    for _ in 0..<2 {
                        guard let copy = try? OwnedDescriptor.duplicating(idle.counter.descriptor.rawValue) else {
                            return
                        }
                        _ = try? loop.watch(copy.rawValue, for: .readable) { _ in wrong += 1 }
                    }
                }
                if let watch { watches.append(watch) }
            }
            first.counter.signal()
            second.counter.signal()
            loop.schedule(after: 5_000_000) { answer(wrong) }
        }
        #expect(wrong == 0)
    }

    // MARK: Timers

    @Test func timersFireInOrderOfTheirDeadlines() throws {
        let running = try Running()
        let order = running.ask { (loop, answer: @escaping @Sendable ([Int]) -> Void) in
            var order: [Int] = []
            for milliseconds in [9, 3, 6, 1] {
                loop.schedule(after: UInt64(milliseconds) * 1_000_000) {
                    order.append(milliseconds)
                    if order.count == 4 { answer(order) }
                }
            }
        }
        #expect(order == [1, 3, 6, 9])
    }

    @Test func aCancelledTimerDoesNotFire() throws {
        let running = try Running()
        let fired = running.ask { (loop, answer: @escaping @Sendable (Bool) -> Void) in
            var fired = false
            let timer = loop.schedule(after: 1_000_000) { fired = true }
            loop.cancel(timer)
            loop.schedule(after: 5_000_000) { answer(fired) }
        }
        #expect(fired == false)
    }

    @Test func aTimerCanScheduleTheNext() throws {
        let running = try Running()
        let count = running.ask { (loop, answer: @escaping @Sendable (Int) -> Void) in
            var count = 0
            func tick() {
                count += 1
                if count == 5 { answer(count) } else { loop.schedule(after: 0) { tick() } }
            }
            tick()
        }
        #expect(count == 5)
    }

    @Test func deferredJobsRunOnceAfterTheEventsAtHand() throws {
        let running = try Running()
        let event = try SharedEventCounter()
        let order = running.ask { (loop, answer: @escaping @Sendable ([String]) -> Void) in
            var order: [String] = []
            _ = try? loop.watch(event.counter.descriptor.rawValue, for: [.readable, .edge]) { _ in
                order.append("event")
            }
            event.counter.signal()
            let second = DeferredJob {
                order.append("second")
                answer(order)
            }
            let first = DeferredJob {
                order.append("first")
                loop.defer(second)
            }
            for _ in 0..<3 { loop.defer(first) }
        }
        #expect(order == ["first", "event", "second"])
    }

    @Test func whatALoopThatNeverStartedWasToDoIsDoneAtItsEnd() throws {
        let loop = try EventLoop(name: "idle")
        let count = Mutex(0)
        for _ in 0..<3 { loop.perform { count.withLock { $0 += 1 } } }
        loop.stop()
        loop.join()
        #expect(count.withLock { $0 } == 3)
    }

    @Test func aResultIsWaitedForUntilTheLoopHasStopped() throws {
        let loop = try EventLoop(name: "test")
        try loop.start()
        #expect(loop.performAndWait { 5 } == 5)
        loop.stop()
        loop.join()
        #expect(loop.performAndWait { 5 } == nil)
        #expect(!loop.perform {})
        loop.awaitJobs()
    }

    /// No job is taken that nobody will do, as somebody may wait for it.
    @Test func everyJobThatIsTakenIsDone() throws {
        for _ in 0..<200 {
            let loop = try EventLoop(name: "test")
            try loop.start()
            let client = try NativeThread(name: "client") {
                while loop.performAndWait({ true }) != nil {}
            }
            loop.stop()
            loop.join()
            client.join()
        }
    }

    @Test func awaitingJobsIncludesWhatTheyDefer() throws {
        let running = try Running()
        let done = Mutex(false)
        let loop = running.loop
        loop.perform { loop.defer { done.withLock { $0 = true } } }
        loop.awaitJobs()
        #expect(done.withLock { $0 })
    }
}
