import Machine
import MachineConfiguration
import Testing

@Suite struct DiskConfigurationTests {
    private func field(_ disks: [VMConfiguration.Disk]) -> String? {
        var configuration = VMConfiguration(kernel: .init(path: "vmlinux"))
        configuration.disks = disks
        do {
            try configuration.validate()
            return nil
        } catch {
            return error.field
        }
    }

    private func disk(_ change: (inout VMConfiguration.Disk) -> Void) -> VMConfiguration.Disk {
        var disk = VMConfiguration.Disk(id: "a", path: "a.img")
        change(&disk)
        return disk
    }

    @Test func valuesWithinTheirRangesAreValid() {
        let widest = disk {
            $0.serial = "12345678901234567890"
            $0.queues = 16
            $0.queueSize = 1024
            $0.bytesPerSecond = 4096
            $0.operationsPerSecond = 1
        }
        #expect(field([widest, .init(id: "b", path: "b")]) == nil)
    }

    @Test func unusableFieldsAreNamed() {
        #expect(field([disk { $0.path = "" }]) == "/disks/0/path")
        #expect(field([disk { $0.path = "a\0b" }]) == "/disks/0/path")
        #expect(field([disk { $0.id = "" }]) == "/disks/0/id")
        #expect(field([disk { _ in }, disk { $0.path = "b" }]) == "/disks/1/id")
        #expect(field([disk { $0.serial = "123456789012345678901" }]) == "/disks/0/serial")
        for queues in [0, 17, -1] { #expect(field([disk { $0.queues = queues }]) == "/disks/0/queues") }
        for size in [0, 2, 100, 2048, -4] {
            #expect(field([disk { $0.queueSize = size }]) == "/disks/0/queueSize")
        }
        #expect(field([disk { $0.bytesPerSecond = 4095 }]) == "/disks/0/bytesPerSecond")
        #expect(field([disk { $0.operationsPerSecond = 0 }]) == "/disks/0/operationsPerSecond")
    }
}
