import Testing

@testable import Swiftlet

struct AsyncConditionLockTests {
    @Test func everyoneWhoWaitsIsWoken() async {
        let lock = AsyncConditionLock(0)
        await withTaskGroup(of: Int?.self) { group in
            for target in 1...100 {
                group.addTask { await lock.wait { $0 >= target ? target : nil } }
            }
            for _ in 0..<100 {
                lock.withLock { $0 += 1 }
                await Task.yield()
            }
            var sum = 0
            for await target in group { sum += target ?? 0 }
            #expect(sum == 5050)
        }
    }

    /// Whenever the cancellation comes, and whatever changes meanwhile.
    @Test func aCancelledWaitEnds() async {
        let lock = AsyncConditionLock(0)
        await withTaskGroup(of: Int?.self) { group in
            for index in 0..<1000 {
                let task = Task { await lock.wait { _ in Int?.none } }
                group.addTask {
                    for _ in 0..<index % 10 { await Task.yield() }
                    task.cancel()
                    return await task.value
                }
                lock.withLock { $0 += 1 }
            }
            for await value in group { #expect(value == nil) }
        }
    }

    @Test func aWaitThatDoesNotHeedCancellationGoesOn() async {
        let lock = AsyncConditionLock(false)
        let task = Task { await lock.wait(heedingCancellation: false) { $0 ? 1 : nil } }
        task.cancel()
        for _ in 0..<10 { await Task.yield() }
        lock.withLock { $0 = true }
        #expect(await task.value == 1)
    }
}
