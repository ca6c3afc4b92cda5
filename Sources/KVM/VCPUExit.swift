import CLinux

/// Why guest code stopped running.
public enum VCPUExit {
    /// The guest reads `count` times from a port, each time `size` bytes, into `bytes`.
    case portRead(port: UInt16, size: Int, bytes: UnsafeMutableRawBufferPointer)
    /// The guest writes to a port, each time `size` bytes.
    case portWrite(port: UInt16, size: Int, bytes: UnsafeRawBufferPointer)
    /// The guest reads from an address without memory, 1 to 8 bytes.
    case memoryRead(address: UInt64, bytes: UnsafeMutableRawBufferPointer)
    case memoryWrite(address: UInt64, bytes: UnsafeRawBufferPointer)
    /// A signal, or a request to stop.
    case interrupted
    /// The processor halted, with no interrupt controller in the kernel to wake it.
    case halted
    /// The processor shut down: on x86, a triple fault.
    case shutdown
    /// The processor refused to enter the guest.
    case failedEntry(hardwareReason: UInt64)
    /// KVM could not go on with the guest, such as an instruction that it cannot emulate.
    case internalError(suberror: UInt32)
    /// `KVM_RUN` itself failed.
    case refused(KVMError)
    /// An exit that this monitor does not ask for.
    case unexpected(reason: UInt32)

    init(_ run: UnsafeMutablePointer<kvm_run>) {
        switch CInt(bitPattern: run.pointee.exit_reason) {
        case KVM_EXIT_IO:
            let io = run.pointee.io
            let bytes = UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(run) + Int(io.data_offset), count: Int(io.size) * Int(io.count))
            self =
                CInt(io.direction) == KVM_EXIT_IO_OUT
                ? .portWrite(port: io.port, size: Int(io.size), bytes: UnsafeRawBufferPointer(bytes))
                : .portRead(port: io.port, size: Int(io.size), bytes: bytes)
        case KVM_EXIT_MMIO:
            let length = min(Int(run.pointee.mmio.len), 8)
            let bytes = UnsafeMutableRawBufferPointer(start: kvm_run_mmio_data(run), count: length)
            self =
                run.pointee.mmio.is_write != 0
                ? .memoryWrite(address: run.pointee.mmio.phys_addr, bytes: UnsafeRawBufferPointer(bytes))
                : .memoryRead(address: run.pointee.mmio.phys_addr, bytes: bytes)
        case KVM_EXIT_INTR: self = .interrupted
        case KVM_EXIT_HLT: self = .halted
        case KVM_EXIT_SHUTDOWN: self = .shutdown
        case KVM_EXIT_FAIL_ENTRY:
            self = .failedEntry(hardwareReason: run.pointee.fail_entry.hardware_entry_failure_reason)
        case KVM_EXIT_INTERNAL_ERROR: self = .internalError(suberror: run.pointee.internal.suberror)
        default: self = .unexpected(reason: run.pointee.exit_reason)
        }
    }
}
