import Instructions

/// Writes to COM1 without end, as `flood` does, and while a byte waits for the transmitter writes to the first block
/// device: again and again a sector that begins with a 64-bit count, from 1 up.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    var arena = Arena(startInfo)
    var disk = VirtioBlock(VirtioDiscovery.first(VirtioType.block, startInfo), queueSize: 4, &arena)
    let sector = arena.allocate(VirtioBlock.sectorSize)
    disk.start(0)
    var count: UInt64 = 0

    func writeWhenEmpty(_ byte: UInt8) {
        while Serial.lineStatus.readByte() & Serial.transmitterEmpty == 0 {
            count += 1
            sector.storeBytes(of: count, as: UInt64.self)
            let status = disk.perform(
                VirtioBlock.write, sector: 0, sector, length: UInt32(VirtioBlock.sectorSize))
            require(status == VirtioBlock.statusOK, "a write failed", status: 1)
        }
        Serial.data.write(byte: byte)
    }

    Console.write("flooding the console\n")
    while true {
        for character in UInt8(ascii: "!")..<UInt8(ascii: "!") + 63 {
            writeWhenEmpty(character)
        }
        writeWhenEmpty(UInt8(ascii: "\n"))
    }
}
