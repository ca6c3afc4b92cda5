import Devices
import GuestMemory
import Linux
import VirtioTesting

@testable import Virtio

/// A device's handling of its requests: an input is a byte of features, a byte that says which queues are notified,
/// then the guest's memory with the device's queues.
///
/// Each input gets a device of its own, served on this thread, so that a finding can be repeated.
struct DeviceTarget<Device: VirtioDevice>: FuzzTarget {
    private let memory = GuestImage.makeMemory()
    private let make: @Sendable () throws -> sending Device
    /// Puts good requests into the queues.
    private let drive: @Sendable ([GuestQueue]) throws -> Void
    private let queueCount: Int

    init(
        queueCount: Int, make: @escaping @Sendable () throws -> sending Device,
        drive: @escaping @Sendable ([GuestQueue]) throws -> Void
    ) {
        self.queueCount = queueCount
        self.make = make
        self.drive = drive
    }

    func run(_ input: UnsafeRawBufferPointer) {
        var reader = InputReader(input)
        let (choices, notified) = (reader.take(UInt8.self), reader.take(UInt8.self))
        GuestImage.load(reader.rest, into: memory)
        do {
            let loop = try EventLoop(name: "fuzz")
            let device = LoopConfined(try make(), loop: loop)
            let controller = try DeviceController(name: "fuzz", device: device, memory: memory, report: { _ in })
            serve(device.value, controller, choices, notified)
            for _ in 0..<4 { loop.turn(waiting: false) }
            device.value.reset {}
            for _ in 0..<4 { loop.turn(waiting: false) }
        } catch {
            fatalError("the host has run out of something: \(error)")
        }
    }

    private func serve(_ device: Device, _ controller: DeviceController, _ choices: UInt8, _ notified: UInt8) {
        // One bit drops the features that all devices share, the next those of the device.
        var features = device.description.features.union(.common)
        if choices & 1 != 0 { features.subtract([.eventIndex, .indirectDescriptors]) }
        if choices & 2 != 0 { features.formIntersection(.common) }
        do throws(QueueError) {
            var queues: [Virtqueue?] = []
            for index in 0..<queueCount {
                queues.append(
                    try Virtqueue(
                        GuestImage.queue(index, in: memory).configuration, features: features, memory: memory,
                        interrupt: Interrupt(event: nil, cause: .usedBuffer)))
            }
            try device.activate(Activation(features: features, queues: queues))
            for index in 0..<queueCount where notified & 1 << UInt8(index) != 0 { try device.queueNotified(index) }
        } catch {
            controller.fail(error)
        }
    }

    var seeds: [[UInt8]] {
        let image = GuestImage.image(count: 12 << 10) { memory in
            try drive((0..<queueCount).map { GuestImage.queue($0, in: memory) })
        }
        return [0, 1, 2].map { [$0, 0xFF] + image }
    }
}
