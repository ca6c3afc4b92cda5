import CLinux
import Glibc
import Linux

/// One virtual machine: its memory slots, interrupts and vCPUs.
public struct VirtualMachine: ~Copyable, Sendable {
    let descriptor: OwnedDescriptor
    let vcpuLimit: Int
    private let vcpuMappingSize: Int

    init(descriptor: consuming OwnedDescriptor, vcpuLimit: Int, vcpuMappingSize: Int) {
        self.descriptor = descriptor
        self.vcpuLimit = vcpuLimit
        self.vcpuMappingSize = vcpuMappingSize
    }

    /// Shows a range of this process's memory to the guest (`KVM_SET_USER_MEMORY_REGION`).
    ///
    /// - Parameters:
    ///   - slot: the slot's number; a slot already in use is replaced.
    ///   - guestAddress, size, hostAddress: bytes, each a multiple of 4 KiB; a size of 0 removes the slot.
    ///   - logsDirtyPages: whether `dirtyLog(slot:size:)` can be asked which pages the guest wrote.
    public func setMemoryRegion(
        slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt64, logsDirtyPages: Bool = false
    ) throws(KVMError) {
        var region = kvm_userspace_memory_region(
            slot: slot, flags: logsDirtyPages ? UInt32(KVM_MEM_LOG_DIRTY_PAGES) : 0, guest_phys_addr: guestAddress,
            memory_size: size, userspace_addr: hostAddress)
        try control(
            descriptor, kKVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region,
            on: "\(size >> 20) MiB of guest memory at 0x\(String(guestAddress, radix: 16))")
    }

    /// Which pages of a slot the guest wrote since the last call (`KVM_GET_DIRTY_LOG`).
    ///
    /// - Parameter size: the slot's size in bytes.
    /// - Returns: one bit a 4 KiB page, the first page in bit 0 of the first word.
    public func dirtyLog(slot: UInt32, size: UInt64) throws(KVMError) -> [UInt64] {
        var bitmap = [UInt64](repeating: 0, count: Int((size / 4096 + 63) / 64))
        try bitmap.withUnsafeMutableBufferPointer { bytes throws(KVMError) in
            var log = kvm_dirty_log()
            log.slot = slot
            log.dirty_bitmap = UnsafeMutableRawPointer(bytes.baseAddress)
            try control(descriptor, kKVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", &log, on: "memory slot \(slot)")
        }
        return bitmap
    }

    /// Adds a vCPU (`KVM_CREATE_VCPU`).
    ///
    /// - Parameter id: 0 for the first, counted up; on x86 also its local APIC's id.
    public func createVCPU(id: Int) throws(KVMError) -> VCPU {
        guard id < vcpuLimit else { throw .tooManyVCPUs(id + 1, limit: vcpuLimit) }
        let subject = "vCPU \(id)"
        let raw = try control(descriptor, kKVM_CREATE_VCPU, "KVM_CREATE_VCPU", argument: UInt(id), on: subject)
        let vcpu = OwnedDescriptor(adopting: raw)
        do {
            let mapping = try MemoryMapping.file(
                vcpu.rawValue, count: vcpuMappingSize, protection: PROT_READ | PROT_WRITE, flags: MAP_SHARED,
                subject: subject)
            return VCPU(id: id, descriptor: vcpu, mapping: mapping)
        } catch {
            throw KVMError("mmap", on: subject, errno: error.errno)
        }
    }
}
