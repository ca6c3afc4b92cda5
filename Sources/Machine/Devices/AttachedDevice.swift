import Linux
import PCI
import Virtio

/// A device of a machine.
struct AttachedDevice: Sendable {
    let controller: DeviceController
    let role: PlannedDevice.Role
    /// The thread that serves no other device; nil where there is none.
    let ownLoop: EventLoop?
    /// nil over MMIO.
    let place: Place?
    /// Whether the guest was asked to let go of it.
    var isLeaving = false

    /// Where it is on the PCI bus.
    struct Place {
        let address: FunctionAddress
        let vectors: MSIX
    }

    var name: String { controller.name }

    init(_ plan: PlannedDevice, _ controller: DeviceController, _ place: Place?) {
        self.controller = controller
        self.place = place
        role = plan.role
        ownLoop = plan.ownsLoop ? plan.loop : nil
    }
}
