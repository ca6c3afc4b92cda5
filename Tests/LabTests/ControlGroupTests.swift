import Foundation
import Testing

/// Limits on a host that has control groups of version 2.
@Suite(.enabled(if: LabHost.isThere, LabHost.missing))
struct ControlGroupTests {
    @Test func aBusyMachineIsHeldBackAndNothingIsLeft() throws {
        let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests"
        let result = try LabHost.run(
            ". ./limits.sh",
            files: ["\(try LabHost.firmware)/spin.elf:spin.elf", "\(scripts)/limits.sh:limits.sh"],
            options: GuestBatch.program)
        #expect(
            result.output == """
                root: 50000 100000 20 1
                left: 
                alone: 50000 100000 20 1
                left: 
                beside: 50000 100000 20 1
                left: 
                given: 
                home: 0::/home

                """, "\(result.errors)")
        #expect(result.status == 0)
    }
}
