import KVM
import Linux
import PCI
import Synchronization

/// Delivers devices' message-signalled interrupts through KVM, without this process: the event of each vector is bound
/// to a GSI of its own, whose route carries the vector's message.
final class MessageRouter: Sendable {
    private struct Guarded {
        var nextGSI = Layout.firstMessageInterrupt
        /// By GSI.
        var messages: [UInt32: MSIX.Message] = [:]
    }

    private let wiring: MachineWiring
    private let events: EventLog
    private let guarded = Mutex(Guarded())

    init(_ wiring: MachineWiring, events: EventLog) {
        self.wiring = wiring
        self.events = events
    }

    /// Makes vectors for a device, each with a GSI of its own.
    ///
    /// - Parameter name: of the device, for messages.
    func makeVectors(count: Int, name: String) throws(SystemCallError) -> MSIX {
        let first = guarded.withLock { guarded in
            defer { guarded.nextGSI += UInt32(count) }
            return guarded.nextGSI
        }
        return try MSIX(count: count, sink: DeviceVectors(router: self, firstGSI: first, name: name))
    }

    private struct DeviceVectors: MSIXSink {
        let router: MessageRouter
        let firstGSI: UInt32
        let name: String

        func apply(_ changes: [MSIX.Change]) {
            router.apply(changes, firstGSI: firstGSI, name: name)
        }
    }

    /// Unbinds what is masked, then routes all changed messages in one go, as that takes KVM some time, then binds what
    /// is delivered: KVM at once injects what its event has collected.
    private func apply(_ changes: [MSIX.Change], firstGSI: UInt32, name: String) {
        guarded.withLock { guarded in
            do throws(KVMError) {
                var isRouted = true
                for change in changes {
                    let gsi = firstGSI + UInt32(change.vector)
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
                    try wiring.vm.bind(change.event.counter, toInterrupt: firstGSI + UInt32(change.vector))
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
