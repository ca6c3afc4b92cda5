import Linux
import SystemPackage

/// A KVM operation that failed: which ioctl, on what, why, and what its user can do about it.
public struct KVMError: Error, Equatable, CustomStringConvertible {
    /// The ioctl's name, or `open`.
    public let operation: String
    /// What it was done to, in words: `/dev/kvm`, `vCPU 3`.
    public let subject: String
    public let errno: Errno

    public init(_ operation: String, on subject: String, errno: Errno) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
    }

    public var description: String {
        let what = "\(subject): \(operation): \(errno)"
        return remedy.map { "\(what); \($0)" } ?? what
    }

    /// What a user can do about it, where that is known.
    public var remedy: String? {
        switch (operation, errno) {
        case ("open", .noSuchFileOrDirectory):
            return """
                the host's KVM module is not loaded: run 'sudo modprobe kvm_intel' or 'sudo modprobe kvm_amd', and \
                check that virtualisation is enabled in the firmware's set-up
                """
        case ("open", .permissionDenied):
            return """
                this user may not use KVM: run 'sudo usermod -aG kvm "$USER"', which adds it to the group 'kvm', and \
                log in again
                """
        case ("open", .noSuchAddressOrDevice), ("open", .operationNotSupportedByDevice):
            return "the processor, or the virtual machine this host is, does not offer virtualisation to KVM"
        case ("open", .isDirectory), ("open", .notDirectory):
            return "this is not where KVM's device is: it is /dev/kvm"
        case (_, .resourceBusy):
            return "another hypervisor on this host, such as VirtualBox, may hold the processor's virtualisation"
        case (_, .noMemory):
            return "the host is out of memory for it: free some, or ask for a smaller machine"
        case (_, .tooManyOpenFiles):
            return "this process has too many files open: raise its limit with 'ulimit -n'"
        case (_, .inappropriateIOCTLForDevice), (_, .badFileDescriptor):
            return "this host's KVM does not know the operation: a newer kernel is needed"
        default:
            return nil
        }
    }
}

extension KVMError {
    /// More vCPUs than the host's KVM supports in one virtual machine.
    static func tooManyVCPUs(_ count: Int, limit: Int) -> KVMError {
        KVMError(
            "KVM_CREATE_VCPU", on: "\(count) vCPUs (this host's KVM has at most \(limit))", errno: .invalidArgument)
    }
}
