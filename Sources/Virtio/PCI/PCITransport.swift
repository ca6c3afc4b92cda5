import Linux
import PCI
import Synchronization

/// A device's registers on a PCI bus (virtio 1.3 §4.1), without the legacy interface.
///
/// Interrupts are MSI-X. A driver that sets up no vectors is not interrupted, and polls.
public final class PCITransport: Transport, Function {
    /// Notifications that need no exit.
    private struct Wires {
        /// The region's guest-physical address; nil while it is nowhere.
        var base: UInt64?
        var doorbells: [SharedEventCounter?] = []
    }

    private let controller: DeviceController
    private let vectors: MSIX
    private let wiring: any DoorbellWiring
    /// As it is before a guest has written to it.
    private let space: ConfigurationSpace
    private let configurationAccess: PCIConfigurationAccess
    private let common: PCICommonConfiguration
    private let wires = Mutex(Wires())
    private let interruptStatus = InterruptStatus()

    /// - Parameter vectors: one for each queue, and one for changes of the configuration, is what drivers like best.
    public init(_ controller: DeviceController, vectors: MSIX, wiring: any DoorbellWiring) {
        self.controller = controller
        self.vectors = vectors
        self.wiring = wiring
        common = PCICommonConfiguration(controller, vectorCount: vectors.count)
        var space = ConfigurationSpace(.init(controller.type))
        PCIStructure.addCapabilities(
            to: &space, queueCount: controller.queueCount, configurationSize: controller.configurationSize)
        configurationAccess = PCIConfigurationAccess(addedTo: &space)
        self.space = space
        controller.attach(self)
    }

    /// Puts the device on `bus`, before the guest runs.
    ///
    /// - Throws: `BusError` when the bus is full.
    @discardableResult
    public func attach(to bus: Bus) throws(BusError) -> FunctionAddress {
        try bus.attach(self, configuration: space, regions: regions, msix: msix)
    }

    /// Plugs the device into one of `slots` while the guest runs.
    ///
    /// - Throws: `BusError` when none is free.
    public func plug(into slots: Slots) throws(BusError) -> FunctionAddress {
        try slots.plug(self, configuration: space, regions: regions, msix: msix)
    }

    private var regions: [MemoryRegion] { [PCIStructure.region] }
    private var msix: (vectors: MSIX, register: Int) { (vectors, PCIStructure.vectorsRegister) }

    // MARK: Transport

    func connect(_ doorbells: [SharedEventCounter?]) {
        wires.withLock { wires in
            wires.doorbells = doorbells
            connect(wires)
        }
        vectors.startDelivery()
    }

    func disconnect() {
        wires.withLock { wires in
            disconnect(wires)
            wires.doorbells = []
        }
    }

    func interrupt(ofQueue index: Int) -> Interrupt {
        let vector = common.vector(ofQueue: index)
        guard let event = event(ofVector: vector) else {
            return Interrupt(event: nil, status: interruptStatus, cause: .usedBuffer)
        }
        return Interrupt(event: event, cause: .usedBuffer)
    }

    var configurationInterrupt: Interrupt {
        let vector = common.configurationVector
        return Interrupt(event: event(ofVector: vector), status: interruptStatus, cause: .configurationChange)
    }

    private func event(ofVector vector: UInt16) -> SharedEventCounter? {
        vector < vectors.count ? vectors.events[Int(vector)] : nil
    }

    private func connect(_ wires: Wires) {
        forEachDoorbell(wires) { wiring.connect($0, toWritesAt: $1, size: 0, value: nil) }
    }

    private func disconnect(_ wires: Wires) {
        forEachDoorbell(wires) { wiring.disconnect($0, fromWritesAt: $1, size: 0, value: nil) }
    }

    private func forEachDoorbell(_ wires: Wires, _ body: (SharedEventCounter, UInt64) -> Void) {
        guard let base = wires.base else { return }
        for (index, doorbell) in wires.doorbells.enumerated() {
            if let doorbell { body(doorbell, base + PCIStructure.notification(ofQueue: index)) }
        }
    }

    // MARK: Function

    public func regionMoved(_ region: Int, to address: UInt64?) {
        guard region == PCIStructure.register else { return }
        wires.withLock { wires in
            disconnect(wires)
            wires.base = address
            connect(wires)
        }
    }

    public func willRead(configuration: inout ConfigurationSpace, bytes: Range<Int>) {
        configurationAccess.willRead(&configuration, bytes) { offset, bytes in
            read(region: PCIStructure.register, offset: offset, into: bytes)
        }
    }

    public func didWrite(configuration: ConfigurationSpace, bytes: Range<Int>) {
        configurationAccess.didWrite(configuration, bytes) { offset, bytes in
            write(region: PCIStructure.register, offset: offset, bytes: bytes)
        }
    }

    /// Serves a read: zeros for what is not there or not read as it must be.
    public func read(region: Int, offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { bytes[index] = 0 }
        guard let (structure, offset) = PCIStructure.at(offset) else { return }
        switch structure {
        case .common where PCICommonRegister.width(at: offset) == bytes.count:
            let value = common.read(offset).littleEndian
            withUnsafeBytes(of: value) {
                bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(bytes.count)))
            }
        case .interruptStatus where offset == 0 && bytes.count == 1:
            bytes[0] = UInt8(truncatingIfNeeded: interruptStatus.take())
        case .device:
            controller.readConfiguration(at: offset, into: bytes)
        default:
            break
        }
    }

    /// Serves a write: nothing happens for what is not there or not written as it must be.
    public func write(region: Int, offset: UInt64, bytes: UnsafeRawBufferPointer) {
        guard let (structure, offset) = PCIStructure.at(offset) else { return }
        switch structure {
        case .common where PCICommonRegister.width(at: offset) == bytes.count:
            common.write(bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }, to: offset)
            if offset == PCICommonRegister.deviceStatus, bytes[0] == 0 { forget() }
        case .device:
            controller.writeConfiguration(at: offset, bytes)
        case .notify:
            controller.notify(queue: UInt32(offset) / UInt32(PCIStructure.notifyMultiplier))
        default:
            break
        }
    }

    /// What a reset does beside the common configuration. The MSI-X table and the region's place stay.
    private func forget() {
        interruptStatus.acknowledge(.max)
        vectors.stopDelivery()
    }
}
