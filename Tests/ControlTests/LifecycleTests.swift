import ControlMessages
import Testing

@testable import Control

struct LifecycleTests {
    private static let all: [Lifecycle.Request] = [.create, .start, .pause, .resume, .end, .inspect, .drive]

    private func lifecycle(_ state: VMState?) -> Lifecycle {
        var lifecycle = Lifecycle()
        guard let state else { return lifecycle }
        lifecycle.created()
        _ = lifecycle.enter(state, reason: "")
        return lifecycle
    }

    private func granted(_ lifecycle: Lifecycle) -> [Lifecycle.Request] {
        Self.all.filter { request in
            do throws(ControlError) {
                try lifecycle.require(request)
                return true
            } catch {
                #expect(error.kind == .invalidState)
                #expect(error.hint != nil)
                return false
            }
        }
    }

    @Test(
        arguments: [
            (nil, [.create], []), (.created, [.start, .end, .inspect], [.end, .inspect]),
            (.running, [.pause, .end, .inspect, .drive], [.end, .inspect]),
            (.paused, [.resume, .end, .inspect, .drive], [.end, .inspect]),
            (.stopped, [.end, .inspect], [.end, .inspect]),
        ] as [(VMState?, [Lifecycle.Request], [Lifecycle.Request])])
    func eachStateGrantsItsRequests(state: VMState?, requests: [Lifecycle.Request], ending: [Lifecycle.Request]) {
        var lifecycle = lifecycle(state)
        #expect(granted(lifecycle) == requests)
        guard state != nil else { return }
        lifecycle.beginEnding()
        #expect(granted(lifecycle) == ending)
    }

    @Test func changesAreToldOnce() {
        var lifecycle = lifecycle(.created)
        let change = lifecycle.enter(.running, reason: "started")
        #expect(change?.from == .created && change?.to == .running && change?.reason == "started")
        let again = lifecycle.enter(.running, reason: "started")
        #expect(again?.to == nil)
    }
}
