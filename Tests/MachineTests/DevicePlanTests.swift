import Foundation
import MachineConfiguration
import Testing

@testable import Machine

/// Which slots of the PCI bus the first devices have, and which are left.
struct DevicePlanTests {
    /// The slots of a machine with so many disks, and with a random generator after them.
    private func slots(disks count: Int) throws -> [UInt8] {
        let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        try Data(count: 4096).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = VMConfiguration(kernel: .init(path: "kernel"))
        configuration.transport = .pci
        configuration.entropy = true
        configuration.disks = (0..<count).map { number in
            var disk = VMConfiguration.Disk(id: "disk\(number)", path: path)
            disk.readOnly = true
            disk.queueSize = 4
            return disk
        }
        return try DevicePlan(configuration, root: nil, events: EventLog()).slots
    }

    /// The random generator has no slot.
    @Test(
        arguments: [
            (0, 2...9), (1, 3...10), (22, 24...31), (25, 27...31), (30, nil),
        ] as [(Int, ClosedRange<UInt8>?)])
    func disksHaveSlotsAndSomeAreFree(disks: Int, free: ClosedRange<UInt8>?) throws {
        let own = (0..<disks).map { UInt8($0 + 1) }
        #expect(try slots(disks: disks) == own + Array(free.map(Array.init) ?? []))
    }

    /// What shares a device number stays.
    @Test func sharedSlotsAreNone() throws {
        #expect(try slots(disks: 31) == Array(2...31))
        #expect(try slots(disks: 34) == Array(5...31))
    }
}
