import Instructions
import _Volatile

/// Checks the memory map: its regions do not overlap, and the first and last words of each region of memory hold
/// values of their own, wherever in the physical address space they are.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    Console.write("memory map and memory\n")
    require(startInfo.isMemory(UInt64(UInt(bitPattern: window_directory()))), "the map misses this payload", status: 1)
    require(startInfo.regionCount <= maximum, "the map has more regions than this payload can check", status: 2)
    checkRegions(startInfo)

    // All words are written before the first is read again, so that two addresses of one word show. The loader's
    // own data may be among them: each gets its old value back.
    var old = InlineArray<64, UInt64>(repeating: 0)
    forEachWord(startInfo) { index, address in
        let word = word(at: address)
        old[index] = word.load()
        word.store(pattern(address))
    }
    forEachWord(startInfo) { index, address in
        require(word(at: address).load() == pattern(address), "a word lost its value", status: 4)
    }
    forEachWord(startInfo) { index, address in
        word(at: address).store(old[index])
    }

    var bytes: UInt64 = 0
    for index in 0..<startInfo.regionCount where startInfo.region(at: index).isMemory {
        let region = startInfo.region(at: index)
        bytes += region.size
        Console.write("memory from ")
        Console.write(hex: region.start)
        Console.write(" to ")
        Console.write(hex: region.end)
        Console.write(" is right\n")
    }
    Console.write("memory: ")
    Console.write(decimal: bytes >> 10)
    Console.write(" KiB\n")
    return 0
}

/// Regions, of which each has two words to check.
private var maximum: UInt32 { 32 }

private func checkRegions(_ startInfo: StartInfo) {
    for index in 0..<startInfo.regionCount {
        let region = startInfo.region(at: index)
        require(region.end >= region.start, "a region wraps around", status: 5)
        require(region.size >= 4096 || !region.isMemory, "a region of memory is less than a page", status: 6)
        for other in 0..<index {
            let other = startInfo.region(at: other)
            require(region.end <= other.start || other.end <= region.start, "two regions overlap", status: 3)
        }
    }
}

private func forEachWord(_ startInfo: StartInfo, _ body: (Int, UInt64) -> Void) {
    for index in 0..<startInfo.regionCount where startInfo.region(at: index).isMemory {
        let region = startInfo.region(at: index)
        body(Int(index) * 2, (region.start + 7) & ~7)
        body(Int(index) * 2 + 1, (region.end - 8) & ~7)
    }
}

private func word(at physical: UInt64) -> VolatileMappedRegister<UInt64> {
    VolatileMappedRegister(unsafeBitPattern: MemoryWindow.address(of: physical))
}

private func pattern(_ address: UInt64) -> UInt64 {
    address ^ 0x5A5A_A5A5_C3C3_3C3C
}
