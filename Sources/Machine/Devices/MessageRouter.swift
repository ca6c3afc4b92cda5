import KVM
import Linux
import PCI
import Synchronization
import Virtio

/// Delivers devices' message-signalled interrupts through KVM, without this process: the event of each vector is bound
/// to a GSI of its own, whose route carries the vector's message.
final class MessageRouter: Sendable {
    private struct Guarded {
        /// None from here on has ever been used.
        var nextGSI = Layout.firstMessageInterrupt
        /// Those before that nobody has.
        var freeGSIs: [UInt32] = []
        /// By GSI.
        var messages: [UInt32: MSIX.Message] = [:]

        mutating func takeGSI() -> UInt32? {
            if let gsi = freeGSIs.popLast() { return gsi }
            guard nextGSI < Layout.messageInterruptsEnd else { return nil }
            defer { nextGSI += 1 }
            return nextGSI
        }
    }

    private let wiring: MachineWiring
    private let events: EventLog
    private let guarded = Mutex(Guarded())

    init(_ wiring: MachineWiring, events: EventLog) {
        self.wiring = wiring
        self.events = events
    }

    /// Makes a vector for each queue of a device, and one for changes of its configuration.
    func makeVectors(for device: DeviceController) throws(SystemCallError) -> MSIX {
        try makeVectors(count: device.queueCount + 1, name: device.name)
    }

    /// Makes vectors for a device, each with a GSI of its own.
    ///
    /// - Parameter name: of the device, for messages.
    /// - Throws: `SystemCallError`, also when KVM has no more GSIs; `MSIX.close` gives a device's back.
    func makeVectors(count: Int, name: String) throws(SystemCallError) -> MSIX {
        var gsis: [UInt32] = []
        for _ in 0..<count {
            guard let gsi = guarded.withLock({ $0.takeGSI() }) else {
                giveBack(gsis)
                throw SystemCallError("KVM_SET_GSI_ROUTING", on: "the vectors of device '\(name)'", errno: .noSpace)
            }
            gsis.append(gsi)
        }
        do {
            return try MSIX(count: count, sink: DeviceVectors(router: self, gsis: gsis, name: name))
        } catch {
            giveBack(gsis)
            throw error
        }
    }

    /// How many messages are routed.
    var routeCount: Int { guarded.withLock { $0.messages.count } }

    private struct DeviceVectors: MSIXSink {
        let router: MessageRouter
        /// By vector.
        let gsis: [UInt32]
        let name: String

        func apply(_ changes: [MSIX.Change]) {
            router.apply(changes, gsis, name: name)
        }

        func close() {
            router.close(gsis, name: name)
        }
    }

    private func giveBack(_ gsis: [UInt32]) {
        guarded.withLock { $0.freeGSIs += gsis }
    }

    private func close(_ gsis: [UInt32], name: String) {
        guarded.withLock { guarded in
            let before = guarded.messages.count
            for gsi in gsis { guarded.messages[gsi] = nil }
            if guarded.messages.count != before {
                do throws(KVMError) {
                    try wiring.vm.setInterruptRoutes(routes(guarded.messages))
                } catch {
                    events.report("the interrupts of device '\(name)' cannot be given back: \(error)")
                }
            }
            guarded.freeGSIs += gsis
        }
    }

    /// Unbinds what is masked, then routes all changed messages in one go, as that takes KVM some time, then binds what
    /// is delivered: KVM at once injects what its event has collected.
    private func apply(_ changes: [MSIX.Change], _ gsis: [UInt32], name: String) {
        guarded.withLock { guarded in
            do throws(KVMError) {
                var isRouted = true
                for change in changes {
                    let gsi = gsis[change.vector]
                    if change.wasDelivered, change.message == nil {
                        try wiring.vm.unbind(change.event.counter, fromInterrupt: gsi)
                    }
                    if let message = change.message, guarded.messages[gsi] != message {
                        guarded.messages[gsi] = message
                        isRouted = false
                    }
                }
                if !isRouted { try wiring.vm.setInterruptRoutes(routes(guarded.messages)) }
                for change in changes where change.message != nil && !change.wasDelivered {
                    try wiring.vm.bind(change.event.counter, toInterrupt: gsis[change.vector])
                }
            } catch {
                events.report("device '\(name)' may be without interrupts: \(error)")
            }
        }
    }

    /// The whole table: what the interrupt controllers began with, and the messages.
    private func routes(_ messages: [UInt32: MSIX.Message]) -> [(gsi: UInt32, route: InterruptRoute)] {
        InterruptRoute.initialPins
            + messages.map { ($0.key, InterruptRoute.message(address: $0.value.address, data: $0.value.data)) }
    }
}
