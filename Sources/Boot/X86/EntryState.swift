/// The state in which the first vCPU enters the kernel. What is not named here is zero.
public struct EntryState: Equatable, Sendable {
    public enum Mode: Equatable, Sendable {
        /// Protected mode without paging: CR0.PE is set, CR4 and EFER are zero.
        case protected32
        /// Long mode: CR0.PE and PG, CR4.PAE, EFER.LME and LMA are set, and CR3 holds this address.
        case long64(pageTableRoot: UInt64)
    }

    public let mode: Mode
    /// RIP.
    public let instructionPointer: UInt64
    /// The address of `hvm_start_info`, for PVH; otherwise 0.
    public let rbx: UInt64
    /// The address of `boot_params`, for the Linux boot protocol; otherwise 0.
    public let rsi: UInt64
    /// Reserved bit 1 alone: interrupts are off.
    public let flags: UInt64 = 2
    /// GDTR.
    public let descriptorTableBase: UInt64
    public let descriptorTableLimit: UInt16
    public let code: SegmentDescriptor
    /// For DS, ES, SS; also fit for FS and GS.
    public let data: SegmentDescriptor
    public let task: SegmentDescriptor
}
