import _Volatile

/// Accesses of each width to guest-physical addresses where nothing is: reads are all ones, writes are ignored.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    Console.write("accesses to unmapped memory\n")
    check(0xD000_0000, startInfo)
    check(0x2_0000_0000, startInfo)
    Console.write("unmapped memory is right\n")
    return 0
}

private func check(_ physical: UInt64, _ startInfo: StartInfo) {
    Console.write("address ")
    Console.write(hex: physical)
    if startInfo.isMemory(physical) {
        Console.write(" is memory here\n")
        return
    }
    Console.write("\n")

    let address = MemoryWindow.address(of: physical)
    let byte = VolatileMappedRegister<UInt8>(unsafeBitPattern: address)
    let word = VolatileMappedRegister<UInt16>(unsafeBitPattern: address)
    let dword = VolatileMappedRegister<UInt32>(unsafeBitPattern: address)
    let qword = VolatileMappedRegister<UInt64>(unsafeBitPattern: address)
    // From the last 4 bytes of one page into the next.
    let crossing = VolatileMappedRegister<UInt64>(unsafeBitPattern: address + 0xFFC)

    for _ in 0..<2 {
        require(byte.load() == .max, "a byte is not all ones", status: 1)
        require(word.load() == .max, "a word is not all ones", status: 2)
        require(dword.load() == .max, "a dword is not all ones", status: 3)
        require(qword.load() == .max, "a qword is not all ones", status: 4)
        require(crossing.load() == .max, "a qword across pages is not all ones", status: 5)
        byte.store(0x12)
        word.store(0x1234)
        dword.store(0x1234_5678)
        qword.store(0x1234_5678_9ABC_DEF0)
        crossing.store(0x1234_5678_9ABC_DEF0)
    }
}
