import Instructions

/// Interrupts of each origin: COM1 through the I/O APIC, the local APIC's timer, this CPU itself.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("interrupts\n")
    InterruptTable.install()
    LegacyInterrupts.mask()
    LocalAPIC.enable()
    sti()

    LocalAPIC.sendToSelf(vector: selfVector)
    require(arrived(selfVector, times: 1), "an interrupt to this CPU itself did not arrive", status: 2)

    checkSerial()
    checkTimer()

    report("serial", serialVector)
    report("timer", timerVector)
    report("self", selfVector)
    return 0
}

private var serialVector: UInt8 { 0x30 }
private var timerVector: UInt8 { 0x31 }
private var selfVector: UInt8 { 0x32 }

@c
func handleInterrupt(vector: UInt64) {
    require(vector >= 32, "an exception came", status: 1)
    InterruptTable.add(UInt8(truncatingIfNeeded: vector))
    LocalAPIC.endInterrupt()
}

/// The transmitter is empty: COM1 interrupts as soon as it may, and again after each byte it has sent.
private func checkSerial() {
    IOAPIC.route(line: 4, toVector: serialVector, ofLocalAPIC: LocalAPIC.id)
    let outputsOn: UInt8 = 0b1011  // DTR, RTS and OUT2, which gates the interrupt line on a PC.
    Serial.modemControl.write(byte: outputsOn)

    let transmitterEmptyInterrupt: UInt8 = 1 << 1
    Serial.interruptEnable.write(byte: transmitterEmptyInterrupt)
    require(arrived(serialVector, times: 1), "COM1's first interrupt did not arrive", status: 3)
    require(takeCause() == 0b0010, "COM1 does not name the empty transmitter as the cause", status: 4)
    require(takeCause() == 0b0001, "COM1 still names a cause after it was read", status: 5)

    Console.write(".")
    require(arrived(serialVector, times: 2), "COM1's second interrupt did not arrive", status: 6)
    _ = takeCause()
    Serial.interruptEnable.write(byte: 0)
    Console.write("\n")
    require(InterruptTable.count(serialVector) == 2, "COM1 interrupted although it was told not to", status: 7)
}

private func takeCause() -> UInt8 {
    Serial.interruptIdentification.readByte() & 0b1111
}

private func checkTimer() {
    LocalAPIC.startTimer(vector: timerVector, ticks: 10_000)
    require(arrived(timerVector, times: 1), "the local APIC's timer did not expire", status: 8)

    // The second time it wakes a halted CPU. Between the look at the count and the halt, interrupts are off.
    LocalAPIC.startTimer(vector: timerVector, ticks: 1_000_000)
    cli()
    while InterruptTable.count(timerVector) == 1 {
        sti_hlt()
        cli()
    }
    sti()

    let deadlineTimerFeature: UInt32 = 1 << 24
    let deadlineMSR: UInt32 = 0x6E0
    if cpuid(1, 0).ecx & deadlineTimerFeature != 0 {
        LocalAPIC.useDeadlineTimer(vector: timerVector)
        wrmsr(deadlineMSR, rdtsc() + 100_000)
        require(arrived(timerVector, times: 3), "the local APIC's deadline timer did not expire", status: 9)
    }
}

private func arrived(_ vector: UInt8, times: UInt32) -> Bool {
    Deadline(megacycles: 8000).wait { InterruptTable.count(vector) == times }
}

private func report(_ name: StaticString, _ vector: UInt8) {
    Console.write(name)
    Console.write(" interrupts: ")
    Console.write(decimal: UInt64(InterruptTable.count(vector)))
    Console.write("\n")
}
