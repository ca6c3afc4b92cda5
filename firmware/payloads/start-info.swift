/// Shows what the loader passed on: the command line, the modules and the memory map.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)

    Console.write("command line: ")
    if var character = startInfo.commandLine {
        while character.pointee != 0 {
            Serial.data.write(byte: character.pointee)
            character += 1
        }
    }
    Console.write("\n")

    for index in 0..<startInfo.moduleCount {
        let module = startInfo.module(at: index)
        Console.write("module: address ")
        Console.write(hex: module.address)
        Console.write(", bytes ")
        Console.write(decimal: module.size)
        Console.write(", sum of the first 4096 at most ")
        Console.write(decimal: sum(module.address, min(module.size, 4096)))
        Console.write("\n")
    }

    for index in 0..<startInfo.regionCount {
        let region = startInfo.region(at: index)
        Console.write("region: address ")
        Console.write(hex: region.start)
        Console.write(", bytes ")
        Console.write(hex: region.size)
        Console.write(", type ")
        Console.write(decimal: UInt64(region.type))
        Console.write("\n")
    }
    return 0
}

private func sum(_ address: UInt64, _ count: UInt64) -> UInt64 {
    var sum: UInt64 = 0
    for offset in 0..<UInt(count) {
        guard let byte = UnsafePointer<UInt8>(bitPattern: UInt(address) &+ offset) else { continue }
        sum += UInt64(byte.pointee)
    }
    return sum
}
