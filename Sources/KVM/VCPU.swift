import CLinux
import Glibc
import Linux
import SystemPackage

/// One virtual processor. Only `requestExit` may be called by another thread than the one that runs it.
public struct VCPU: ~Copyable, @unchecked Sendable {
    // Sendable: the mapping shared with the kernel is used by the vCPU's thread alone, but for the one byte
    // that `requestExit` stores atomically.
    public let id: Int
    let descriptor: OwnedDescriptor
    private let mapping: MemoryMapping
    private let state: UnsafeMutablePointer<kvm_run>

    init(id: Int, descriptor: consuming OwnedDescriptor, mapping: consuming MemoryMapping) {
        self.id = id
        self.descriptor = descriptor
        state = mapping.start.assumingMemoryBound(to: kvm_run.self)
        self.mapping = mapping
    }

    var subject: String { "vCPU \(id)" }

    /// Runs guest code until something needs the monitor (`KVM_RUN`).
    ///
    /// What the exit points to is valid until the next call; what is stored in a read's bytes becomes the
    /// guest's result then.
    ///
    /// - Returns: `.interrupted` after a signal, or once `requestExit` was called.
    public func run() -> VCPUExit {
        guard ioctl_word(descriptor.rawValue, kKVM_RUN, 0) == -1 else { return VCPUExit(state) }
        switch currentErrno {
        // EAGAIN: a processor that waited for its start-up interrupt got it.
        case .interrupted, .resourceTemporarilyUnavailable: return .interrupted
        case let errno: return .refused(KVMError("KVM_RUN", on: subject, errno: errno))
        }
    }

    /// Makes `run` return at once, now or when it is next called, once its thread is also sent a signal that
    /// it handles; until `clearExitRequest`.
    public func requestExit() {
        kvm_run_set_immediate_exit(state, 1)
    }

    public func clearExitRequest() {
        kvm_run_set_immediate_exit(state, 0)
    }

    /// Tells the guest that the monitor has kept it from running (`KVM_KVMCLOCK_CTRL`), or its watchdogs would blame the
    /// guest itself for the time that went by. Of no effect on a guest that does not use KVM's clock.
    public func tellOfPause() {
        _ = ioctl_word(descriptor.rawValue, kKVM_KVMCLOCK_CTRL, 0)
    }
}
