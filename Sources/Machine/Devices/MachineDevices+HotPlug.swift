import Linux
import MachineConfiguration
import PCI
import Virtio

/// Devices that come and go while the guest runs. All of it takes its time, and is for threads that may wait.
extension MachineDevices {
    func attach(_ disk: VMConfiguration.Disk) throws {
        let pci = try requirePCI()
        ResourceLimits.raiseDescriptors()
        let plan = try DiskPlan(disk, events)
        if let warning = plan.warning { events.report(warning) }
        try attach(try PlannedDevice(disk, plan, canLeave: true), pci)
    }

    func attach(_ net: VMConfiguration.Net) throws {
        let pci = try requirePCI()
        ResourceLimits.raiseDescriptors()
        let plan = try NetPlan(net)
        if let warning = plan.warning { events.report(warning) }
        try attach(PlannedDevice(net, plan, on: try startedLoop()), pci)
    }

    private func requirePCI() throws(HotPlugError) -> PCIHost {
        guard let pci else { throw .transport }
        return pci
    }

    private func startedLoop() throws -> EventLoop {
        try state.withLock { state in
            guard state.phase == .started else { throw HotPlugError.notRunning }
            if let loop = state.sharedLoop { return loop }
            let loop = try DevicePlan.makeSharedLoop()
            try loop.start()
            state.sharedLoop = loop
            return loop
        }
    }

    private func attach(_ plan: PlannedDevice, _ pci: PCIHost) throws {
        let controller = try connect(plan)
        do {
            let vectors = try router.makeVectors(for: controller)
            do {
                let address = try Self.plug(PCITransport(controller, vectors: vectors, wiring: wiring), into: pci.slots)
                let device = AttachedDevice(plan, controller, .init(address: address, vectors: vectors))
                let isThere = state.withLock { state in
                    guard state.phase == .started else { return false }
                    state.devices.append(device)
                    return true
                }
                guard isThere else {
                    pci.bus.detach(device: address.device)
                    throw HotPlugError.notRunning
                }
                pci.slots.announce(address.device)
            } catch {
                vectors.close()
                throw error
            }
        } catch {
            end(controller, plan.loop, ownsLoop: plan.ownsLoop)
            throw error
        }
    }

    private static func plug(_ transport: PCITransport, into slots: Slots) throws(HotPlugError) -> FunctionAddress {
        do {
            return try transport.plug(into: slots)
        } catch {
            throw .noSlot
        }
    }

    /// Makes the device, on the thread that is to serve it where that is at work already.
    private func connect(_ plan: PlannedDevice) throws -> DeviceController {
        let report = Self.report(of: plan.name, to: events)
        if plan.ownsLoop {
            let controller = try plan.connect(memory, report)
            try plan.loop.start()
            return controller
        }
        let controller = plan.loop.performAndWait { [memory] in Result { try plan.connect(memory, report) } }
        guard let controller else { throw HotPlugError.notRunning }
        return try controller.get()
    }

    /// Has the guest let go of a disk or a network card, and takes it away once its requests have ended.
    ///
    /// - Parameters: as for `Slots.remove`.
    func detach(_ id: String, timeout: UInt64, unless isGivenUp: () -> Bool) throws(HotPlugError) {
        let pci = try requirePCI()
        let (device, place) = try state.withLock { state throws(HotPlugError) in try state.beginLeaving(id) }
        switch pci.slots.remove(place.address.device, timeout: timeout, unless: isGivenUp) {
        case .ejected:
            let loop = device.ownLoop ?? state.withLock { $0.sharedLoop }
            if let loop { end(device.controller, loop, ownsLoop: device.ownLoop != nil) }
            place.vectors.close()
            state.withLock { state in state.devices.removeAll { $0.name == id } }
        case .timedOut:
            state.withLock { $0.stay(id) }
            throw .timedOut(id)
        case .closed:
            state.withLock { $0.stay(id) }
            throw .notRunning
        }
    }

    /// Has those who wait for a device to go look whether that is given up.
    func reconsiderDetachments() {
        (try? requirePCI())?.slots.reconsider()
    }

    /// Shuts a device down, and waits until its thread is done with it.
    private func end(_ controller: DeviceController, _ loop: EventLoop, ownsLoop: Bool) {
        controller.shutDown()
        if ownsLoop {
            loop.stop()
            loop.join()
        } else {
            loop.awaitJobs()
        }
    }
}

extension MachineDevices.State {
    fileprivate mutating func beginLeaving(
        _ id: String
    ) throws(HotPlugError) -> (AttachedDevice, AttachedDevice.Place) {
        guard phase == .started else { throw .notRunning }
        guard let index = devices.firstIndex(where: { $0.name == id }), let place = devices[index].place else {
            throw .notFound(id)
        }
        guard devices[index].role.canLeave else { throw .stays(id) }
        guard !devices[index].isLeaving else { throw .isLeaving(id) }
        let neighbour = devices.first { $0.name != id && $0.place?.address.device == place.address.device }
        if let neighbour { throw .sharesSlot(id, with: neighbour.name) }
        devices[index].isLeaving = true
        return (devices[index], place)
    }

    fileprivate mutating func stay(_ id: String) {
        for index in devices.indices where devices[index].name == id { devices[index].isLeaving = false }
    }
}
