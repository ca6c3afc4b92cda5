import Testing

@testable import Virtio

struct DeviceStateTests {
    private let feature = Features.bit(5)
    private let dependent = Features.bit(6)

    private func state() -> DeviceState {
        DeviceState(
            features: [feature, dependent], queueSizes: [8, 16], configuration: [1, 2, 3, 4],
            dependencies: [.init(dependent, needsOneOf: feature)])
    }

    private func accept(_ state: inout DeviceState, _ features: Features) {
        state.acceptFeatures(UInt32(truncatingIfNeeded: features.rawValue), word: 0)
        state.acceptFeatures(UInt32(truncatingIfNeeded: features.rawValue >> 32), word: 1)
    }

    /// A state with the features settled.
    private func negotiated(_ features: Features = .version1) -> DeviceState {
        var state = state()
        _ = state.write(status: 1)
        _ = state.write(status: 3)
        accept(&state, features)
        _ = state.write(status: 11)
        return state
    }

    @Test func aDriverComesToItsGoal() {
        var state = negotiated()
        #expect(state.status == [.acknowledge, .driver, .featuresOK])
        #expect(state.write(status: 15) == .activate)
        #expect(state.isActive)
    }

    @Test func theQueuesAndTransportsFeaturesAreOffered() {
        #expect(state().offeredFeatures == [feature, dependent, .version1, .eventIndex, .indirectDescriptors])
        #expect(state().offeredFeatures(word: 1) == 1)
        #expect(state().offeredFeatures(word: 2) == 0)
        #expect(state().offeredFeatures(word: .max) == 0)
    }

    @Test(
        arguments: [
            [], Features.bit(5), [.version1, .bit(7)], [.version1, .bit(63)], [.version1, .bit(6)],
        ] as [Features])
    func unusableFeaturesAreRefused(features: Features) {
        var state = negotiated(features)
        #expect(!state.status.contains(.featuresOK))
        #expect(state.write(status: 15) == .none)
        #expect(!state.isActive)
    }

    @Test func refusedFeaturesCanBeChosenAnew() {
        var state = negotiated(.bit(7))
        accept(&state, .version1)
        _ = state.write(status: 11)
        #expect(state.status.contains(.featuresOK))
    }

    @Test func dependentFeaturesComeTogether() {
        #expect(negotiated([.version1, feature, dependent]).status.contains(.featuresOK))
    }

    @Test func settledFeaturesStay() {
        var state = negotiated()
        accept(&state, [.version1, feature])
        #expect(state.acceptedFeatures == .version1)
    }

    @Test func driverOKNeedsFeaturesOK() {
        var state = state()
        _ = state.write(status: 3)
        #expect(state.write(status: 7) == .none)
        #expect(state.status == [.acknowledge, .driver])
    }

    @Test func driverOKCountsOnce() {
        var state = negotiated()
        #expect(state.write(status: 15) == .activate)
        #expect(state.write(status: 15) == .none)
    }

    @Test(arguments: [1, 3, 11, 4, 8, 0x80] as [UInt8])
    func bitsAreNotCleared(value: UInt8) {
        var state = negotiated()
        _ = state.write(status: 15)
        #expect(state.write(status: value) == .none)
        #expect(state.status == [.acknowledge, .driver, .featuresOK, .driverOK])
    }

    @Test func onlyTheDeviceSaysThatItNeedsAReset() {
        var state = negotiated()
        _ = state.write(status: 11 | 64)
        #expect(!state.status.contains(.needsReset))
        state.needReset()
        _ = state.write(status: 15)
        #expect(state.status.contains(.needsReset))
        state.reset()
        #expect(state.status == [])
    }

    @Test func zeroAsksForAReset() {
        var state = negotiated()
        #expect(state.write(status: 0) == .reset)
    }

    @Test func aResetForgetsWhatTheDriverSaid() {
        let fresh = state()
        var state = negotiated()
        state.configureQueue(0) { $0.descriptorArea = 0x1000 }
        _ = state.write(status: 15)
        state.reset()
        #expect(state == fresh)
    }

    // MARK: Queues

    @Test func queuesAreSetUpBetweenFeaturesAndReadiness() {
        var early = state()
        early.configureQueue(0) { $0.size = 4 }
        #expect(early.queue(0)?.size == 8)

        var state = negotiated()
        state.configureQueue(1) { $0.size = 4 }
        #expect(state.queue(1)?.size == 4)
        _ = state.write(status: 15)
        for change: (inout QueueConfiguration) -> Void in [
            { $0.size = 2 }, { $0.isEnabled = true }, { $0.descriptorArea = 1 }, { $0.driverArea = 1 },
            { $0.deviceArea = 1 },
        ] {
            let before = state
            state.configureQueue(1, change)
            #expect(state == before)
        }
    }

    @Test(arguments: [2, 3, 0xFFFF, 0x8000_0000, UInt32.max])
    func thereIsNoSuchQueue(index: UInt32) {
        var state = negotiated()
        let before = state
        state.configureQueue(index) { $0.size = 4 }
        #expect(state == before)
        #expect(state.queue(index) == nil)
    }

    // MARK: Configuration

    @Test(arguments: [(0, [1, 2]), (3, [4, 0]), (4, [0, 0]), (Int.max, [0, 0]), (-1, [0, 1])])
    func configurationIsReadWithinItsBounds(offset: Int, expected: [UInt8]) {
        var bytes: [UInt8] = [9, 9]
        bytes.withUnsafeMutableBytes { state().readConfiguration(at: offset, into: $0) }
        #expect(bytes == expected)
    }

    @Test func changesOfTheConfigurationAreCounted() {
        var state = state()
        state.updateConfiguration { $0[0] = 7 }
        #expect(state.configurationGeneration == 1)
        #expect(state.configuration == [7, 2, 3, 4])
        state.reset()
        #expect(state.configurationGeneration == 1)
    }
}
