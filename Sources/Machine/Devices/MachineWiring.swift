import KVM
import Linux
import Virtio

/// The virtual machine as devices' transports see it.
final class MachineWiring: DoorbellWiring {
    let vm: VirtualMachine

    init(_ vm: consuming VirtualMachine) {
        self.vm = vm
    }

    // A notification that is not wired comes as an exit to the monitor, which rings the doorbell as well.

    func connect(_ doorbell: SharedEventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?) {
        try? vm.bind(doorbell.counter, toWritesAt: address, size: size, value: value)
    }

    func disconnect(_ doorbell: SharedEventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?) {
        try? vm.unbind(doorbell.counter, fromWritesAt: address, size: size, value: value)
    }
}
