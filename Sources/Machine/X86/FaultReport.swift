import CLinux
import GuestMemory
import KVM

/// What is known of a vCPU that cannot go on: a sentence, and its state for those who debug the guest.
public struct FaultReport: Equatable, Sendable {
    public let summary: String
    /// Registers and the bytes of the next instructions, a few lines; empty where KVM does not tell.
    public let details: String

    init(_ summary: String, vcpu: borrowing VCPU, memory: GuestMemory) {
        self.summary = summary
        details = Self.describe(vcpu, memory)
    }

    private static func describe(_ vcpu: borrowing VCPU, _ memory: GuestMemory) -> String {
        guard let general = try? vcpu.registers(), let special = try? vcpu.specialRegisters() else { return "" }
        var lines = [
            line([("rip", general.rip), ("rflags", general.rflags), ("cs", UInt64(special.cs.selector))]),
            line([("rax", general.rax), ("rbx", general.rbx), ("rcx", general.rcx), ("rdx", general.rdx)]),
            line([("rsi", general.rsi), ("rdi", general.rdi), ("rbp", general.rbp), ("rsp", general.rsp)]),
            line([("r8", general.r8), ("r9", general.r9), ("r10", general.r10), ("r11", general.r11)]),
            line([("r12", general.r12), ("r13", general.r13), ("r14", general.r14), ("r15", general.r15)]),
            line([("cr0", special.cr0), ("cr2", special.cr2), ("cr3", special.cr3), ("cr4", special.cr4)]),
            line([("efer", special.efer), ("gdt", special.gdt.base), ("idt", special.idt.base)]),
        ]
        let address = special.cs.base &+ general.rip
        let code = (UInt64(0)..<16).compactMap { offset -> UInt8? in
            guard let physical = vcpu.translate(address &+ offset) else { return nil }
            return try? memory.load(at: physical, as: UInt8.self)
        }
        lines.append(
            "  code at rip: " + (code.isEmpty ? "not in memory" : code.map { hexadecimal($0) }.joined(separator: " ")))
        return lines.joined(separator: "\n")
    }

    private static func line(_ registers: [(name: String, value: UInt64)]) -> String {
        "  " + registers.map { "\($0.name)=\(hexadecimal($0.value))" }.joined(separator: "  ")
    }
}

/// All digits of a number, as registers and code bytes are written.
func hexadecimal<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: Value.bitWidth / 4 - digits.count) + digits
}
