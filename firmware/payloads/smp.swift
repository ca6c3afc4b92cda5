import Instructions
import Synchronization

/// Starts every other CPU that the MADT names and waits for a sign of life from each.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("starting all processors\n")
    let madt = ACPITable.find("APIC", from: StartInfo(startInfo))
    LocalAPIC.enable()
    let own = LocalAPIC.id
    if cpuidAPICID != own { mismatches.increment() }

    var others: UInt32 = 0
    var ownSeen = false
    forEachProcessor(madt) { id in
        if id == own {
            require(!ownSeen, "the MADT names the boot processor twice", status: 1)
            ownSeen = true
        } else {
            others += 1
        }
    }
    require(ownSeen, "the MADT does not name the boot processor", status: 2)

    UnsafeMutableRawPointer(bitPattern: UInt(trampolinePage) << 12)?
        .copyMemory(from: processor_trampoline(), byteCount: Int(processor_trampoline_size()))
    // Intel SDM volume 3, "MP initialization example": INIT, 10 ms, start-up, 200 us, and start-up again for a CPU
    // that missed the first.
    forEachProcessor(madt) { id in if id != own { LocalAPIC.sendInit(to: id) } }
    _ = Deadline(megacycles: 40).wait { false }
    for _ in 0..<2 {
        forEachProcessor(madt) { id in if id != own { LocalAPIC.sendStartUp(to: id, page: trampolinePage) } }
        _ = Deadline(megacycles: 1).wait { false }
    }

    let deadline = Deadline(megacycles: 8000)
    forEachProcessor(madt) { id in
        if id == own { return }
        require(deadline.wait { starts(of: id).current > 0 }, "a processor is missing", status: 3)
        Console.write("local APIC id: ")
        Console.write(decimal: UInt64(id))
        Console.write("\n")
    }
    forEachProcessor(madt) { id in
        let expected: UInt32 = id == own ? 0 : 1
        require(starts(of: id).current == expected, "a processor started twice", status: 4)
    }
    require(totalStarts.current == others, "more or fewer processors started than the MADT names", status: 5)
    require(mismatches.current == 0, "a processor's CPUID and local APIC disagree about its id", status: 7)

    Console.write("cpus: ")
    Console.write(decimal: UInt64(others) + 1)
    Console.write("\n")
    return 0
}

/// Where each of the others arrives, with a stack of its own.
@c
func processorMain() {
    if cpuidAPICID != LocalAPIC.id { mismatches.increment() }
    starts(of: LocalAPIC.id).increment()
}

/// The local APIC's id as CPUID leaf 1 has it.
private var cpuidAPICID: UInt8 { UInt8(truncatingIfNeeded: cpuid(1, 0).ebx >> 24) }

private var trampolinePage: UInt8 { 8 }

/// Calls `body` with the local APIC id of each usable processor (ACPI 6.5 §5.2.12.2).
private func forEachProcessor(_ madt: ACPITable, _ body: (UInt8) -> Void) {
    let processorLocalAPIC: UInt8 = 0
    let enabled: UInt8 = 1 << 0
    var offset = ACPITable.headerSize + 8
    while offset + 2 <= madt.length {
        let entry = madt.base + Int(offset)
        let length = entry.load(fromByteOffset: 1, as: UInt8.self)
        require(length >= 2 && offset + UInt32(length) <= madt.length, "a MADT entry has a wrong length", status: 6)
        if entry.load(as: UInt8.self) == processorLocalAPIC, length >= 8,
            entry.load(fromByteOffset: 4, as: UInt8.self) & enabled != 0
        {
            body(entry.load(fromByteOffset: 3, as: UInt8.self))
        }
        offset += UInt32(length)
    }
}

/// How often the processor with a local APIC id has started.
private func starts(of id: UInt8) -> Counter {
    Counter(address: processor_starts() + Int(id) * 4)
}

/// How many processors have come through the trampoline.
private var totalStarts: Counter { Counter(address: processor_count()) }

private var mismatches: Counter { Counter(address: processor_mismatches()) }

/// A 32-bit counter that all processors share.
private struct Counter {
    private let value: UnsafeMutablePointer<Atomic<UInt32>>

    init(address: UnsafeMutableRawPointer) {
        value = address.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    var current: UInt32 { value.pointee.load(ordering: .acquiring) }

    func increment() { value.pointee.add(1, ordering: .releasing) }
}
