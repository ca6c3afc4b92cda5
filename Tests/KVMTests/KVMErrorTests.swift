import KVM
import SystemPackage
import Testing

@Suite struct KVMErrorTests {
    @Test(arguments: [
        (Errno.noSuchFileOrDirectory, "modprobe kvm_intel"), (.permissionDenied, "usermod -aG kvm"),
        (.noSuchAddressOrDevice, "does not offer virtualisation"),
    ])
    func failureToOpenTheDeviceComesWithItsRemedy(errno: Errno, remedy: String) {
        #expect(KVMError("open", on: "/dev/kvm", errno: errno).description.contains(remedy))
    }

    @Test(arguments: [
        (Errno.resourceBusy, "another hypervisor"), (.noMemory, "out of memory"), (.tooManyOpenFiles, "ulimit -n"),
        (.inappropriateIOCTLForDevice, "newer kernel"),
    ])
    func failedOperationSaysWhatFailedAndWhatToDo(errno: Errno, remedy: String) {
        let description = KVMError("KVM_CREATE_VM", on: "/dev/kvm", errno: errno).description
        #expect(description.hasPrefix("/dev/kvm: KVM_CREATE_VM: "))
        #expect(description.contains(remedy))
    }

    @Test func missingDeviceIsNamed() {
        let path = "/nonexistent/kvm"
        do {
            _ = try System(path: path)
            Issue.record("opened \(path)")
        } catch {
            #expect(error.errno == .noSuchFileOrDirectory)
            #expect(error.subject == path)
        }
    }

    @Test func anotherKindOfFileIsRefused() throws {
        let system = try System(path: "/dev/null")
        do {
            _ = try system.apiVersion
            Issue.record("/dev/null has an API version")
        } catch {
            #expect(error.errno == .inappropriateIOCTLForDevice)
        }
    }
}
