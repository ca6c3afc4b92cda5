/// Reads, writes and reads again the last 4 KiB of every block device, with direct and with indirect descriptors. In
/// the end the highest bit of each of their 64-bit words is another.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    var arena = Arena(startInfo)
    var count: UInt64 = 0
    VirtioDiscovery.forEachDevice(startInfo) { device in
        guard device.type == VirtioType.block else { return }
        count += 1
        var block = VirtioBlock(device, queueSize: 64, &arena)
        check(&block, 0, mark: 0, &arena)
        check(&block, VirtioFeature.indirectDescriptors | VirtioFeature.eventIndex, mark: 1 << 63, &arena)
        Console.write("block over ")
        Console.write(device.name)
        Console.write(" is right, sectors: ")
        Console.write(decimal: block.capacity)
        Console.write("\n")
    }
    require(count > 0, "there is no block device", status: 1)
    return 0
}

private func check(_ block: inout VirtioBlock, _ features: UInt64, mark: UInt64, _ arena: inout Arena) {
    let bytes = 4096
    let buffer = arena.allocate(2 * bytes)
    let pattern = buffer + bytes
    let last = block.capacity - UInt64(bytes / VirtioBlock.sectorSize)
    block.start(features)

    func perform(_ type: UInt32, _ buffer: UnsafeMutableRawPointer, _ complaint: StaticString) {
        require(
            block.perform(type, sector: last, buffer, length: UInt32(bytes)) == VirtioBlock.statusOK, complaint,
            status: 2)
    }
    perform(VirtioBlock.read, buffer, "a read failed")
    for word in 0..<bytes / 8 {
        let old = buffer.load(fromByteOffset: word * 8, as: UInt64.self)
        pattern.storeBytes(of: ~old ^ UInt64(word) ^ mark, toByteOffset: word * 8, as: UInt64.self)
    }
    perform(VirtioBlock.write, pattern, "a write failed")
    perform(VirtioBlock.read, buffer, "a read failed after a write")
    for word in 0..<bytes / 8 {
        require(
            buffer.load(fromByteOffset: word * 8, as: UInt64.self)
                == pattern.load(fromByteOffset: word * 8, as: UInt64.self),
            "what was read is not what was written", status: 3)
    }
}
